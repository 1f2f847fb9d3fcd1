"""LightGBM, stored as its own text."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.learners.engines.engine import Problem, Rows, Settings, Watch, refuse

SUFFIX = ".txt"
WIDE = 100  # columns; up to here histograms by row are a little faster, beyond by column
OBJECTIVES = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}


@dataclass(frozen=True)
class Fitted:
    """A booster and the rounds that count."""

    booster: Any
    rounds: int
    threads: int

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """(rows, columns) -> (rows,) or (rows, classes)."""
        return np.asarray(self.booster.predict(matrix, num_iteration=self.rounds, num_threads=self.threads))

    def save(self, path: Path) -> None:
        """Write the trees as text."""
        path.write_text(self.booster.model_to_string(num_iteration=self.rounds), encoding="utf-8")


def fit(train: Rows, valid: Rows | None, problem: Problem, settings: Settings, watch: Watch) -> Fitted:
    """Boost on train; valid stops it early."""
    import lightgbm

    chosen = params(problem, settings)
    rows = lightgbm.Dataset(_columns(train.matrix), train.label, weight=train.weight, params=chosen)
    rows.set_categorical_feature(list(problem.categorical))
    callbacks = [_watching(watch)]
    valid_sets = []
    if valid is not None:
        valid_sets = [rows.create_valid(_columns(valid.matrix), valid.label, weight=valid.weight)]
        callbacks.append(lightgbm.early_stopping(settings.patience, first_metric_only=True, verbose=False))
    try:
        booster = lightgbm.train(
            chosen,
            rows,
            settings.rounds,
            valid_sets=valid_sets,
            valid_names=["valid"] * len(valid_sets),
            callbacks=callbacks,
        )
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(f"lightgbm: {error}; check --param and the settings") from error
    rounds = booster.best_iteration if valid is not None else booster.current_iteration()
    return Fitted(booster.free_dataset(), rounds, settings.threads)


def load(path: Path, problem: Problem, threads: int) -> Fitted:
    """The booster that save wrote."""
    import lightgbm

    booster = lightgbm.Booster(model_file=path)
    return Fitted(booster, booster.current_iteration(), threads)


def params(problem: Problem, settings: Settings) -> dict[str, Any]:
    """LightGBM's names for the settings; the same seed and threads give the same trees."""
    chosen: dict[str, Any] = {
        "objective": OBJECTIVES[problem.objective],
        "learning_rate": settings.rate,
        "num_leaves": settings.leaves,
        "max_depth": settings.depth or -1,
        "min_data_in_leaf": settings.min_rows,
        "bagging_fraction": settings.subsample,
        "bagging_freq": int(settings.subsample < 1),
        "feature_fraction": settings.columns,
        "lambda_l1": settings.l1,
        "lambda_l2": settings.l2,
        "num_threads": settings.threads,
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise" if len(problem.columns) <= WIDE else "force_col_wise": True,
        "verbosity": -1,
    }
    if problem.objective == "multiclass":
        chosen["num_class"] = problem.classes
    return {**chosen, **_extra(settings)}


def _extra(settings: Settings) -> dict[str, Any]:
    """The values of --param under LightGBM's main names; it would pass over a misspelt one, and over most aliases."""
    extra = settings.extra()
    if not extra:
        return {}
    from lightgbm.basic import _ConfigAliases

    aliases = _ConfigAliases._get_all_param_aliases()
    main = {alias: name for name, others in aliases.items() for alias in [name, *others]}
    for key in extra:
        if key not in main:
            near = difflib.get_close_matches(key, main, n=3) or ["max_bin", "min_gain_to_split"]
            raise ValueError(f"--param {key}: expected a setting of lightgbm such as {', '.join(near)}, got {key!r}")
    extra = {main[key]: value for key, value in extra.items()}
    refuse(extra, {"num_iterations": "--rounds", "early_stopping_round": "--patience"})
    return extra


def _columns(matrix: np.ndarray) -> Any:
    """A matrix (rows, columns) as Arrow's columns, if LightGBM takes them: it bins those in four fifths of the time."""
    import pyarrow
    from lightgbm import compat

    if not getattr(compat, "CFFI_INSTALLED", True):  # 4.6 needs it to read Arrow, and does not bring it
        return matrix
    return pyarrow.table({f"Column_{number}": column for number, column in enumerate(matrix.T)})


def _watching(watch: Watch) -> Callable[[Any], None]:
    def callback(env: Any) -> None:
        number = env.iteration + 1
        if watch.due(number):
            losses = env.model.eval_train() if watch.due_in_training(number) else []
            losses += env.evaluation_result_list
            watch.log(number, {f"{part.replace('training', 'train')}_{name}": loss for part, name, loss, _ in losses})

    return callback
