"""The learning-rate finder: a short training whose rate rises from very small until the loss blows up."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipelines.training.fit import Batches, Training
from pipelines.training.joined import Inputs

LOWEST, HIGHEST, STEPS = 1e-7, 1.0, 100  # learning rates, tried in even ratios
BLOWN = 4.0  # times the lowest smoothed loss: nothing is learned from there on
SMOOTHING = 0.9  # share of the running mean of losses that each step keeps


@dataclass(frozen=True)
class Curve:
    """Learning rates and the smoothed loss at each, and the rate at which the loss falls fastest."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def suggestion(self) -> float:
        """Where the loss falls fastest per step before its lowest point: a peak rate to start from."""
        losses = np.asarray(self.losses)
        falling = np.gradient(losses)[: int(losses.argmin()) + 1]
        return self.rates[int(falling.argmin())]

    def plot(self, path: Path) -> None:
        """Draw the curve and the suggestion."""
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise ValueError('expected matplotlib for a plot, got none; pip install "podium[plot]"') from None
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.losses)
        axes.axvline(self.suggestion, linestyle="--", label=f"suggestion {self.suggestion:.1e}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="smoothed loss")
        axes.legend()
        figure.savefig(path)


def find_rate(training: Training, steps: int = STEPS) -> Curve:
    """Raise the learning rate step by step on a network that is used up by it; nothing is written."""
    rates, losses = [], []
    mean, lowest = 0.0, math.inf
    training.network.train()
    batches = itertools.islice(_endless(training.batches), steps)
    for number, (inputs, targets) in enumerate(training.out.steps(batches, steps, "finding a rate")):
        rate = LOWEST * (HIGHEST / LOWEST) ** (number / (steps - 1))
        loss = training.stepper.take(inputs, targets, rate / training.settings.rate, number).item()
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        smooth = mean / (1 - SMOOTHING ** (number + 1))
        if not math.isfinite(loss) or smooth > BLOWN * lowest:
            break
        lowest = min(lowest, smooth)
        rates.append(rate)
        losses.append(smooth)
    if len(rates) < 3:
        raise ValueError(
            f"expected a loss that falls before it blows up, got {len(rates)} finite losses from a learning rate of "
            f"{LOWEST:g} on; look for targets that are no numbers"
        )
    return Curve(tuple(rates), tuple(losses))


def _endless(batches: Batches) -> Iterator[tuple[Inputs, torch.Tensor]]:
    """One epoch after the other."""
    for epoch in itertools.count():
        yield from batches.epoch(epoch, 0)
