"""Predict the test rows with every finished model, encode them, check them and write the submission."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from pipelines.contract import Choice, Competition, Ids, Learner, Model, Table, Values, average
from pipelines.learners.constant import ConstantLearner
from pipelines.loading import Tables
from pipelines.predictions import Predictions, collect, read_predictions, write_predictions
from pipelines.report import Report
from pipelines.run import begun_models
from pipelines.runfolder import RunFolder, read_json
from submissions.sample import Sample
from submissions.write import write_submission


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What training leaves for predicting: models on disk, and the choice that OOF made."""

    competition: Competition
    folder: RunFolder
    sources: tuple[str, ...]  # finished folds (fold0, ...), the fit on all rows (full), or a stand-in (checkpoint0)
    seeds: int
    choice: Choice
    marks: Mapping[str, str]
    skipped: tuple[str, ...] = ()  # test rows without a readable file, which get the baseline's value

    def models(self, report: Report) -> list[Model]:
        """Every model, loaded."""
        return [model for name in self.sources for model in self.models_of(name, report)]

    @property
    def provisional(self) -> bool:
        """Whether a stand-in predicts, which another command may have better."""
        return any(name.startswith(("checkpoint", "baseline")) for name in self.sources)

    @property
    def full(self) -> Mapping[str, int]:
        """What a fit on all rows took from the folds, if it predicts: with more folds it is another fit."""
        path = self.folder.full_found
        return read_json(path) if "full" in self.sources and path.exists() else {}

    @property
    def learner(self) -> Learner:
        """Whose models predict."""
        return (self.competition.baseline or ConstantLearner()) if self.blank else self.competition.learner

    @property
    def blank(self) -> bool:
        """Whether only the baseline can predict."""
        return any(name.startswith("baseline") for name in self.sources)

    def blanks(self, rows: Table, report: Report) -> Iterator[tuple[Ids, Values]]:
        """The baseline's values of rows whose files cannot be read."""
        learner = self.competition.baseline or ConstantLearner()
        models = [learner.load(self.folder.baseline(fold, report)) for fold in self.folder.baselines]
        return average(models, learner.inputs(rows))

    def models_of(self, name: str, report: Report) -> list[Model]:
        """The models of one source."""
        kind, number = name.rstrip("0123456789"), name.lstrip("abcdefghijklmnopqrstuvwxyz")
        place = int(number) if number else name
        if kind == "baseline":
            return [self.learner.load(self.folder.baseline(int(number), report))]
        fits = [self.folder.fit(place, seed, report) for seed in range(self.seeds)]
        if kind == "checkpoint":
            return [load() for load in begun_models(self.learner, fits)]
        return [self.learner.load(out) for out in fits]


@dataclass(frozen=True)
class Part:
    """A finished run among those predicted together, and the tables it sees: another's may name other files."""

    trained: Trained
    tables: Tables


def predict_test(trained: Trained, test: Table, fingerprint: str, report: Report) -> Predictions:
    """The test rows' values, averaged over folds and seeds; read back when nothing that makes them changed."""
    marks = {**trained.marks, "test": fingerprint, "models": ",".join(trained.sources)}
    marks |= {"skipped": ",".join(trained.skipped)} if trained.skipped else {}
    marks |= {"full": json.dumps(trained.full)} if trained.full else {}
    path = trained.folder.test
    if path.exists() and not trained.provisional:
        stored = read_predictions(path)
        if dict(stored.marks) == marks:
            report.line("test: predicted before")
            return stored
    if not trained.sources:
        raise ValueError(f"{trained.folder.root}: expected a finished fold, got none; `podium train` makes them")
    report.line(f"test: predicting {len(test):,} rows with {sources_text(trained.sources)}")
    predicted = Predictions(test.index, {"prediction": predict_rows(trained, test, report)}, marks)
    write_predictions(path, predicted)
    return predicted


def predict_rows(trained: Trained, test: Table, report: Report) -> Values:
    """The values of rows in their order, each by itself, averaged over all models."""
    models = trained.models(report)
    skipped = test.index.isin(trained.skipped)
    chunks = average(models, trained.learner.inputs(test[~skipped] if skipped.any() else test))
    ids, values = collect(chain(chunks, trained.blanks(test[skipped], report) if skipped.any() else ()))
    if not ids.equals(test.index):
        places = ids.get_indexer(test.index)
        if len(ids) != len(test) or (places < 0).any():
            raise ValueError(f"expected one prediction for each of {len(test)} test rows, got {len(ids)}")
        values = values[places]
    check_finite(values, test)
    return values


def submit_file(trained: Trained, predicted: Predictions, sample: Sample) -> Path:
    """Encode, check and write the submission; nothing is written when the check refuses."""
    competition = trained.competition
    values = predicted.arrays["prediction"]
    if not predicted.ids.equals(sample.ids):
        values = values[predicted.ids.get_indexer(sample.ids)]
    path = trained.folder.submission(competition.submission)
    rules = competition.rules.for_stand_in() if trained.provisional else competition.rules
    write_submission(path, sample.ids, competition.encode(values, trained.choice), sample, rules)
    return path


def sources_text(sources: Sequence[str]) -> str:
    """What predicts, in words."""
    first = sources[0]
    if first.startswith("checkpoint"):
        return f"the checkpoint of fold {first[10:]} (no fold is finished)"
    if first.startswith("baseline"):
        return "the baseline (no fold has a model yet)"
    folds = [name[4:] for name in sources if name.startswith("fold")]
    words = [f"fold{'s' if len(folds) > 1 else ''} {', '.join(folds)}"] if folds else []
    return " and ".join([*words, *(["the fit on all rows"] if "full" in sources else [])])


def check_finite(values: Values, rows: Table) -> None:
    """Refuse predictions that are not numbers, naming their rows."""
    bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if bad.any():
        raise ValueError(
            f"expected finite predictions, got NaN or infinity for {int(bad.sum())} rows "
            f"({', '.join(map(str, rows.index[bad][:3]))}); lower the learning rate or look at those rows' inputs"
        )
