"""The settings that every network's training shares; a learner inherits them as its own flags."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal

AUTO_BATCH = 32  # rows of a step under --batch auto: the same everywhere, so that a machine never changes a result


def usable_cores() -> int:
    """Cores that this process may use, at most 16."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return max(2, min(16, cores))


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """How a network is trained, whatever its task; what never changes results is compare=False and no setting."""

    epochs: int = 10
    """Passes over the training rows."""
    batch: int | Literal["auto"] = 32
    """Rows per optimiser step; auto: 32, and when memory runs out each step is computed in more pieces."""
    rate: float = 1e-3
    """Peak learning rate."""
    optimiser: Literal["adamw", "sgd"] = "adamw"
    """Which optimiser."""
    decay: float = 0.05
    """Weight decay, on weights only (not on biases and norms)."""
    layer_decay: float = 1.0
    """Each layer below the head learns at this share of the rate of the one above it; 1: all alike."""
    schedule: Literal["cosine", "onecycle", "plateau", "constant"] = "cosine"
    """How the learning rate goes after warm-up."""
    warmup: float = 0.05
    """Share of all steps in which the learning rate rises."""
    accumulate: int = 1
    """Pieces that a step is computed in, for networks that do not fit the memory at once."""
    clip: float = 0.0
    """Largest norm of the gradients; 0: as they are."""
    ema: float = 0.0
    """Decay of the running mean of weights that predicts in the network's stead; 0: none."""
    smoothing: float = 0.0
    """Label smoothing."""
    mixup: float = 0.0
    """Strength of mixup (alpha of the beta distribution); 0: none."""
    cutmix: float = 0.0
    """Strength of cutmix (alpha of the beta distribution); 0: none."""
    keep: Literal["last", "best"] = "last"
    """Which epoch predicts: the last, or the best on the validation rows (then their score is optimistic)."""
    patience: int = 0
    """Stop after this many epochs without a better score; 0: train them all."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Number format of the network's arithmetic; auto: what the device does best."""
    checkpointing: bool = False
    """Compute activations again in the backward pass: slower, much less memory."""
    channels_last: bool = True
    """Memory layout that tensor cores like."""
    compile: bool = False
    """Compile the network with torch.compile."""
    seed: int = 0
    """What every random draw derives from."""
    save_every: int = field(default=0, compare=False)
    """Steps between checkpoints inside an epoch; 0: at the end of each epoch only."""
    workers: int = field(default_factory=usable_cores, compare=False)
    """Threads that prepare batches."""
    device: str = field(default="auto", compare=False)
    """Where to compute: auto, cpu, cuda, cuda:1, mps; several as in cuda:0,cuda:1 take a fold each."""

    def __post_init__(self) -> None:
        for name, low in {"epochs": 1, "accumulate": 1, "patience": 0, "save_every": 0, "workers": 0}.items():
            _expect(name, getattr(self, name) >= low, f"a whole number of at least {low}", getattr(self, name))
        _expect("batch", self.batch == "auto" or self.batch >= 1, "auto or a whole number of at least 1", self.batch)
        _expect("rate", self.rate > 0, "a number above 0", self.rate)
        for name in ("decay", "clip", "mixup", "cutmix"):
            _expect(name, getattr(self, name) >= 0, "a number of at least 0", getattr(self, name))
        for name in ("warmup", "ema", "smoothing"):
            _expect(name, 0 <= getattr(self, name) < 1, "a number from 0 to below 1", getattr(self, name))
        _expect("layer_decay", 0 < self.layer_decay <= 1, "a number above 0 and up to 1", self.layer_decay)

    @property
    def step_rows(self) -> int:
        """Rows per optimiser step, as a number."""
        return AUTO_BATCH if self.batch == "auto" else self.batch


def _expect(name: str, good: bool, wanted: str, got: object) -> None:
    if not good:
        raise ValueError(f"--{name.replace('_', '-')}: expected {wanted}, got {got}")
