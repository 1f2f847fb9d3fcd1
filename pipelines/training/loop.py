"""The training loop. It knows networks, losses and batches, and nothing of the task."""

from __future__ import annotations

import math
import time

import torch

from pipelines.report import took
from pipelines.training.crew import agreed, mean_of
from pipelines.training.fit import Training

WATCH = 20  # steps between looks at the loss on a GPU: each look waits for the card


def train(training: Training) -> None:
    """Train from the checkpoint, or from the start, to the last epoch."""
    training.restore()
    while training.epoch < training.settings.epochs and not training.stopped:
        start = time.monotonic()
        run_epoch(training)
        finish_epoch(training, time.monotonic() - start)
        if training.epoch < training.settings.epochs:
            training.heed_time()


def run_epoch(training: Training) -> None:
    """The rest of one epoch."""
    batches, settings = training.batches, training.settings
    training.network.train()
    first, left = training.epoch * len(batches), len(batches) - training.step
    losses = Losses(training)
    stream = batches.epoch(training.epoch, training.step)
    for inputs, targets in training.out.steps(stream, left, f"epoch {training.epoch + 1}/{settings.epochs}"):
        share = training.rates.share(first + training.step)
        losses.add(training.stepper.take(inputs, targets, share, training.seed))
        training.step += 1
        if training.averaged is not None:
            training.averaged.update(training.network, step=first + training.step)
        if training.pausing():
            losses.look()
            training.save()
            training.heed_time()
    losses.look()
    training.check_scale()


def finish_epoch(training: Training, seconds: float) -> None:
    """Judge the epoch, keep its weights if they are the best, write the checkpoint: in this order.

    A kill between two of these is mended by the epoch that the checkpoint makes run again.
    """
    loss = training.total / max(1, training.step)
    numbers = {"loss": loss, "rate": training.rate_of(training.step)}
    training.epoch, training.step, training.total = training.epoch + 1, 0, 0.0
    heeded = loss
    if training.judge is not None:
        score = agreed(training.judge(training.predictor) if training.rank == 0 else None)
        training.scores.append(score)
        numbers[training.metric.name] = score
        heeded = -score if training.metric.higher_is_better else score
    training.rates.heed(agreed(heeded))
    training.out.log(training.epoch, numbers)
    if training.judge is not None and training.best_epoch == training.epoch:
        training.keep_best()
    training.save()
    shown = "  ".join(f"{name} {number:.4g}" for name, number in numbers.items())
    training.out.say(f"epoch {training.epoch}/{training.settings.epochs}  {shown}  ({took(seconds)})")


class Losses:
    """The losses of an epoch's steps, left on the device until somebody looks."""

    def __init__(self, training: Training) -> None:
        self.training = training
        self.waiting: list[torch.Tensor] = []
        self.eager = training.precision.device.type == "cpu"
        self.seen = training.step

    def add(self, loss: torch.Tensor) -> None:
        """One step's loss."""
        self.waiting.append(loss)
        if self.eager or len(self.waiting) >= WATCH:
            self.look()

    def look(self) -> None:
        """Fetch what waits; a loss that is no number stops the training."""
        if not self.waiting:
            return
        # The mean over processes: a loss that is no number in one of them stops all.
        losses = mean_of(torch.stack(self.waiting).float()).tolist()
        self.waiting.clear()
        for loss in losses:
            self.training.total += loss
            self.seen += 1
            if not math.isfinite(loss):
                self._stop(loss)

    def _stop(self, loss: float) -> None:
        training = self.training
        kept = (
            f"the checkpoint of epoch {training.epoch} is kept in {training.path}"
            if training.path.exists()
            else "no epoch was finished"
        )
        raise ValueError(
            f"{training.out.folder}: expected a finite loss, got {loss} in epoch {training.epoch + 1} at step "
            f"{self.seen} of {len(training.batches)}, learning rate {training.rate_of(self.seen):.3g}; {kept}: "
            "lower --rate, set --clip 1, use --precision fp32, or look for targets that are no numbers"
        )
