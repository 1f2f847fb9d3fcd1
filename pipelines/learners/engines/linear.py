"""A regularised linear model: logistic or ridge regression on scaled columns and one-hot categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipelines.learners.engines.engine import Problem, Rows, Settings, Watch
from pipelines.learners.engines.skopsfile import read_model, write_model

SUFFIX = ".skops"
TRUSTED = ("numpy.dtype",)
ITERATIONS = 2000  # of the solver; scaled columns need some tens
MOST = 100  # one-hot columns of one categorical column; the rarer categories share one


@dataclass(frozen=True)
class Fitted:
    """A scikit-learn pipeline."""

    model: Any
    problem: Problem
    threads: int
    rounds: ClassVar[int] = 0

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """(rows, columns) -> (rows,) or (rows, classes)."""
        with limited(self.threads):
            return predicted(self.model, matrix.astype(np.float64), self.problem)

    def save(self, path: Path) -> None:
        """Write the pipeline."""
        write_model(self.model, path)


def fit(train: Rows, valid: Rows | None, problem: Problem, settings: Settings, watch: Watch) -> Fitted:
    """Solve on train; there is nothing to stop early."""
    model = _pipeline(problem, settings)
    model.steps[-1][1].set_params(**settings.extra())
    weights = {} if train.weight is None else {f"{model.steps[-1][0]}__sample_weight": train.weight}
    with limited(settings.threads):
        # float64: in float32 the solver may stall before it has converged.
        model.fit(train.matrix.astype(np.float64), train.label, **weights)
    return Fitted(model, problem, settings.threads)


def load(path: Path, problem: Problem, threads: int) -> Fitted:
    """The pipeline that save wrote."""
    return Fitted(read_model(path, TRUSTED), problem, threads)


def predicted(model: Any, matrix: np.ndarray, problem: Problem) -> np.ndarray:
    """What a scikit-learn model says of rows: numbers, probabilities of 1, or of each class."""
    if problem.objective == "regression":
        return np.asarray(model.predict(matrix))
    raw = np.asarray(model.predict_proba(matrix))
    return raw[:, 1] if problem.objective == "binary" else raw


def limited(threads: int) -> Any:
    """A context in which numerical libraries use so many threads; 0: all."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(threads or None)


def _pipeline(problem: Problem, settings: Settings) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers: Sequence[int] = [each for each in range(len(problem.columns)) if each not in problem.categorical]
    gaps = SimpleImputer(strategy="mean", keep_empty_features=True)
    rare = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=settings.min_rows, max_categories=MOST)
    parts = [("numbers", make_pipeline(gaps, StandardScaler()), list(numbers))] if numbers else []
    if problem.categorical:
        parts.append(("categories", rare, list(problem.categorical)))
    if problem.objective == "regression":
        last: Any = Ridge(alpha=settings.strength, random_state=settings.seed)
    else:
        last = LogisticRegression(C=1 / settings.strength, max_iter=ITERATIONS, random_state=settings.seed)
    return make_pipeline(ColumnTransformer(parts), last)
