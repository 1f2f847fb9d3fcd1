"""The contract: what a competition declares, and what a learner, a model and a metric are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
import pandas as pd

from folds.plan import FoldPlan
from submissions.rules import Rules

Table: TypeAlias = pd.DataFrame  # indexed by id (strings, the file's own text); a cell that is a Path refers to a file
Ids: TypeAlias = pd.Index
Values: TypeAlias = np.ndarray  # (rows, ...): one value per row; truth and prediction have the same shape
Choice: TypeAlias = np.ndarray | None  # what OOF decides: shape (c,) for all rows or (rows, c) for each row its own
Chunks: TypeAlias = Iterator[tuple[Ids, Any]]  # (ids, inputs), as many rows as are worth decoding at once


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A rule that turns truth and prediction into a score: keep per chunk, choose on OOF, combine over rows."""

    name: str
    higher_is_better: bool
    best: float  # the score of truth against itself
    keep: Callable[[Values, Values], Values]  # (truth, prediction) -> kept (rows, ...), all that the rest needs
    combine: Callable[[Values, Choice, np.ndarray | None], float]  # (kept, choice, row weights) -> score
    choose: Callable[[Values], Choice] = lambda kept: None  # kept -> choice

    def score(self, truth: Values, prediction: Values) -> float:
        """The score of a prediction, its choice made on the same rows."""
        kept = self.keep(truth, prediction)
        return self.combine(kept, self.choose(kept), None)

    def better(self, score: float, other: float) -> bool:
        """Whether score beats other."""
        return score > other if self.higher_is_better else score < other


@dataclass(frozen=True)
class Targets:
    """What a learner may know of the targets: their columns, their truth and the metric that judges."""

    names: tuple[str, ...]
    truth: Callable[[Table], Values]
    metric: Metric

    def values(self, table: Table) -> Values:
        """The truth of a table's rows, (rows, ...)."""
        return self.truth(table[list(self.names)])


class Out(Protocol):
    """A fold's folder: where fit leaves its model and logs its numbers."""

    @property
    def folder(self) -> Path:
        """Where the fit's files go."""

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Append numbers of one step to metrics.jsonl."""

    def rewind(self, step: int) -> None:
        """Drop numbers that a stopped fit logged at this step or later; called when going on from a checkpoint."""

    def say(self, text: str) -> None:
        """One line for the person who watches."""

    def steps(self, items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
        """The items, with a progress bar and ETA."""

    def out_of_time(self) -> bool:
        """Whether the time budget is used up: what can go on later writes a checkpoint and raises OutOfTime."""


class Model(Protocol):
    """Fitted; can only predict."""

    @property
    def found(self) -> Mapping[str, int]:
        """Settings that fitting found (rounds, epochs), for a fit on all rows."""

    def predict(self, inputs: Any) -> Values:
        """The values of one chunk, (rows, ...), its views averaged."""


class Learner(Protocol):
    """Unfitted, a frozen dataclass whose fields are the settings."""

    @property
    def seed(self) -> int:
        """What every random draw of fit derives from."""

    def inputs(self, table: Table) -> Chunks:
        """Decoded rows in chunks; knows no fold, learns nothing."""

    def fit(self, train: Table, valid: Table | None, targets: Targets, out: Out) -> Model:
        """A model that has seen the training rows only; valid rows may stop it early."""

    def load(self, out: Out) -> Model:
        """The model that fit left in out."""


@dataclass(frozen=True, kw_only=True)
class Competition:
    """All that sets one competition apart; every stage takes it as it is."""

    name: str  # as typed: invasive_species, tps_tabular/may-2022
    slug: str  # Kaggle's own name, also the folder under data/
    id: str
    targets: tuple[str, ...]
    load: Callable[[Path], tuple[Table, Table]]
    truth: Callable[[Table], Values]  # target cells, or what they point to -> values
    plan: FoldPlan
    metric: Metric
    learner: Learner
    encode: Callable[[Values, Choice], Mapping[str, np.ndarray]]  # values -> columns of submission rows
    toy: Callable[[Path], None]  # writes small synthetic raw files
    baseline: Learner | None = None  # None: the mean of the training rows' truth
    rules: Rules = field(default_factory=Rules)  # what a submission's cells must keep to
    shape: Callable[[Table], tuple[int, int]] | None = (
        None  # a row's map is submitted at (height, width); None: no maps
    )
    extra: Callable[[Path], Table] | None = None  # outside rows that join every training part and never validate
    experiments: Mapping[str, Learner] = field(default_factory=dict)  # named replace(learner, ...)
    files: tuple[str, ...] = ("train.csv", "test.csv", "sample_submission.csv")  # what must lie in the data folder
    submission: str = "submission.csv"  # a name ending in .gz is compressed
    demo_folds: tuple[int, ...] = ()  # the folds that `make demo` fits; empty: all
    why: str = ""  # why these folds; shown with them
    code: bool = False  # takes a notebook that is run at Kaggle, no file
    places: Mapping[str, float] = field(default_factory=dict)  # lines of the last private leaderboard: 1st, gold, ...
    load_test: Callable[[Path], Table] | None = None  # the test rows where no training files lie, as a notebook's are

    def with_learner(self, learner: Learner) -> Self:
        """The same competition, another learner."""
        from dataclasses import replace

        return replace(self, learner=learner)


def each(models: Sequence[Model], chunks: Chunks) -> Iterator[tuple[Ids, list[Values]]]:
    """Each model's values, chunk by chunk; a chunk is decoded once."""
    for ids, inputs in chunks:
        yield ids, [np.asarray(model.predict(inputs)) for model in models]


def average(models: Sequence[Model], chunks: Chunks) -> Iterator[tuple[Ids, Values]]:
    """The mean of all models' values, chunk by chunk: the only way to predict."""
    for ids, inputs in chunks:
        total = np.asarray(models[0].predict(inputs))
        for model in models[1:]:
            total = total + model.predict(inputs)
        yield ids, total / len(models)
