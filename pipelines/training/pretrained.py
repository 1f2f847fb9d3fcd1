"""Pretrained weights that nobody has put on this machine: whether they can be had, found out in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pipelines.stops import UsageError

FILES = (  # what the hub's repositories call weights
    "model.safetensors",
    "pytorch_model.bin",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)
PATIENCE = 5.0  # seconds for the hub's first answer; its own client tries for a minute, a silent network for many
WAYS = (
    "three ways to have weights: --weights pretrained (downloads them once, needs the internet), "
    "--weights PATH (a model.safetensors or a folder that holds one, as in a Kaggle dataset), "
    "--weights none (a random start, for networks trained from scratch)"
)


@contextmanager
def naming_ways(weights: str, model: str) -> Iterator[None]:
    """While this lasts, weights that cannot be had are an error that names the ways to have some."""
    try:
        yield
    except UsageError:  # says itself what is wrong, and it is not the weights
        raise
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ValueError(f"--weights {weights}: expected weights of {model}, got: {_reason(error)}; {WAYS}") from error


def require(repository: str, revision: str | None = None) -> None:
    """Refuse weights of a repository that are not in the hub's cache when the hub does not answer."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError

    if any(isinstance(try_to_load_from_cache(repository, name, revision=revision), str) for name in FILES):
        return
    url = hf_hub_url(repository, FILES[0], revision=revision)
    with ThreadPoolExecutor(1) as pool:  # whose future holds the error, of whatever kind the hub's client makes it
        error = pool.submit(get_hf_file_metadata, url, timeout=PATIENCE).exception()
    if error is not None and not isinstance(error, HfHubHTTPError):  # any answer is one: the download says the rest
        raise ConnectionError(f"no copy in the hub's cache, and no answer from {url} ({_reason(error)})") from error


def require_timm(model: str) -> None:
    """Refuse a timm network's pretrained weights that are neither there nor to be had now."""
    import timm

    known = timm.get_pretrained_cfg(model)
    if known is not None and known.hf_hub_id:  # a few old ones lie elsewhere
        require(known.hf_hub_id)


def _reason(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
