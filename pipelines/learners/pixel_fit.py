"""Fit a learner of pixels: cache, batches, network and optimiser put together for the training loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd
import torch

from features.batches import Batches
from pipelines.contract import Out, Table, Targets, Values
from pipelines.learners.pixel_model import STATE, WEIGHTS, M, PixelModel, stored_state
from pipelines.learners.pixel_settings import PixelSettings
from pipelines.metrics.terms import UndefinedScore
from pipelines.predicting import check_finite
from pipelines.runfolder import read_json, write_json
from pipelines.training.crew import standing
from pipelines.training.feeding import Feed, balanced
from pipelines.training.fit import BEST, CHECKPOINT, Training, load_weights
from pipelines.training.loop import train as train_network
from pipelines.training.losses import Loss
from pipelines.training.optimisers import average_weights, make_optimiser
from pipelines.training.views import views_named

START = "start.json"  # what a model in the making is, beside its checkpoint

L = TypeVar("L", bound=PixelSettings)
Judge = Callable[[torch.nn.Module], float]


@dataclass(frozen=True)
class Task(Generic[L]):
    """What a fit is given."""

    learner: L
    train: Table
    valid: Table | None
    targets: Targets
    out: Out

    @property
    def judged(self) -> Table | None:
        """The validation rows; None where there are none."""
        return None if self.valid is None or not len(self.valid) else self.valid

    @property
    def begun(self) -> bool:
        """Whether a stopped fit left a checkpoint."""
        return (self.out.folder / CHECKPOINT).exists()

    @property
    def rows(self) -> Table:
        """The training rows and the validation rows, whose files are decoded with them: each epoch looks at them."""
        return self.train if self.valid is None else pd.concat([self.train, self.valid])


@dataclass(frozen=True)
class Kind(Generic[L, M]):
    """What sets one kind of learner apart: how its training is made, its model finished, and read back."""

    make: Callable[[Task[L]], tuple[Training, M]]  # a fit before its first step, or at its checkpoint
    finish: Callable[[M, Task[L]], M]  # what a trained model still needs
    restore: Callable[[L, Mapping[str, Any], Path], M]  # (learner, state, file of weights)

    def fit(self, task: Task[L]) -> M:
        """Train on, from the checkpoint where there is one, and keep the network that predicts."""
        folder = task.out.folder
        if (folder / STATE).exists():  # written last: a kill between it and the runner's own mark costs nothing
            return self.load(task.learner, folder)
        training, model = self.make(task)
        if training.rank == 0:
            write_json(folder / START, model.state())
        task.out.say(f"training on {training.precision}")
        train_network(training)
        if training.rank:  # rank 0 is still writing, or removing, what the rest would read
            return model
        model = self.finish(trained(model, training, task.learner), task)
        model.save(folder)
        for name in (CHECKPOINT, BEST, START):
            (folder / name).unlink(missing_ok=True)
        return model

    def load(self, learner: L, folder: Path) -> M:
        """The model that fit left in a folder; it needs no other weights."""
        return self.restore(learner, stored_state(folder), folder / WEIGHTS)

    def provisional(self, learner: L, out: Out) -> M | None:
        """The best model that an unfinished fit has so far; None before its first checkpoint."""
        paths = [out.folder / name for name in (BEST, CHECKPOINT)]
        if learner.keep == "last":
            paths.reverse()
        found = next((path for path in paths if path.exists()), None)
        return None if found is None else self.restore(learner, read_json(out.folder / START), found)


def make_training(model: M, task: Task[Any], loss: Loss, batches: Feed, judge: Judge | None) -> tuple[Training, M]:
    """A fit before its first step (or at its checkpoint), and the model that it will make."""
    learner, network = task.learner, prepared(model)
    training = Training(
        network=network,
        loss=loss,
        optimiser=make_optimiser(network, learner),
        batches=batches,
        settings=learner,
        precision=model.precision,
        out=task.out,
        metric=task.targets.metric,
        judge=judge,
        averaged=average_weights(network, learner),
    )
    return training, replace(model, network=network)


def prepared(model: PixelModel) -> torch.nn.Module:
    """A model's network as it is trained: activations kept or not, norms over all processes."""
    network = model.network
    if model.learner.checkpointing:
        if not hasattr(network, "set_grad_checkpointing"):
            what = getattr(model.learner, "model", type(network).__name__)
            raise ValueError(f"--checkpointing: expected a network that offers it, got {what}")
        network.set_grad_checkpointing()  # type: ignore[operator]  # timm's networks offer it
    if standing()[1] > 1 and model.precision.device.type == "cuda":
        from timm.layers.norm_act import convert_sync_batchnorm

        network = convert_sync_batchnorm(network)
    return network


def make_feed(model: PixelModel, task: Task[Any], batches: Batches, truth: np.ndarray | None, balance: bool) -> Feed:
    """What the loop trains on, this process's share of every batch; truth (rows, ...), or None: the batches' masks."""
    rank, ranks = standing()
    rows = min(task.learner.step_rows, len(task.train))
    if rows % ranks:
        raise ValueError(f"--batch: expected a multiple of the {ranks} processes that share it, got {rows}")
    batches = replace(
        batches,
        batch=rows // ranks,
        seed=task.learner.seed,
        workers=task.learner.workers,
        drop_last=True,  # a last batch of one row would leave BatchNorm without a spread
        pin=model.precision.device.type == "cuda",
    )
    chances = balanced(truth) if balance and truth is not None else None
    return Feed(batches, truth, model.normalise, task.learner, chances, rank, ranks)


def scored(task: Task[Any], values: Values, truth: Values) -> float:
    """The score of values of the validation rows; nan where these rows have none."""
    assert task.valid is not None
    check_finite(values, task.valid)
    try:
        return task.targets.metric.score(truth, values)
    except UndefinedScore:
        return float("nan")


def look(model: Any, table: Table) -> Values:
    """The values of all rows, in their order."""
    return np.concatenate([model.predict(inputs) for _, inputs in model.learner.inputs(table)])


def trained(model: M, training: Training, learner: PixelSettings) -> M:
    """The model with the network that predicts, what training found, and the learner's views."""
    network = training.predictor
    found = {"epochs": training.epoch}
    if learner.keep == "best" and training.scores:
        load_weights(network, training.best_path)
        found = {"epochs": training.best_epoch}
    if training.stepper.pieces != learner.accumulate:
        found["accumulate"] = training.stepper.pieces  # so that a fit on all rows starts with what memory allowed
    return replace(model, network=network, found=found, views=views_named(learner.views))
