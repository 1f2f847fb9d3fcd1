"""The learning-rate finder: a short training whose rate rises from very small until the loss blows up."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipelines.figures import figure_of, save_figure, tidy
from pipelines.training.fit import Batches, Training
from pipelines.training.joined import Inputs

LOWEST, HIGHEST, STEPS = 1e-7, 1.0, 100  # learning rates, tried in even ratios
BLOWN = 4.0  # times the lowest smoothed loss: nothing is learned from there on
FALL = 6.0  # times the standard deviation of the first third's losses: a smaller fall is luck
DONE = 1 / 3  # of the fall, where a rate is suggested
SMOOTHING = 0.9  # share of the running mean of losses that each step keeps


@dataclass(frozen=True)
class Curve:
    """Learning rates and the smoothed loss at each, and a rate to use."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def suggestion(self) -> float | None:
        """Where the loss has done a third of its fall, well below where it blows up: a peak rate to start from.

        None when the loss never falls by more than it wavers while the rate is still too low to learn anything.
        Crossing a level is steadier than the steepest slope, which one lucky step can decide.
        """
        losses = np.asarray(self.losses)
        idle = losses[: max(2, len(losses) // 3)]
        level, lowest = float(np.median(idle)), int(losses.argmin())
        if level - losses[lowest] < FALL * idle.std():
            return None
        above = np.flatnonzero(losses[: lowest + 1] > level - (level - losses[lowest]) * DONE)
        return self.rates[int(above[-1])]

    def plot(self, path: Path) -> None:
        """Draw the curve and the suggestion."""
        figure = figure_of(7, 4)
        axes = figure.subplots()
        axes.plot(self.rates, self.losses)
        if (rate := self.suggestion) is not None:
            axes.axvline(rate, linestyle="--", color="C3", label=f"suggestion: --rate {rate:.1e}")
            axes.legend(frameon=False)
        axes.set(xscale="log", xlabel="learning rate", ylabel="training loss, smoothed")
        axes.set_title("A short training whose learning rate rises until nothing is learned any more", fontsize=10)
        tidy(axes)
        save_figure(figure, path)


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
