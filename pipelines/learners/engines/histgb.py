"""scikit-learn's HistGradientBoosting."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.learners.engines.engine import Problem, Rows, Settings, Watch, refuse
from pipelines.learners.engines.linear import limited, predicted
from pipelines.learners.engines.skopsfile import read_model, write_model
from pipelines.learners.tasks import Objective

SUFFIX = ".skops"
# What its estimators are made of; newer versions of skops know most of them by themselves.
TRUSTED = (
    "_loss.CyHalfMultinomialLoss",  # as Cython names it
    "functools.partial",  # of functions in this list only
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogLink",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.AbsoluteError",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfGammaLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn._loss.loss.HalfPoissonLoss",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn._loss.loss.PinballLoss",
    "sklearn.compose._column_transformer._RemainderColsList",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
TINY = 1e-15  # the least share that a logarithm is taken of
MOST = 255  # categories of a column that scikit-learn allows
BLOCK = 50  # rounds of the first block, or more where patience is longer
GROWTH = 1.5  # it takes up fitting at a cost (binning), so that each block of rounds is longer than the last
FLAGS = {"max_iter": "--rounds", "n_iter_no_change": "--patience", "early_stopping": "--patience"}
LOSSES = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse"}
messages = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """A scikit-learn estimator."""

    model: Any
    problem: Problem
    threads: int

    @property
    def rounds(self) -> int:
        """Its boosting rounds."""
        return int(self.model.n_iter_)

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """(rows, columns) -> (rows,) or (rows, classes)."""
        with limited(self.threads):
            return predicted(self.model, _pooled(matrix, self.problem), self.problem)

    def save(self, path: Path) -> None:
        """Write the trees."""
        write_model(self.model, path)


def fit(train: Rows, valid: Rows | None, problem: Problem, settings: Settings, watch: Watch) -> Fitted:
    """Boost on train; valid stops it early."""
    _tell_pooled(train.matrix, problem)
    model = _estimator(problem, settings)
    rows = Rows(_filled(_pooled(train.matrix, problem)), train.label, train.weight)
    with limited(settings.threads):
        if valid is None:
            _grow(model, rows, settings.rounds)
        else:
            stop = Rows(_pooled(valid.matrix, problem), valid.label)
            _grow_stopping(model, rows, stop, problem, settings, watch)
        loss = _loss(problem.objective, train.label, predicted(model, rows.matrix, problem))
    watch.log(model.n_iter_, {f"train_{LOSSES[problem.objective]}": loss})
    return Fitted(model, problem, settings.threads)


def load(path: Path, problem: Problem, threads: int) -> Fitted:
    """The estimator that save wrote."""
    return Fitted(read_model(path, TRUSTED), problem, threads)


def _estimator(problem: Problem, settings: Settings) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    extra = settings.extra()
    refuse(extra, FLAGS)
    kind = HistGradientBoostingRegressor if problem.objective == "regression" else HistGradientBoostingClassifier
    return kind(
        learning_rate=settings.rate,
        max_leaf_nodes=settings.leaves,
        max_depth=settings.depth or None,
        min_samples_leaf=settings.min_rows,
        l2_regularization=settings.l2,
        max_features=settings.columns,
        categorical_features=list(problem.categorical) or None,
        early_stopping=False,  # its own would set training rows aside
        warm_start=True,
        random_state=settings.seed,
    ).set_params(**extra)


def _grow(model: Any, rows: Rows, rounds: int) -> None:
    model.set_params(max_iter=rounds).fit(rows.matrix, rows.label, sample_weight=rows.weight)


def _grow_stopping(model: Any, rows: Rows, valid: Rows, problem: Problem, settings: Settings, watch: Watch) -> None:
    """Grow block by block until the validation loss has not improved for `patience` rounds; keep the best rounds."""
    losses: list[float] = []
    rounds, best, stopped = min(settings.rounds, max(BLOCK, settings.patience)), 0, False
    while not stopped and len(losses) < settings.rounds:
        _grow(model, rows, rounds)
        losses += _curve(model, valid, len(losses), problem, watch)
        best, stopped = _best(losses, settings.patience)
        rounds = min(settings.rounds, int(rounds * GROWTH) + 1)
    model._predictors = model._predictors[: best + 1]  # scikit-learn has no public way to drop the later trees


def _curve(model: Any, valid: Rows, start: int, problem: Problem, watch: Watch) -> Iterator[float]:
    """The validation losses of the rounds after `start`, logged now and then."""
    staged = model.staged_predict if problem.objective == "regression" else model.staged_predict_proba
    for number, raw in enumerate(islice(staged(valid.matrix), start, None), start + 1):
        loss = _loss(problem.objective, valid.label, raw[:, 1] if problem.objective == "binary" else raw)
        if watch.due(number):
            watch.log(number, {f"valid_{LOSSES[problem.objective]}": loss})
        yield loss


def _best(losses: Sequence[float], patience: int) -> tuple[int, bool]:
    """The best round (from 0) up to where patience ends, and whether it did."""
    best = 0
    for number, loss in enumerate(losses):
        if loss < losses[best]:
            best = number
        elif number - best >= patience:
            return best, True
    return best, False


def _loss(objective: Objective, label: np.ndarray, raw: np.ndarray) -> float:
    if objective == "regression":
        return float(np.sqrt(np.mean((raw - label) ** 2)))
    shares = np.stack([1 - raw, raw], axis=1) if objective == "binary" else raw
    return float(-np.log(np.maximum(shares[np.arange(len(label)), label.astype(int)], TINY)).mean())


def _pooled(matrix: np.ndarray, problem: Problem) -> np.ndarray:
    """The matrix; where a column has more categories than are allowed, the rarest share the last code."""
    crowded = [number for number in problem.categorical if np.nanmax(matrix[:, number], initial=0) >= MOST]
    if crowded:
        matrix = matrix.copy()
        matrix[:, crowded] = np.minimum(matrix[:, crowded], MOST - 1)
    return matrix


def _filled(matrix: np.ndarray) -> np.ndarray:
    """The training rows, a column without a single value as zeros: scikit-learn finds no bins for it."""
    empty = np.isnan(matrix).all(axis=0)
    return np.where(empty, np.float32(0), matrix) if empty.any() else matrix


def _tell_pooled(matrix: np.ndarray, problem: Problem) -> None:
    for number in problem.categorical:
        count = int(np.nanmax(matrix[:, number], initial=0)) + 1
        if count > MOST:
            messages.warning(
                "histgb: column %r has %d categories, scikit-learn takes %d: the rarest %d share one; "
                "another --model keeps them all",
                *(problem.columns[number], count, MOST, count - MOST + 1),
            )
