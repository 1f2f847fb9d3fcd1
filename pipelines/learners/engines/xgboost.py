"""XGBoost, stored in its own binary JSON."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.learners.engines.engine import Problem, Rows, Settings, Watch, refuse

SUFFIX = ".ubj"
OBJECTIVES = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}
HESSIAN = {"binary": 0.25, "multiclass": 0.25, "regression": 1.0}  # of one row, at most (several classes: 0.5)


@dataclass(frozen=True)
class Fitted:
    """A booster cut to the rounds that count."""

    booster: Any
    problem: Problem

    @property
    def rounds(self) -> int:
        """Its boosting rounds."""
        return int(self.booster.num_boosted_rounds())

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """(rows, columns) -> (rows,) or (rows, classes)."""
        return np.asarray(self.booster.predict(_rows(Rows(matrix, np.empty(0)), self.problem)))

    def save(self, path: Path) -> None:
        """Write the trees."""
        self.booster.save_model(path)


def fit(train: Rows, valid: Rows | None, problem: Problem, settings: Settings, watch: Watch) -> Fitted:
    """Boost on train; valid stops it early."""
    import xgboost

    rows = _rows(train, problem)
    stops: dict[str, Any] = {}
    if valid is not None:
        stops = {"evals": [(_rows(valid, problem), "valid")], "early_stopping_rounds": settings.patience}
    with _unknown_refused():
        booster = xgboost.train(
            params(problem, settings),
            rows,
            settings.rounds,
            verbose_eval=False,
            callbacks=[_watching(watch, rows)],
            **stops,
        )
    return Fitted(booster if valid is None else booster[: booster.best_iteration + 1], problem)


def load(path: Path, problem: Problem, threads: int) -> Fitted:
    """The booster that save wrote."""
    import xgboost

    booster = xgboost.Booster(params={"nthread": threads} if threads else {})
    booster.load_model(path)
    return Fitted(booster, problem)


def params(problem: Problem, settings: Settings) -> dict[str, Any]:
    """XGBoost's names for the settings: trees grow leaf by leaf, as LightGBM's do."""
    extra = settings.extra()
    refuse(extra, {"num_boost_round": "--rounds", "early_stopping_rounds": "--patience"})
    return {
        "objective": OBJECTIVES[problem.objective],
        **({"num_class": problem.classes} if problem.objective == "multiclass" else {}),
        "tree_method": "hist",
        "grow_policy": "lossguide",
        "max_leaves": settings.leaves,
        "max_depth": settings.depth,
        "eta": settings.rate,
        "min_child_weight": settings.min_rows * HESSIAN[problem.objective],
        "subsample": settings.subsample,
        "colsample_bytree": settings.columns,
        "alpha": settings.l1,
        "lambda": settings.l2,
        "nthread": settings.threads,
        "seed": settings.seed,
        "verbosity": 1,
        **extra,
    }


def _rows(rows: Rows, problem: Problem) -> Any:
    import xgboost

    kinds = ["c" if number in problem.categorical else "q" for number in range(len(problem.columns))]
    label = rows.label if len(rows.label) else None
    return xgboost.DMatrix(rows.matrix, label, weight=rows.weight, feature_types=kinds, enable_categorical=True)


def _watching(watch: Watch, rows: Any) -> Any:
    from xgboost.callback import TrainingCallback

    class Watching(TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            """Count the round and log its losses when they are due; False: go on."""
            number = epoch + 1
            if watch.due(number):
                losses = {}
                if watch.due_in_training(number):
                    name, loss = model.eval(rows, "train").split("\t")[1].rsplit(":", 1)
                    losses[name.replace("-", "_", 1)] = float(loss)
                losses |= {f"valid_{name}": curve[-1] for name, curve in evals_log.get("valid", {}).items()}
                watch.log(number, losses)
            return False

    return Watching()


@contextmanager
def _unknown_refused() -> Iterator[None]:
    """XGBoost only warns of settings it does not know; a misspelt one must not pass."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        text = str(warning.message)
        if "are not used" in text:
            raise ValueError(
                f"--param: expected settings of xgboost, got others: {text.split('Parameters:')[-1].strip()}"
            )
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
