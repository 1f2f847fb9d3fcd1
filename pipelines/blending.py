"""Several runs of one competition as one: weights found on OOF, an honest score, one submission."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from pipelines.contract import Competition, Values
from pipelines.loading import Tables
from pipelines.predicting import Part, Trained, predict_test, submit_file
from pipelines.predictions import Predictions, read_predictions, write_predictions
from pipelines.report import Report
from pipelines.runfolder import RunFolder, read_json, run_name, write_json
from pipelines.scoring import Entries, Score, row_groups, score_oof
from submissions.blend import Blend, Fit, blend_weights, same_folds, to_ranks
from submissions.weights import greedy, simplex

Method: TypeAlias = Literal["mean", "greedy", "simplex", "rank"]

SEARCHES: dict[str, Fit] = {"greedy": greedy, "simplex": simplex}


@dataclass(frozen=True)
class Blended:
    """A blend of runs: what each weighs, what it is worth, and where its submission lies."""

    competition: Competition
    folder: RunFolder
    weights: dict[str, float]
    score: Score
    fitted: Blend | None  # None: nothing was fitted
    singles: dict[str, float]
    submission: Path

    @property
    def value(self) -> float:
        """The honest score: with weights from other folds, where weights were fitted."""
        return self.score.value if self.fitted is None else self.fitted.nested

    def summary(self) -> dict[str, Any]:
        """What --json prints and run.json keeps."""
        choice = self.score.choice
        return {
            "competition": self.competition.name,
            "run": self.folder.name,
            "metric": self.competition.metric.name,
            "score": self.value,
            "score_se": self.score.se,
            "optimistic": None if self.fitted is None else self.fitted.score,
            "weights": self.weights,
            "singles": self.singles,
            "choice": None if choice is None else np.asarray(choice).tolist(),
            "submission": str(self.submission),
        }

    def __str__(self) -> str:
        lines = [f"{self.competition.name}: blend of {len(self.weights)} runs, {self.folder.root}"]
        fitted = "" if self.fitted is None else f" with weights from other folds ({self.fitted.score:.5f} on their own)"
        lines.append(f"  {self.competition.metric.name} {self.value:.5f} ± {self.score.se:.5f}{fitted}")
        for name, single in self.singles.items():
            lines.append(f"  {self.weights[name]:6.3f}  {name}  alone {single:.5f}")
        return "\n".join([*lines, f"  submission {self.submission} (checked)"])


def blend_runs(found: Sequence[Part], method: Method, label: str, report: Report) -> Blended:
    """Blend finished runs that share their folds; equal weights, greedy ones, or mean ranks."""
    parts, tables = [part.trained for part in found], found[0].tables
    competition = parts[0].competition
    names = [part.folder.name for part in parts]
    stored = shared_oof(found)
    entries = entries_of(stored[0], tables)
    truth = competition.truth(tables.train[list(competition.targets)])[entries.row]
    oof = [each.arrays["prediction"] for each in stored]
    test = [_test_values(part, report) for part in found]
    if method == "rank":
        test = [to_ranks(own, known) for own, known in zip(test, oof, strict=True)]
        oof = [to_ranks(known, known) for known in oof]
    fitted = _fitted(competition, dict(zip(names, oof, strict=True)), truth, entries, SEARCHES.get(method))
    weights = dict.fromkeys(names, 1 / len(names)) if fitted is None else dict(fitted.weights)
    kept = competition.metric.keep(truth, weighed(oof, weights))
    score = score_oof(competition.metric, kept, entries, row_groups(stored[0].arrays, entries))
    singles = {name: competition.metric.score(truth, each) for name, each in zip(names, oof, strict=True)}
    fingerprint = fingerprint_of(parts, method)
    folder = RunFolder(parts[0].folder.root.parent / run_name(label, fingerprint))
    marks = {"run": fingerprint, "folds": parts[0].marks["folds"], "test": tables.test_fingerprint}
    with folder.lock():
        write_predictions(
            folder.oof, replace(stored[0], arrays={**stored[0].arrays, "prediction": weighed(oof, weights)})
        )
        predicted = Predictions(tables.test.index, {"prediction": weighed(test, weights)}, marks)
        write_predictions(folder.test, predicted)
        whole = replace(parts[0], folder=folder, choice=score.choice, marks=marks)
        path = submit_file(whole, predicted, tables.sample)
        made = Blended(competition, folder, weights, score, fitted, singles, path)
        record(made, parts, method, fingerprint)
    return made


def shared_oof(parts: Sequence[Part]) -> list[Predictions]:
    """Each run's out-of-fold predictions; refuses runs that differ in their rows, their folds or the folds finished."""
    first, *others = parts
    same_folds({part.trained.folder.name: part.trained.marks["folds"] for part in parts})
    stored = [read_predictions(part.trained.folder.oof) for part in parts]
    for part, oof in zip(others, stored[1:], strict=True):
        names = f"{first.trained.folder.name} and {part.trained.folder.name}"
        if not first.tables.test.index.equals(part.tables.test.index):
            raise ValueError(f"expected {names} to predict the same test rows, got others; give both the same files")
        if not (oof.ids.equals(stored[0].ids) and np.array_equal(oof.arrays["fold"], stored[0].arrays["fold"])):
            raise ValueError(
                f"expected {names} to have the same folds finished, "
                f"got {first.trained.sources} and {part.trained.sources}; finish both"
            )
    return stored


