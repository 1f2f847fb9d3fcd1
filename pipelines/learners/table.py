"""The learner of tables: row-wise features, encoders fitted on training rows, one engine per label."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.codes import few
from features.encoders import Encoder
from pipelines.contract import Chunks, Out, Table, Targets, Values
from pipelines.learners.design import PROBE, Design, Features, check_rowwise, fit_design, make_features
from pipelines.learners.engines.engine import Rows, Settings, Watch
from pipelines.learners.heads import Head, choose_engine, fit_head, problem_of
from pipelines.learners.tasks import Binary, Task

CHUNK = 100_000  # rows whose features are made at once: few calls, and a small share of a large table
STATE = "model.json"


def identity(rows: Table) -> Table:
    """The rows as they are."""
    return rows


@dataclass(frozen=True, kw_only=True)
class TableLearner(Settings):
    """Boosted trees or a linear model on the columns of a table."""

    weight: str | None = None
    """Column of sample weights, for training only; it is no feature."""
    drop: tuple[str, ...] = ()
    """Columns that are no features, such as groups and dates; encoders may still read them."""
    task: Task = field(default_factory=Binary)
    features: Features = identity  # row-wise, a module's function
    encoders: tuple[Encoder, ...] = ()  # fitted on the training rows, one after the other

    @property
    def unused(self) -> tuple[str, ...]:
        """The columns that are no features."""
        return (*self.drop, self.weight) if self.weight else self.drop

    def inputs(self, table: Table) -> Chunks:
        """Chunks of rows, whose features are made when a model asks for them."""
        for start in range(0, len(table), CHUNK):
            rows = table.iloc[start : start + CHUNK]
            yield rows.index, Inputs(rows, self.features)

    def fit(self, train: Table, valid: Table | None, targets: Targets, out: Out) -> TableModel:
        """One engine per label; valid rows only stop it early, and with patience 0 they are not looked at."""
        truth = targets.values(train)
        if not len(train):
            raise ValueError("expected training rows, got none; look at the folds")
        check_rowwise(train.head(2 * PROBE).drop(columns=list(targets.names)), self.features)
        chunks = (inputs.made(targets.names) for _, inputs in self.inputs(train))
        design, matrix = fit_design(chunks, truth, self.encoders, self.unused)
        stop = self._stop(valid, targets, design) if valid is not None and self.patience and len(valid) else None
        labels, weight = self.task.labels(truth), _weights(train, self.weight)
        heads = []
        for number, label in enumerate(labels.T):
            name = targets.names[number] if labels.shape[1] > 1 else ""
            watch = Watch(out, self.rounds, self.model, name)
            against = stop and replace(stop, label=stop.label[:, number])
            learn = Rows(matrix, label, weight)
            heads.append(fit_head(learn, against, self.task, design.columns, self, watch))
        model = TableModel(design, tuple(heads), self.task, targets.names)
        model.save(out.folder, self.model)
        return model

    def load(self, out: Out) -> TableModel:
        """The model that fit left in out."""
        path = out.folder / STATE
        if not path.exists():
            raise FileNotFoundError(f"{path}: expected a fitted model, got none; fit this fold first")
        state = json.loads(path.read_text(encoding="utf-8"))
        design = Design.load(state["design"], self.encoders)
        engine = choose_engine(state["engine"])
        heads = []
        for number, seen in enumerate(state["seen"]):
            problem = problem_of(self.task, seen, design.columns)
            fitted = engine.load(out.folder / f"label{number}{engine.SUFFIX}", problem, self.threads)
            heads.append(Head(fitted, tuple(seen), len(self.task.classes)))
        return TableModel(design, tuple(heads), self.task, tuple(state["targets"]))

    def _stop(self, valid: Table, targets: Targets, design: Design) -> Rows:
        made = [design.matrix(inputs.made(targets.names)) for _, inputs in self.inputs(valid)]
        matrix = made[0] if len(made) == 1 else np.concatenate(made)
        return Rows(matrix, self.task.labels(targets.values(valid)))


class Inputs:
    """Rows of a table and, once a model has asked, their features: made without the targets, once for all models."""

    def __init__(self, rows: Table, features: Features) -> None:
        self.rows, self.features = rows, features
        self._made: dict[tuple[str, ...], Table] = {}

    def made(self, targets: tuple[str, ...]) -> Table:
        """The features; the targets, where these rows have them, are not shown to them."""
        if targets not in self._made:
            bare = self.rows.drop(columns=list(targets), errors="ignore")
            self._made[targets] = make_features(bare, self.features)
        return self._made[targets]


@dataclass(frozen=True)
class TableModel:
    """A fitted TableLearner."""

    design: Design
    heads: tuple[Head, ...]
    task: Task
    targets: tuple[str, ...]

    @property
    def found(self) -> Mapping[str, int]:
        """The boosting rounds, the mean of several targets'."""
        rounds = [head.fitted.rounds for head in self.heads]
        return {"rounds": max(1, round(float(np.mean(rounds))))} if any(rounds) else {}

    def predict(self, inputs: Inputs) -> Values:
        """The values of one chunk, shaped as truth."""
        matrix = self.design.matrix(inputs.made(self.targets))
        return self.task.values([head.predict(matrix) for head in self.heads])

    def save(self, folder: Path, model: str) -> None:
        """Write each engine's own file and, last, what surrounds them."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, head in enumerate(self.heads):
            head.fitted.save(folder / f"label{number}{choose_engine(model).SUFFIX}")
        seen = [head.seen for head in self.heads]
        state: dict[str, Any] = {"engine": model, "targets": self.targets, "seen": seen, "design": self.design.state()}
        (folder / STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")


def _weights(train: Table, column: str | None) -> np.ndarray | None:
    """The sample weights (rows,)."""
    if column is None:
        return None
    if column not in train:
        raise ValueError(f"--weight: expected one of the columns {few(list(train.columns))}, got {column!r}")
    weights = np.asarray(pd.to_numeric(train[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan))
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any() or not weights.any():
        raise ValueError(
            f"--weight {column}: expected numbers of 0 or more, some above 0, got {int(bad.sum())} others of "
            f"{len(bad)}, first in rows {few(list(train.index[bad][:3])) or '-'}"
        )
    return weights
