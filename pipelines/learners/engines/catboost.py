"""CatBoost, stored in its own binary form."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.learners.engines.engine import Problem, Rows, Settings, Watch, refuse

SUFFIX = ".cbm"
OBJECTIVES = {"binary": "Logloss", "multiclass": "MultiClass", "regression": "RMSE"}
FLAGS = {"iterations": "--rounds", "num_boost_round": "--rounds", "n_estimators": "--rounds", "od_wait": "--patience"}
FLAGS |= {"num_trees": "--rounds", "early_stopping_rounds": "--patience"}
DEPTH = 6  # CatBoost's own
# Steps to a leaf's value and columns that categories are combined of: CatBoost's own for long fits. Left alone it takes
# fewer when there are few rounds, and a fit on all rows with the rounds that were found would be another model.
STEPS = {"binary": 10, "multiclass": 1, "regression": 1}
COMBINED = 4
UNREPEATED = {"model_guid": "", "train_finish_time": ""}  # drawn anew and read off the clock at every fit


@dataclass(frozen=True)
class Fitted:
    """Symmetric trees."""

    booster: Any
    problem: Problem
    threads: int

    @property
    def rounds(self) -> int:
        """Its boosting rounds."""
        return int(self.booster.tree_count_)

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """(rows, columns) -> (rows,) or (rows, classes)."""
        kind = "RawFormulaVal" if self.problem.objective == "regression" else "Probability"
        pool = _pool(Rows(matrix, np.empty(0)), self.problem, self.threads)
        raw = np.asarray(self.booster.predict(pool, prediction_type=kind, thread_count=self.threads or -1))
        return raw[:, 1] if self.problem.objective == "binary" else raw

    def save(self, path: Path) -> None:
        """Write the trees."""
        self.booster.save_model(str(path))


def fit(train: Rows, valid: Rows | None, problem: Problem, settings: Settings, watch: Watch) -> Fitted:
    """Boost on train; valid stops it early."""
    import catboost

    stops = {} if valid is None else {"od_type": "Iter", "od_wait": settings.patience, "use_best_model": True}
    booster = catboost.CatBoost({**params(problem, settings), **stops})
    try:
        booster.fit(
            _pool(train, problem, settings.threads),
            eval_set=None if valid is None else _pool(valid, problem, settings.threads),
            callbacks=[_Watching(watch)],
            log_cout=io.StringIO(),  # it writes some lines even when silent
            log_cerr=io.StringIO(),
        )
    except catboost.CatBoostError as error:
        raise ValueError(f"catboost: {error}; check --param and the settings") from error
    for key, value in UNREPEATED.items():
        booster.get_metadata()[key] = value
    return Fitted(booster, problem, settings.threads)


def load(path: Path, problem: Problem, threads: int) -> Fitted:
    """The trees that save wrote."""
    import catboost

    booster = catboost.CatBoost()
    booster.load_model(str(path))
    return Fitted(booster, problem, threads)


def params(problem: Problem, settings: Settings) -> dict[str, Any]:
    """CatBoost's names for the settings."""
    extra = settings.extra()
    refuse(extra, FLAGS)
    return {
        "loss_function": OBJECTIVES[problem.objective],
        "iterations": settings.rounds,
        "learning_rate": settings.rate,
        "depth": settings.depth or DEPTH,
        "l2_leaf_reg": settings.l2,
        "leaf_estimation_iterations": STEPS[problem.objective],
        "max_ctr_complexity": COMBINED,
        **({"bootstrap_type": "Bernoulli", "subsample": settings.subsample} if settings.subsample < 1 else {}),
        **({"rsm": settings.columns} if settings.columns < 1 else {}),
        "random_seed": settings.seed,
        "thread_count": settings.threads or -1,
        "allow_writing_files": False,
        "logging_level": "Silent",
        **extra,
    }


def _pool(rows: Rows, problem: Problem, threads: int) -> Any:
    """Categories go in as whole numbers, -1 where they are missing."""
    import catboost

    label = rows.label if len(rows.label) else None
    cells: Any = rows.matrix
    if problem.categorical:
        cells = {
            str(number): np.nan_to_num(column, nan=-1).astype(np.int32) if number in problem.categorical else column
            for number, column in enumerate(rows.matrix.T)
        }
        cells = pd.DataFrame(cells, copy=False)
    categorical = [str(number) for number in problem.categorical] or None
    return catboost.Pool(cells, label, weight=rows.weight, cat_features=categorical, thread_count=threads or -1)


class _Watching:
    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def after_iteration(self, info: Any) -> bool:
        """Count the round and log its losses when they are due; True: go on."""
        if self.watch.due(info.iteration):
            losses: dict[str, float] = {}
            for part, name in (("learn", "train"), ("validation", "valid")):
                losses |= {f"{name}_{loss}": curve[-1] for loss, curve in info.metrics.get(part, {}).items()}
            self.watch.log(info.iteration, losses)
        return True
