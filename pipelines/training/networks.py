"""timm backbones: built, given weights, and asked what pixels they were trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pipelines.stops import UsageError
from pipelines.training.pretrained import WAYS, naming_ways, require_timm


@dataclass(frozen=True)
class Pixels:
    """What a backbone expects of its input, of channels in 0..1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str

    def of_channels(self, channels: int) -> Pixels:
        """The same for images of so many channels: gray ones take the mean of the colours."""
        if len(self.mean) == channels:
            return self
        mean, std = sum(self.mean) / len(self.mean), sum(self.std) / len(self.std)
        return Pixels((mean,) * channels, (std,) * channels, self.interpolation)


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A timm network by name, with its pooling and a linear head."""

    model: str
    outputs: int | None  # 0: pooled features; None: those of the classifier that its weights have
    size: int = 224
    channels: int = 3
    drop: float = 0.0

    def build(self, weights: str, seed: int) -> torch.nn.Module:
        """The network with pretrained weights, those of a file, or none; what is not loaded starts at random."""
        check_model(self.model)
        torch.manual_seed(seed)
        if weights == "none":
            return self._made(pretrained=False)
        file = None if weights == "pretrained" else find_weights(weights)
        with naming_ways(weights, self.model):
            if file is None:
                require_timm(self.model)
            made = self._made(pretrained=True, pretrained_cfg_overlay=file and {"file": str(file)})
            if file is not None:
                check_names(made, file)
        return made

    @property
    def fixed(self) -> bool:
        """Whether the network is made for one size of images (ViT, Swin), and cannot see others afterwards."""
        import timm

        known = timm.get_pretrained_cfg(self.model)
        return known is not None and bool(known.fixed_input_size)

    def _made(self, **weights: Any) -> torch.nn.Module:
        import timm

        chosen: dict[str, Any] = {"img_size": self.size} if self.fixed else {}
        chosen |= {} if self.outputs is None else {"num_classes": self.outputs}
        made: torch.nn.Module = timm.create_model(
            self.model, in_chans=self.channels, drop_rate=self.drop, **chosen, **weights
        )
        return made


def find_weights(text: str) -> Path:
    """The safetensors file that a path means; other formats are pickles, and nothing is unpickled."""
    path = Path(text)
    found = [path] if path.is_file() else sorted(path.rglob("*.safetensors"))
    if len(found) != 1:
        got = "no such file or folder" if not path.exists() else f"{len(found)} .safetensors files in it"
        raise ValueError(f"--weights {text}: expected one safetensors file, got {got}; {WAYS}")
    if found[0].suffix != ".safetensors":
        raise ValueError(
            f"--weights {text}: expected a .safetensors file, got {found[0].suffix or 'no ending'}: a pickle can run "
            "code when it is read; convert it once, where you trust it: "
            f"safetensors.torch.save_file(torch.load(FILE, weights_only=True), TO); {WAYS}"
        )
    return found[0]


def check_names(network: torch.nn.Module, file: Path) -> None:
    """Refuse a file that lacks weights of a timm network, its head apart: they would silently start at random."""
    from safetensors import safe_open

    head: Any = network.pretrained_cfg["classifier"]  # type: ignore[index]  # timm's networks have one
    heads = tuple(f"{name}." for name in ([head] if isinstance(head, str) else head or ()))
    with safe_open(file, framework="pt") as stored:
        held = set(stored.keys())
    named = [name for name, _ in network.named_parameters()]
    lacking = [name for name in named if name not in held and not name.startswith(heads)]
    if lacking:
        raise ValueError(f"{file} lacks {len(lacking)} of its weights ({', '.join(lacking[:3])}, ...)")


def pixels_of(network: torch.nn.Module) -> Pixels:
    """The statistics and interpolation that come with a backbone."""
    from timm.data.config import resolve_model_data_config

    found = resolve_model_data_config(network)
    return Pixels(tuple(found["mean"]), tuple(found["std"]), found["interpolation"])


def interpolation_of(model: str) -> str:
    """The interpolation that a backbone was trained with; bilinear where timm does not say."""
    import timm

    known = timm.get_pretrained_cfg(model)
    return known.interpolation if known is not None and known.interpolation else "bilinear"


def check_pretrained(model: str) -> None:
    """Refuse to wait for pretrained weights that nobody has."""
    import timm

    known = timm.get_pretrained_cfg(model)
    if known is None or not known.has_weights:
        raise ValueError(f"--weights pretrained: expected a backbone that timm has weights of, got {model}; {WAYS}")


def check_model(model: str, flag: str = "--model") -> None:
    """Refuse a backbone that timm does not know, naming near ones; flag: where it was asked for."""
    import difflib

    import timm

    if not timm.is_model(model):
        near = difflib.get_close_matches(model, timm.list_models(), n=5, cutoff=0.4)
        raise UsageError(f"{flag}: expected a timm backbone, got {model!r}; near: {', '.join(near) or 'none'}")
