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

LOWEST, HIGHEST, STEPS = 1e-7, 1.0, 100  # learning rates, tried in even ratios
BLOWN = 4.0  # times the lowest smoothed loss: nothing is learned from there on
WINDOW = 10  # losses that a slope is read off: one step's luck is no fall
FALL = 6.0  # times the standard deviation of the first third's losses: a smaller fall is luck
MARGIN = 10.0  # times below the rate of the lowest loss, beyond which training is about to blow up
SMOOTHING = 0.9  # share of the running mean of losses that each step keeps


@dataclass(frozen=True)
class Curve:
    """Learning rates and the smoothed loss at each, and a rate to use."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def suggestion(self) -> float | None:
        """Where the loss falls fastest, but with a margin to its lowest point: a peak rate to start from.

        None when the loss never falls by more than it wavers while the rate is still too low to learn anything.
        """
        losses, window = np.asarray(self.losses), min(WINDOW, len(self.losses))
        idle = losses[: max(2, len(losses) // 3)]
        if idle.mean() - losses.min() < FALL * idle.std():
            return None
        weights = np.arange(window) - (window - 1) / 2  # the slope of a line through so many losses, but for a factor
        lowest = int(losses.argmin())
        slopes = np.correlate(losses, weights, "valid")[: max(1, lowest - window // 2 + 1)]
        steepest = int(slopes.argmin()) + window // 2
        return min(self.rates[steepest], self.rates[lowest] / MARGIN)

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


def _endless(batches: Batches) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """One epoch after the other."""
    for epoch in itertools.count():
        yield from batches.epoch(epoch, 0)
