"""Which pretrained weights a kernel must carry, as it cannot download any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines.contract import Learner

START = "pretrained"


def settle_weights(learners: Sequence[Learner], given: Path | None, train: bool, internet: bool) -> Path | None:
    """The weights that travel: those given, or those that the runs were given; None where none are needed."""
    if given is not None and not given.exists():
        raise FileNotFoundError(f"--weights {given}: expected a .safetensors file or folder, got nothing there")
    needing = [each for each in learners if getattr(each, "weights", "none") != "none"]
    if not train and given is None:  # models hold their weights, or their learner carries what they lack
        return None
    if not needing:
        return None
    if given is not None:
        return given
    settings = {str(each.weights) for each in needing}  # type: ignore[attr-defined]  # they have it
    if len(settings) == 1 and Path(*settings).exists():
        return Path(*settings)
    if settings == {START} and internet:
        return None
    models = [name for each in needing for name in getattr(each, "backbones", (getattr(each, "model", ""),))]
    raise ValueError(
        f"expected weights of {', '.join(models)} to travel with the kernel, which has no internet, got none: give "
        "--weights with their .safetensors file (of several a folder with NAME.safetensors each); timm keeps what it "
        "downloaded as model.safetensors under ~/.cache/huggingface/hub"
    )
