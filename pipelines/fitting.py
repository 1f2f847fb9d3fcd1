"""Fit per fold and seed, predict the validation rows; what is finished is never done again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.budget import OutOfTime
from pipelines.contract import Learner, Model, Table, Values, each
from pipelines.learners.constant import ConstantLearner
from pipelines.parallel import devices_of, spread
from pipelines.predicting import check_finite
from pipelines.predictions import Predictions, write_predictions
from pipelines.report import took
from pipelines.run import Run, begun_models
from pipelines.runfolder import FoldFolder, Kind, read_json, write_json
from pipelines.training.crew import Silent, agreed

LOOKS = ("plain", "blind")  # of a model: with a single view, and without the columns beside the image


def fit_folds(run: Run) -> None:
    """Fit the chosen folds that are not finished, the baseline beside each; on several devices side by side."""
    for fold in run.chosen:
        if not run.folder.fold_oof(fold, "baseline").exists():
            fit_baseline(run, fold)
    left = [fold for fold in run.chosen if not fold_done(run, fold)]
    for fold in [fold for fold in run.chosen if fold not in left]:
        run.report.line(f"fold {fold}: finished before")
    devices = devices_of(run.competition.learner) if len(left) > 1 else []
    if len(devices) > 1:
        spread(partial(fit_on, run), left, devices)
    else:
        fit_each(run, left)


def fit_on(run: Run, device: str, folds: Sequence[int]) -> None:
    """Fit folds on one of several devices."""
    learner = replace(run.competition.learner, device=device)  # type: ignore[type-var]  # a learner is a dataclass
    fit_each(replace(run, competition=run.competition.with_learner(learner)), folds)


def fit_each(run: Run, folds: Sequence[int]) -> None:
    """Fit folds one after the other, as long as time allows."""
    for number, fold in enumerate(folds):
        seconds = expected_seconds(run)
        begun = any(out.begun for out in run.fits(fold))
        if not run.clock.fits(0 if begun else seconds):
            rest = ", ".join(map(str, folds[number:]))
            run.report.line(f"fold {rest}: not started, a fold takes {took(seconds)} and the budget does not hold it")
            return
        try:
            fit_fold(run, fold)
        except OutOfTime as stop:
            run.report.line(f"fold {fold}: {stop}; the same command goes on")
            return


def fold_done(run: Run, fold: int) -> bool:
    """Whether a fold's models and predictions are there."""
    return run.folder.fold_oof(fold).exists() and all(out.whole for out in run.fits(fold))


def expected_seconds(run: Run) -> float:
    """What a fold takes by those that are finished; 0 while none is."""
    taken = [sum(fit["seconds"] for fit in run.done(fold)) for fold in run.finished()]
    return float(np.mean(taken)) if taken else 0.0


def fit_fold(run: Run, fold: int) -> None:
    """One fold: its models, and their predictions for its validation rows."""
    train, valid = run.sides(fold)
    models = [fit_seed(run, out, train, valid) for out in run.fits(fold)]
    write_predictions(run.folder.fold_oof(fold), predict_valid(run, run.learner(0), models, valid))


def fit_seed(run: Run, out: FoldFolder, train: Table, valid: Table | None) -> Model:
    """One fit, as its folder holds it; made now when it is not whole."""
    learner = fitted_learner(run, out, valid)
    if not out.whole:
        out.prepare()
        agreed((out.fold, out.seed))
        start = time.monotonic()
        model = learner.fit(train, valid, run.targets, out)
        seconds = time.monotonic() - start
        out.finish({"found": dict(model.found), "seconds": round(seconds, 3)})
        rounds = ", ".join(f"{name} {value}" for name, value in model.found.items())
        run.report.line(f"fold {out.fold} seed {learner.seed}: fitted in {took(seconds)}{rounds and f' ({rounds})'}")
    # Predictions always come from the stored model, so that a run that was stopped gives the same bytes.
    return learner.load(out)


def fitted_learner(run: Run, out: FoldFolder, valid: Table | None) -> Learner:
    """The learner of one fit: without validation rows, with what the folds found."""
    learner = run.learner(out.seed)
    if valid is not None:
        return learner
    return replace(learner, **found_settings(run))  # type: ignore[type-var]  # a learner is a dataclass


def predict_stand_in(run: Run) -> tuple[int, Kind]:
    """Whose predictions are scored while no fold is finished, and for which fold: a checkpoint's or the baseline's."""
    (name,) = run.stand_in
    if name.startswith("baseline"):
        return int(name[8:]), "baseline"
    fold = int(name[10:])
    _, valid = run.sides(fold)
    models = [load() for load in begun_models(run.competition.learner, run.fits(fold))]
    write_predictions(run.folder.fold_oof(fold, "checkpoint"), predict_valid(run, run.learner(0), models, valid))
    return fold, "checkpoint"


