"""Where the weights of frozen backbones lie, and what tells them from others."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from pipelines.learners.frozen.settings import FrozenSettings


def weights_identity(learner: FrozenSettings, backbone: str) -> str:
    """What tells a backbone's weights from others of the same name."""
    if learner.weights == "none":
        return "none"
    if learner.weights == "pretrained":  # timm may give a name other weights in another version
        return f"pretrained, timm {metadata.version('timm')}"
    return learner.contents.hashes([weights_file(learner.weights, learner.backbones, backbone)])[0]


def require_backbones(learner: FrozenSettings) -> None:
    """Refuse backbones' pretrained weights that are neither on this machine nor to be had now."""
    from pipelines.training.networks import check_model
    from pipelines.training.pretrained import naming_ways, require_timm

    for backbone in learner.backbones if learner.weights == "pretrained" else ():
        check_model(backbone, "--backbones")
        with naming_ways(learner.weights, backbone):
            require_timm(backbone)


def weights_file(weights: str, backbones: Sequence[str], backbone: str) -> Path:
    """A backbone's weights in the folder that holds those of all; the file of a single one may be named itself."""
    folder = Path(weights)
    choices = [folder / f"{backbone}.safetensors", folder / backbone / "model.safetensors"]
    if len(backbones) == 1:
        choices += [folder / "model.safetensors", *([folder] if folder.is_file() else [])]
    found = next((path for path in choices if path.is_file()), None)
    if found is None:
        raise ValueError(
            f"--weights {weights}: expected weights of {backbone} in one of {', '.join(map(str, choices))}, got none; "
            "put them there, or --weights pretrained (downloads them, needs the internet)"
        )
    return found
