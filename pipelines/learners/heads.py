"""One engine per label: chosen by name, and shown the classes that its training rows have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np

from pipelines.learners.design import Columns
from pipelines.learners.engines.engine import Engine, Fitted, Problem, Rows, Settings, Watch
from pipelines.learners.tasks import Task


@dataclass(frozen=True)
class Head:
    """An engine that knows some of all classes."""

    fitted: Fitted
    seen: tuple[int, ...]
    classes: int

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """(rows,) or (rows, all classes), 0 for a class that no training row had."""
        raw = self.fitted.predict(matrix)
        if raw.ndim == 1 or len(self.seen) == self.classes:
            return raw
        whole = np.zeros((len(raw), self.classes), raw.dtype)
        whole[:, self.seen] = raw
        return whole


def fit_head(train: Rows, valid: Rows | None, task: Task, columns: Columns, settings: Settings, watch: Watch) -> Head:
    """One engine on one label; it is not shown a class that no training row has."""
    seen: tuple[int, ...] = ()
    if task.classes:
        seen = tuple(np.unique(train.label).tolist())
        if len(seen) < 2:
            only = ", ".join(repr(task.classes[number]) for number in seen)
            raise ValueError(f"expected training rows of two classes or more, got {len(train.label)} of {only} only")
        train = _among(train, seen)
        valid = None if valid is None else _among(valid, seen)
    problem = problem_of(task, seen, columns)
    stop = valid if valid is not None and len(valid.label) else None
    return Head(choose_engine(settings.model).fit(train, stop, problem, settings, watch), seen, len(task.classes))


def problem_of(task: Task, seen: Sequence[int], columns: Columns) -> Problem:
    """What an engine is told."""
    return Problem(task.objective, len(seen), columns.names, columns.categorical)


def _among(rows: Rows, seen: tuple[int, ...]) -> Rows:
    """The rows of seen classes, their labels numbered among these."""
    known = np.isin(rows.label, seen)
    if not known.all():
        rows = Rows(rows.matrix[known], rows.label[known])
    return replace(rows, label=np.searchsorted(seen, rows.label))


def _lightgbm() -> Engine:
    from pipelines.learners.engines import lightgbm

    return lightgbm


def _xgboost() -> Engine:
    from pipelines.learners.engines import xgboost

    return xgboost


def _catboost() -> Engine:
    from pipelines.learners.engines import catboost

    return catboost


def _histgb() -> Engine:
    from pipelines.learners.engines import histgb

    return histgb


def _linear() -> Engine:
    from pipelines.learners.engines import linear

    return linear


ENGINES: Mapping[str, Callable[[], Engine]] = {
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "catboost": _catboost,
    "histgb": _histgb,
    "linear": _linear,
}
EXTRAS = ("xgboost", "catboost")  # packages of their own, installed on demand


def choose_engine(name: str) -> Engine:
    """The engine's module; one whose package is missing says how to get it."""
    if name in EXTRAS and find_spec(name) is None:
        raise ValueError(f'--model {name}: expected the package {name}, got none; pip install "podium[{name}]"')
    return ENGINES[name]()
