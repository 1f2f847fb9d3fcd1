"""Fit per fold and seed, predict the validation rows; what is finished is never done again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipelines.contract import Learner, Model, Table, Values, each
from pipelines.learners.constant import ConstantLearner
from pipelines.predicting import check_finite
from pipelines.predictions import Predictions, write_predictions
from pipelines.report import took
from pipelines.run import Run
from pipelines.runfolder import FoldFolder


def fit_folds(run: Run) -> None:
    """Fit the chosen folds that are not finished, the baseline beside each."""
    for fold in run.chosen:
        if not run.folder.fold_oof(fold, baseline=True).exists():
            fit_baseline(run, fold)
        if run.folder.fold_oof(fold).exists() and all(out.whole for out in run.fits(fold)):
            run.report.line(f"fold {fold}: finished before")
            continue
        train, valid = run.sides(fold)
        models = [fit_seed(run, out, train, valid) for out in run.fits(fold)]
        write_predictions(run.folder.fold_oof(fold), predict_valid(run, run.learner(0), models, valid))


def fit_seed(run: Run, out: FoldFolder, train: Table, valid: Table | None) -> Model:
    """One fit, as its folder holds it; made now when it is not whole."""
    learner = run.learner(out.seed)
    if not out.whole:
        out.prepare()
        if valid is None:
            learner = replace(learner, **found_settings(run))  # type: ignore[type-var]  # a learner is a dataclass
        start = time.monotonic()
        model = learner.fit(train, valid, run.targets, out)
        seconds = time.monotonic() - start
        out.finish({"found": dict(model.found), "seconds": round(seconds, 3)})
        rounds = ", ".join(f"{name} {value}" for name, value in model.found.items())
        run.report.line(f"fold {out.fold} seed {learner.seed}: fitted in {took(seconds)}{rounds and f' ({rounds})'}")
    # Predictions always come from the stored model, so that a run that was stopped gives the same bytes.
    return learner.load(out)


def found_settings(run: Run) -> dict[str, int]:
    """The mean of what the finished folds found (rounds, epochs), for a fit that has no validation rows."""
    found: dict[str, list[int]] = {}
    for fold in run.finished():
        for each_done in run.done(fold):
            for name, value in each_done["found"].items():
                found.setdefault(name, []).append(value)
    return {name: max(1, round(float(np.mean(values)))) for name, values in found.items()}


def fit_full(run: Run) -> None:
    """Fit on all rows, with the rounds or epochs that the folds found."""
    for out in run.fits("full"):
        fit_seed(run, out, run.joined(run.rows), None)


def fit_baseline(run: Run, fold: int) -> None:
    """Score what knows nothing on the same fold."""
    learner = run.competition.baseline or ConstantLearner()
    train, valid = run.sides(fold)
    out = FoldFolder(
        run.folder.fold_oof(fold, baseline=True).parent / "baseline", run.folder, f"baseline{fold}", 0, run.report
    )
    out.prepare()
    model = learner.fit(train, None, run.targets, out)
    write_predictions(run.folder.fold_oof(fold, baseline=True), predict_valid(run, learner, [model], valid))


def predict_valid(run: Run, learner: Learner, models: Sequence[Model], valid: Table) -> Predictions:
    """The validation rows' values averaged over seeds and, with several seeds, each seed's own."""
    parts: dict[str, list[np.ndarray]] = {}
    rows: list[np.ndarray] = []
    for ids, values in each(models, learner.inputs(valid)):
        places = valid.index.get_indexer(ids)
        rows.append(places)
        chunk = valid.iloc[places]
        own = {f"seed{seed}_": value for seed, value in enumerate(values)} if len(values) > 1 else {}
        for label, value in {"": sum(values[1:], start=values[0]) / len(values), **own}.items():
            name, array = _stored(run, chunk, value)
            parts.setdefault(label + name, []).append(array)
    order = _order(np.concatenate(rows), valid)
    arrays = {name: np.concatenate(chunks)[order] for name, chunks in parts.items()}
    return Predictions(valid.index, arrays, run.marks)


def _stored(run: Run, chunk: Table, values: Values) -> tuple[str, np.ndarray]:
    """Values as they are when they are a few numbers a row; of maps only what the metric keeps."""
    if values.ndim == 2:
        check_finite(values, chunk)
        return "prediction", values
    return "kept", run.competition.metric.keep(run.targets.values(chunk), values)


def _order(places: np.ndarray, valid: Table) -> np.ndarray:
    if len(places) != len(valid) or not np.array_equal(np.sort(places), np.arange(len(valid))):
        raise ValueError(
            f"expected one prediction for each of {len(valid)} rows, got {len(places)} "
            f"for {len(np.unique(places))} rows; the learner's inputs() must yield every row of its table once"
        )
    return np.argsort(places, kind="stable")


def summary(run: Run) -> dict[str, Any]:
    """What the fits found and took, per fold."""
    places: list[int | str] = [*run.finished(), "full"]
    return {str(place): run.done(place) for place in places if run.done(place)}
