"""A fitted head: its scale, its files, and values from features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from pipelines.contract import Out, Table, Targets, Values
from pipelines.learners.frozen import linear, neighbours, support, trees
from pipelines.learners.frozen.features import BLOCK, rows_of
from pipelines.learners.frozen.problem import Problem, Scale, Scaled, scale_of, values_of
from pipelines.learners.frozen.settings import FrozenSettings
from pipelines.learners.tasks import Task
from pipelines.runfolder import read_json, write_json
from pipelines.stops import UsageError
from pipelines.training.crew import started

STATE, SCALE = "model.json", "scale.npy"
FITS = {"svr": support.fit, "ridge": linear.fit, "knn": neighbours.fit, "lightgbm": trees.fit}


class Head(Protocol):
    """What a kind of head has fitted."""

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Scaled features (rows, width) -> (rows, outputs)."""


@dataclass(frozen=True)
class FrozenModel:
    """Predicts chunks of features, float32 (rows, width)."""

    scale: Scale
    head: Head
    task: Task

    @property
    def found(self) -> Mapping[str, int]:
        """Nothing."""
        return {}

    def predict(self, inputs: np.ndarray) -> Values:
        """The values of one chunk, shaped as truth."""
        if inputs.shape[1] != len(self.scale.means):
            raise ValueError(
                f"expected {len(self.scale.means)} features as in training, got {inputs.shape[1]}; "
                "are these the backbones, with the weights, that the run was trained with?"
            )
        parts = [
            self.head.predict(self.scale.apply(inputs[start : start + BLOCK])) for start in range(0, len(inputs), BLOCK)
        ]
        raw = np.concatenate(parts)
        return raw if isinstance(self.head, trees.Trees) else values_of(self.task, raw)


def fit_frozen(learner: FrozenSettings, train: Table, targets: Targets, out: Out) -> FrozenModel:
    """Make what features are absent, scale them by the training rows, fit the head."""
    if started():
        raise UsageError("torchrun: expected a learner that trains networks, got one of frozen features; run it alone")
    if not len(train):
        raise ValueError("expected training rows, got none; look at the folds")
    rows = rows_of(learner, train, out)
    scale = scale_of(rows)
    np.save(out.folder / SCALE, np.stack([scale.means, scale.spreads]))
    FITS[learner.head](Problem(Scaled(rows, scale), targets.values(train), learner, out))
    write_json(out.folder / STATE, {"head": learner.head, "backbones": learner.backbones, "width": rows.width})
    return load_frozen(learner, out.folder)


def load_frozen(learner: FrozenSettings, folder: Path) -> FrozenModel:
    """The model that fit left in a folder."""
    if not (folder / STATE).exists():
        raise FileNotFoundError(f"{folder / STATE}: expected a fitted model, got none; fit this fold first")
    scale = Scale(*np.load(folder / SCALE))
    return FrozenModel(scale, _head(learner, folder, read_json(folder / STATE)["width"]), learner.task)


def _head(learner: FrozenSettings, folder: Path, width: int) -> Head:
    if learner.head == "svr":
        return support.load(folder)
    if learner.head == "ridge":
        return linear.load(folder, learner.task.objective)
    return neighbours.load(folder, learner.neighbours) if learner.head == "knn" else trees.load(folder, learner, width)
