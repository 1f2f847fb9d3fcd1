"""Short trainings that leave nothing behind: which learning rate, and how many rows in so many seconds."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from pipelines.learners.pixel_fit import Kind, Task
from pipelines.training.finder import Curve
from pipelines.training.finder import find_rate as rise

PROBE_STEPS = 12  # the first third warms up: memory, kernels, the cache's first reads


def find_rate(kind: Kind[Any, Any], task: Task[Any]) -> Curve:
    """The losses of a short training whose learning rate rises."""
    training, _ = kind.make(task)
    return rise(training)


def rows_in(kind: Kind[Any, Any], task: Task[Any], seconds: float) -> int:
    """Training rows of an epoch of about so many seconds, by timing a few steps on the first rows."""
    learner = replace(task.learner, epochs=PROBE_STEPS)
    rows = min(len(task.train), learner.step_rows * 2)
    training, _ = kind.make(replace(task, learner=learner, train=task.train.iloc[:rows]))
    training.network.train()
    taken, start = 0, time.monotonic()
    for epoch in range(PROBE_STEPS):
        for inputs, targets in training.batches.epoch(epoch, 0):
            loss = training.stepper.take(inputs, targets, 0.0, epoch)
            taken += len(inputs)
        loss.item()  # waits for the device
        if epoch < PROBE_STEPS // 3:
            taken, start = 0, time.monotonic()
        elif time.monotonic() - start > seconds:
            break
    return max(1, round(taken / (time.monotonic() - start) * seconds))
