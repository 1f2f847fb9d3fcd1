"""Predict the test rows with every finished model, encode them, check them and write the submission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.contract import Choice, Competition, Model, Table, Values, average
from pipelines.predictions import Predictions, collect, read_predictions, write_predictions
from pipelines.report import Report
from pipelines.runfolder import RunFolder
from submissions.sample import Sample
from submissions.write import write_submission


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What training leaves for predicting: models on disk, and the choice that OOF made."""

    competition: Competition
    folder: RunFolder
    sources: tuple[str, ...]  # finished folds (fold0, ...), the fit on all rows (full), or both
    seeds: int
    choice: Choice
    marks: Mapping[str, str]

    def models(self, report: Report) -> list[Model]:
        """Every model, loaded."""
        if not self.sources:
            raise ValueError(f"{self.folder.root}: expected a finished fold, got none; `podium train` makes them")
        learner = self.competition.learner
        places: list[Any] = [int(name[4:]) if name.startswith("fold") else name for name in self.sources]
        return [learner.load(self.folder.fit(place, seed, report)) for place in places for seed in range(self.seeds)]


def predict_test(trained: Trained, test: Table, fingerprint: str, report: Report) -> Predictions:
    """The test rows' values, averaged over folds and seeds; read back when nothing that makes them changed."""
    marks = {**trained.marks, "test": fingerprint, "models": ",".join(trained.sources)}
    path = trained.folder.test
    if path.exists():
        stored = read_predictions(path)
        if dict(stored.marks) == marks:
            report.line("test: predicted before")
            return stored
    report.line(f"test: predicting {len(test):,} rows with the models of {', '.join(trained.sources)}")
    predicted = Predictions(test.index, {"prediction": _averaged(trained, test, report)}, marks)
    write_predictions(path, predicted)
    return predicted


def submit_file(trained: Trained, predicted: Predictions, sample: Sample) -> Path:
    """Encode, check and write the submission; nothing is written when the check refuses."""
    competition = trained.competition
    values = predicted.arrays["prediction"]
    if not predicted.ids.equals(sample.ids):
        values = values[predicted.ids.get_indexer(sample.ids)]
    path = trained.folder.submission(competition.submission)
    write_submission(path, sample.ids, competition.encode(values, trained.choice), sample, competition.rules)
    return path


def check_finite(values: Values, rows: Table) -> None:
    """Refuse predictions that are not numbers, naming their rows."""
    bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if bad.any():
        raise ValueError(
            f"expected finite predictions, got NaN or infinity for {int(bad.sum())} rows "
            f"({', '.join(map(str, rows.index[bad][:3]))}); lower the learning rate or look at those rows' inputs"
        )


def _averaged(trained: Trained, test: Table, report: Report) -> Values:
    models = trained.models(report)
    ids, values = collect(average(models, trained.competition.learner.inputs(test)))
    if not ids.equals(test.index):
        places = ids.get_indexer(test.index)
        if len(ids) != len(test) or (places < 0).any():
            raise ValueError(f"expected one prediction for each of {len(test)} test rows, got {len(ids)}")
        values = values[places]
    check_finite(values, test)
    return values