def _test_values(part: Part, report: Report) -> Values:
    return predict_test(part.trained, part.tables.test, part.tables.test_fingerprint, report).arrays["prediction"]


def entries_of(stored: Predictions, tables: Tables) -> Entries:
    """Where out-of-fold predictions come from."""
    fold, repeat = (stored.arrays[name][:, 0] for name in ("fold", "repeat"))
    return Entries(tables.train.index.get_indexer(stored.ids), fold, repeat, len(tables.train))


def _fitted(
    competition: Competition, oof: Mapping[str, Values], truth: Values, entries: Entries, search: Fit | None
) -> Blend | None:
    """Weights by search; a row that validates several times counts once, in the first fold it validates in."""
    if search is None:
        return None
    rows, first = np.unique(entries.row, return_index=True)
    averaged = {name: _row_means(each, entries.row, rows) for name, each in oof.items()}
    folds = [np.flatnonzero(entries.fold[first] == fold) for fold in np.unique(entries.fold[first])]
    metric = competition.metric
    return blend_weights(averaged, truth[first], metric.score, metric.higher_is_better, folds, search)


def _row_means(values: Values, row: np.ndarray, rows: np.ndarray) -> Values:
    if len(rows) == len(row):
        return values[np.argsort(row, kind="stable")]
    means: Values = pd.DataFrame(values).groupby(row).mean().loc[rows].to_numpy()
    return means


def weighed(values: Sequence[Values], weights: Mapping[str, float]) -> Values:
    """The sum of several runs' values (rows, ...), each times its weight; the weights are in the values' order."""
    return sum(
        (weight * each for weight, each in zip(weights.values(), values, strict=True)), np.zeros(values[0].shape)
    )


def fingerprint_of(parts: Sequence[Trained], method: Method) -> str:
    """What makes a blend this blend."""
    return hashlib.sha256(json.dumps([method, *(part.marks["run"] for part in parts)]).encode()).hexdigest()


def record(made: Blended, parts: Sequence[Trained], method: Method, fingerprint: str) -> None:
    """Write a blend's run.json."""
    first = read_json(parts[0].folder.record)  # all have the same rows and folds finished
    content = {
        "competition": made.competition.name,
        "run": made.folder.name,
        "state": "done",
        "fingerprint": fingerprint,
        "settings": {"method": method, "weights": made.weights},
        "seeds": 1,
        "full": "no",
        "limit": first["limit"],
        "experiment": "",
        "toy": first["toy"],
        "sources": [],
        "folds": first["folds"],
        "train": {"fingerprint": ""},
        "scores": {**made.summary(), "baseline": None},
        "submission": made.submission.name,
    }
    write_json(made.folder.record, content)
