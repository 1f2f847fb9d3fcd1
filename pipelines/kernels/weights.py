"""Which pretrained weights a kernel must carry, as it cannot download any."""

from __future__ import annotations

from pathlib import Path

from pipelines.contract import Learner

START = "pretrained"


def settle_weights(learner: Learner, given: Path | None, train: bool, internet: bool) -> Path | None:
    """The weights that travel: those given, or those that the run itself was given; None where none are needed."""
    if given is not None and not given.exists():
        raise FileNotFoundError(
            f"--weights {given}: expected a .safetensors file or a folder of them, got nothing there"
        )
    setting = getattr(learner, "weights", "none")
    if setting == "none" or not (train or looks_through(learner)):
        return None
    if given is not None:
        return given
    if setting != START and Path(setting).exists():
        return Path(setting)
    if setting == START and internet:
        return None
    models = ", ".join(getattr(learner, "backbones", (getattr(learner, "model", ""),)))
    raise ValueError(
        f"expected weights of {models} to travel with the kernel, which has no internet, got none: give --weights with "
        "their .safetensors file (of several a folder with NAME.safetensors each); timm keeps what it downloaded as "
        "model.safetensors under ~/.cache/huggingface/hub"
    )


def looks_through(learner: Learner) -> bool:
    """Whether the learner needs its backbones' weights to predict, as its models keep none of them."""
    return hasattr(learner, "backbones")
