"""What the steps of `podium kernel` take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from competitions.requests import FilesRequest
from competitions.submitting import SendRequest
from pipelines.budget import seconds_of
from pipelines.kernels.order import NOBODY
from pipelines.stops import UsageError


@dataclass(frozen=True)
class KernelRequest(FilesRequest):
    """What every `podium kernel` takes."""

    train: bool = False
    """The kernel that trains the run, not the one that predicts with its models."""


@dataclass(frozen=True)
class BuildRequest(KernelRequest):
    """What `podium kernel build` takes."""

    accelerator: str = "t4"
    """What it runs on: t4 (two of them), none (CPU only), or l4, h100 where a competition offers them."""
    script: bool = False
    """Write a script, not a notebook; Kaggle keeps to one of the two once a kernel is there."""
    owner: str = NOBODY
    """Your name at Kaggle (default: filled in by push)."""
    name: str = ""
    """The kernel's name in addresses (default: of the competition, the run and its fingerprint)."""
    weights: Path | None = None
    """A .safetensors file, or a folder of them, that pretrained backbones start from; travels as a dataset."""
    wheels: Path | None = None
    """A folder of wheels that travel along, for packages that Kaggle's image lacks."""
    internet: bool = False
    """Turn the internet on, for --train only: W&B's key is then taken from Kaggle's secrets."""
    public: bool = False
    """Let everybody see the kernel and its datasets."""
    folds: tuple[int, ...] = ()
    """With --train: fit only these folds, as in 0,1 (default: all)."""
    budget: str = "11h"
    """With --train: stop training after this long and predict with what is there."""

    def __post_init__(self) -> None:
        seconds_of(self.budget, "--budget")
        if self.internet and not self.train:
            raise UsageError("--internet: expected --train beside it, as code competitions score without internet")
        if self.folds and not self.train:
            raise UsageError("--folds: expected --train beside it, as without it the models that there are predict")


@dataclass(frozen=True)
class RehearseRequest(KernelRequest):
    """What `podium kernel rehearse` takes."""

    hidden: int = -1
    """Rows of the larger test set that is swapped in; 0: none; -1: of a code competition twice the visible ones, 200
    at least, else none; with --train none, as it trains anew for them."""

    def __post_init__(self) -> None:
        if self.hidden < -1:
            raise UsageError(f"--hidden: expected a number of rows, or -1, got {self.hidden}")


@dataclass(frozen=True)
class WatchRequest(KernelRequest):
    """What `podium kernel push` and `podium kernel status` take."""

    wait: str = "0"
    """How long to wait for the session to end, as in 2h; 0: say how it does now."""

    def __post_init__(self) -> None:
        seconds_of(self.wait, "--wait")


@dataclass(frozen=True)
class PullRequest(KernelRequest):
    """What `podium kernel pull` takes."""

    all: bool = False
    """Fetch all that the kernel left, a training kernel's models too."""


@dataclass(frozen=True)
class SubmitKernelRequest(KernelRequest, SendRequest):
    """What `podium kernel submit` takes."""
