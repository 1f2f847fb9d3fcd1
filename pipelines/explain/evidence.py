"""What a run predicted out of fold, beside the truth: read from its folder and the competition's table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from pipelines.contract import Choice, Competition, Ids, Table, Targets, Values
from pipelines.explain.amounts import Scored
from pipelines.explain.kinds import Kind, kind_of
from pipelines.explain.scores import Judged, judge
from pipelines.predictions import Predictions, read_predictions
from pipelines.runfolder import RunFolder
from pipelines.scoring import Entries, row_groups
from pipelines.stops import UsageError

AGAIN = "the same `podium run` command goes on"
KEPT = ("prediction", "kept", "group")  # arrays of a run's predictions that are looked at


@dataclass(frozen=True, eq=False)
class Evidence:
    """Out-of-fold entries: whose they are, in which fold, and what was predicted."""

    competition: Competition
    train: Table
    ids: Ids  # (entries,)
    entries: Entries
    arrays: dict[str, np.ndarray]  # prediction or kept, and group where the folds have groups
    choice: Choice
    note: str = ""  # what a reader must know of where they come from

    @property
    def targets(self) -> Targets:
        """What the competition predicts."""
        return Targets(self.competition.targets, self.competition.truth, self.competition.metric)

    @property
    def folds(self) -> list[int]:
        """The folds that the entries come from."""
        return sorted({int(fold) for fold in self.entries.fold})

    def of_fold(self, fold: int) -> Self:
        """The entries of one fold."""
        inside = np.flatnonzero(self.entries.fold == fold)
        arrays = {name: array[inside] for name, array in self.arrays.items()}
        return replace(self, ids=self.ids[inside], entries=_some(self.entries, inside), arrays=arrays)

    @cached_property
    def truth(self) -> Values:
        """The truth of all entries, where it is a few numbers a row."""
        truth: Values = self.targets.values(self.train)[self.entries.row]
        return truth

    @cached_property
    def kept(self) -> np.ndarray:
        """What the metric needs of each entry, (entries, ...)."""
        if "kept" in self.arrays:
            return self.arrays["kept"]
        return self.competition.metric.keep(self.truth, self.arrays["prediction"])

    @cached_property
    def kind(self) -> Kind:
        """What the values are."""
        if "kept" in self.arrays:
            return Scored(self.kept, self.competition.metric, self.choice)
        prediction = self.arrays["prediction"]
        return kind_of(self.truth, prediction, self.names(prediction.shape[1]), self.choice)

    def names(self, columns: int) -> list[str]:
        """What the columns of values are called: the targets, or the classes that the target's cells name."""
        targets = self.competition.targets
        if len(targets) == columns:
            return list(targets)
        if len(targets) > 1:
            return [f"value {column}" for column in range(columns)]
        truth = self.targets.values(self.train)
        names = [f"class {column}" for column in range(columns)]
        cells = self.train[targets[0]]
        for column in range(columns):
            having = np.flatnonzero(truth[:, column])
            if len(having):
                names[column] = str(cells.iloc[having[0]])
        return names

    def judged(self) -> Judged:
        """The scores of these entries."""
        return judge(self.competition.metric, self.kept, self.entries, row_groups(self.arrays, self.entries))


def gather(folder: RunFolder, record: dict[str, Any], competition: Competition, train: Table) -> Evidence:
    """The entries that a run's folder holds; refuses what was made on other files."""
    stored, note = _stored(folder, record)
    if stored.marks.get("run") != record["fingerprint"]:
        raise ValueError(f"{folder.oof}: expected predictions of this run, got another's; {AGAIN}")
    choice = record.get("scores", {}).get("choice")
    return Evidence(
        competition=competition,
        train=train,
        ids=stored.ids,
        entries=_entries(stored, train),
        arrays={name: array for name, array in stored.arrays.items() if name in KEPT},
        choice=None if choice is None else np.asarray(choice, dtype=float),
        note=note,
    )


def baseline_of(folder: RunFolder, evidence: Evidence) -> Evidence | None:
    """The baseline's entries on the same folds; None where one was lost."""
    paths = [folder.fold_oof(fold, "baseline") for fold in evidence.folds]
    if not all(path.exists() for path in paths):
        return None
    repeats = dict(zip(evidence.entries.fold.tolist(), evidence.entries.repeat.tolist(), strict=True))
    stored = _joined([read_predictions(path) for path in paths], evidence.folds, repeats)
    return replace(evidence, ids=stored.ids, entries=_entries(stored, evidence.train), arrays=dict(stored.arrays))


def check_fold(folder: RunFolder, fold: int | None) -> None:
    """Refuse a fold that has no predictions, before anything is loaded."""
    finished = folder.finished()
    if fold is not None and fold not in finished:
        known = ", ".join(map(str, finished)) or "none yet"
        raise UsageError(f"--fold: expected one of the finished folds ({known}), got {fold}")


def _stored(folder: RunFolder, record: dict[str, Any]) -> tuple[Predictions, str]:
    """A run's predictions, those of its finished folds while it has not been scored, and what to know of them."""
    sources = record.get("sources", [])
    if any(name.startswith("baseline") for name in sources) or not (folder.oof.exists() or folder.finished()):
        raise ValueError(
            f"{folder.root}: expected out-of-fold predictions of a model, got a run without a finished fold; {AGAIN}"
        )
    if folder.oof.exists():
        stored = read_predictions(folder.oof)
        begun = stored.marks.get("finished") == ""
        return stored, "No fold is finished: these are predictions of a checkpoint." if begun else ""
    folds = folder.finished()
    parts = [read_predictions(folder.fold_oof(fold)) for fold in folds]
    note = "The run was stopped before it was scored: these are its finished folds."
    return _joined(parts, folds, {}), note


def _joined(parts: Sequence[Predictions], folds: Sequence[int], repeats: dict[int, int]) -> Predictions:
    """The predictions of several folds as those of a run."""
    lengths = [len(part.ids) for part in parts]
    fold = np.repeat(np.asarray(folds), lengths)
    repeat = np.repeat([repeats.get(each, 0) for each in folds], lengths)
    names = [name for name in KEPT if name in parts[0].arrays]
    arrays = {name: np.concatenate([part.arrays[name] for part in parts]) for name in names}
    ids = parts[0].ids.append([part.ids for part in parts[1:]])
    return Predictions(ids, {"fold": fold[:, None], "repeat": repeat[:, None], **arrays}, parts[0].marks)


def _entries(stored: Predictions, train: Table) -> Entries:
    ids = pd.Index(stored.ids.to_numpy(), name=train.index.name)
    fold, repeat = (np.asarray(stored.arrays[name][:, 0]) for name in ("fold", "repeat"))
    return Entries(train.index.get_indexer(ids), fold, repeat, len(train))


def _some(entries: Entries, places: np.ndarray) -> Entries:
    return Entries(entries.row[places], entries.fold[places], entries.repeat[places], entries.rows)
