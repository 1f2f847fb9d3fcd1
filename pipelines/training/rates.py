"""Learning rates as a function of the step, so that a resumed run needs no scheduler state but plateau's."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipelines.training.settings import NetworkSettings

FLOOR = 0.01  # share of the peak rate that a falling schedule ends at
RISE, START = 0.3, 0.04  # onecycle: share of steps in which the rate rises, and of the peak where it starts (PyTorch's)
PLATEAU_FACTOR, PLATEAU_PATIENCE = 0.3, 2  # cut the rate to this share after so many epochs without a better score


@dataclass
class Rates:
    """The learning rate of each step, as a share of the peak."""

    settings: NetworkSettings
    steps: int  # of the whole training
    cuts: int = 0
    stale: int = 0
    best: float = math.inf

    def share(self, step: int) -> float:
        """Of the step with this number, from 0."""
        if self.settings.schedule == "onecycle":
            return self._onecycle(step)
        rising = round(self.settings.warmup * self.steps)
        if step < rising:
            return (step + 1) / rising
        if self.settings.schedule == "cosine":
            return FLOOR + (1 - FLOOR) * _cosine((step - rising) / max(1, self.steps - rising))
        return PLATEAU_FACTOR**self.cuts

    def _onecycle(self, step: int) -> float:
        top = max(1.0, RISE * self.steps - 1)
        if step <= top:
            return START + (1 - START) * (1 - _cosine(step / top))
        return _cosine((step - top) / max(1.0, self.steps - 1 - top))

    def heed(self, loss: float) -> None:
        """Tell the plateau schedule how an epoch was judged; lower is better."""
        if self.settings.schedule != "plateau":
            return
        if loss < self.best:
            self.best, self.stale = loss, 0
            return
        self.stale += 1
        if self.stale > PLATEAU_PATIENCE:
            self.cuts, self.stale = self.cuts + 1, 0

    def state(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        return {"cuts": self.cuts, "stale": self.stale, "best": self.best}

    def restore(self, state: dict[str, float]) -> None:
        """Back to a checkpoint's state."""
        self.cuts, self.stale, self.best = int(state["cuts"]), int(state["stale"]), state["best"]


def _cosine(share: float) -> float:
    """From 1 at 0 down to 0 at 1."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