def follow(run: Run) -> None:
    """Take part in the fits that rank 0 announces, and write nothing; torchrun starts one such process per card."""
    while (fit := agreed(None)) is not None:
        fold, seed = fit
        place = int(fold) if fold.isdigit() else fold
        train, valid = (run.joined(run.rows), None) if place == "full" else run.sides(int(place))
        out = Silent(run.fits(place)[seed].folder)
        with suppress(OutOfTime):  # all stop together, and rank 0 says so
            fitted_learner(run, run.fits(place)[seed], valid).fit(train, valid, run.targets, out)


def found_settings(run: Run) -> dict[str, int]:
    """The mean of what the finished folds found (rounds, epochs), for a fit that has no validation rows."""
    found: dict[str, list[int]] = {}
    for fold in run.finished():
        for each_done in run.done(fold):
            for name, value in each_done["found"].items():
                found.setdefault(name, []).append(value)
    return {name: max(1, round(float(np.mean(values)))) for name, values in found.items()}


def fit_full(run: Run) -> None:
    """Fit on all rows, with the rounds or epochs that the folds found, once these are finished."""
    if not all(fold_done(run, fold) for fold in run.chosen):
        return
    expect_full(run.folder.full_found, found_settings(run))
    try:
        for out in run.fits("full"):
            fit_seed(run, out, run.joined(run.rows), None)
    except OutOfTime as stop:
        run.report.line(f"the fit on all rows: {stop}; the same command goes on")


def expect_full(path: Path, found: Mapping[str, int]) -> None:
    """Drop a fit on all rows that took something else from fewer folds, and note what it is now to take."""
    if path.exists() and read_json(path) == found:
        return
    if path.parent.exists():
        shutil.rmtree(path.parent)
    write_json(path, found)


def fit_baseline(run: Run, fold: int) -> None:
    """Score what knows nothing on the same fold."""
    learner = run.competition.baseline or ConstantLearner()
    train, valid = run.sides(fold, () if run.competition.baseline else run.competition.targets)
    out = run.folder.baseline(fold, run.report)
    out.prepare()
    model = learner.fit(train, None, run.targets, out)
    write_predictions(run.folder.fold_oof(fold, "baseline"), predict_valid(run, learner, [model], valid))


def predict_valid(run: Run, learner: Learner, models: Sequence[Model], valid: Table) -> Predictions:
    """The validation rows' values averaged over seeds; beside them each seed's own, and those of other looks."""
    parts: dict[str, list[np.ndarray]] = {}
    rows: list[np.ndarray] = []
    others = {name: _looks(models, name) for name in LOOKS}
    for ids, values in each([*models, *chain.from_iterable(others.values())], learner.inputs(valid)):
        places = valid.index.get_indexer(ids)
        rows.append(places)
        chunk = valid.iloc[places]
        left = iter(values)
        values = list(islice(left, len(models)))
        shown = {"": values} | {f"{name}_": list(islice(left, len(looks))) for name, looks in others.items() if looks}
        shown |= {f"seed{seed}_": [value] for seed, value in enumerate(values)} if len(values) > 1 else {}
        truth = run.targets.values(chunk) if values[0].ndim > 2 else None
        for label, several in shown.items():
            name, array = _stored(run, chunk, truth, sum(several[1:], start=several[0]) / len(several))
            parts.setdefault(label + name, []).append(array)
    order = _order(np.concatenate(rows), valid)
    arrays = {name: np.concatenate(chunks)[order] for name, chunks in parts.items()}
    if run.folds.groups is not None:  # what resampling keeps whole travels with the values
        arrays["group"] = run.folds.groups[run.folds.ids.get_indexer(valid.index), None]
    return Predictions(valid.index, arrays, run.marks)


def _looks(models: Sequence[Model], name: str) -> list[Model]:
    """The models as they are without what their looks of this name leave out, where they have it."""
    looks = [getattr(model, name, None) for model in models]
    return [look for look in looks if look is not None]


def _stored(run: Run, chunk: Table, truth: Values | None, values: Values) -> tuple[str, np.ndarray]:
    """Values as they are when they are a few numbers a row; of maps, whose truth is given, what the metric keeps."""
    check_finite(values, chunk)
    return ("prediction", values) if truth is None else ("kept", run.competition.metric.keep(truth, values))


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
