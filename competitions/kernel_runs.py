"""The run, or the blend of runs, that a kernel is made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from competitions.kernel_requests import KernelRequest
from competitions.registry import find_competition, starting_learner
from competitions.submitting import default_message
from pipelines.contract import Competition
from pipelines.kaggle.sending import NotebookParcel
from pipelines.kernels.order import Part
from pipelines.kernels.trip import Trip
from pipelines.loading import data_root
from pipelines.options import Options
from pipelines.reopen import find_run, found_at, is_blend, reopen
from pipelines.runfolder import RunFolder, read_json
from pipelines.stops import UsageError


@dataclass(frozen=True)
class Opened:
    """What a kernel is made of."""

    folder: RunFolder
    parts: tuple[Part, ...]
    root: Path  # the competition's files

    @property
    def competition(self) -> Competition:
        """What it is for, with the files of all its runs: two competitions under one slug have some each."""
        files = dict.fromkeys(name for part in self.parts for name in part.competition.files)
        return replace(self.parts[0].competition, files=tuple(files))

    @property
    def submission(self) -> Path:
        """What was made of it here."""
        return self.folder.submission(self.competition.submission)


def open_run(name: str, request: KernelRequest) -> Opened:
    """A run with its learner, or a blend with those of its runs; what other code trained is refused."""
    folder = find_run(name, request.runs)
    record = read_json(folder.record)
    parts = _parts(folder, record["settings"], request) if is_blend(record) else (_part(folder),)
    where = request.data or found_at(parts[0].record)
    options = Options(data=where, runs=request.runs, toy=parts[0].record["toy"])
    return Opened(folder, parts, data_root(parts[0].competition, options))


def notebook_parcel(opened: Opened, trip: Trip, message: str) -> NotebookParcel:
    """The pushed version of a kernel, as it is submitted; refused where no code competition takes it."""
    competition, record, pushed = opened.competition, read_json(opened.folder.record), trip.pushed
    if not competition.code:
        raise ValueError(
            f"{competition.slug}: expected a code competition, got one that takes files: podium submit "
            f"{opened.folder.name} sends the run's own, or the one that podium kernel pull fetches"
        )
    if record.get("toy") or opened.parts[0].record["toy"]:
        raise ValueError(f"{opened.folder.name}: expected a run on the real files, got one on toy files")
    if trip.bundle.content["internet"]:
        raise ValueError(f"{pushed.ref}: expected a kernel without internet, got one with: build it anew, then push")
    if not pushed.version:
        raise ValueError(f"{pushed.ref}: expected a pushed version, got one whose push had no answer: push again")
    return NotebookParcel(
        competition=competition,
        path=trip.kept(competition.submission),
        digest=hashlib.sha256(f"{pushed.ref} {pushed.version}".encode()).hexdigest(),
        message=message or default_message(opened.submission, record),
        run=opened.folder.name,
        notebook=pushed.ref,
        version=pushed.version,
    )


def _part(folder: RunFolder, weight: float = 1.0) -> Part:
    record = read_json(folder.record)
    competition = find_competition(record["competition"])
    options = Options(toy=record["toy"], experiment=record["experiment"])
    trained = reopen(folder, competition, starting_learner(competition, options))
    return Part(folder, trained.competition, weight)


def _parts(folder: RunFolder, settings: dict[str, object], request: KernelRequest) -> tuple[Part, ...]:
    """A blend's runs, which lie beside it."""
    weights = settings["weights"]
    assert isinstance(weights, dict)
    if request.train:
        raise UsageError(f"--train: expected a run, got {folder.name}, a blend; train its runs {', '.join(weights)}")
    if settings["method"] == "rank":
        raise ValueError(
            f"{folder.root}: expected a blend of values, got one of ranks, which are read off the training rows' "
            "predictions, and these stay here: blend with another --method"
        )
    beside = [_beside(folder.root.parent, name) for name in weights]
    if gone := [each.name for each in beside if not each.record.exists()]:
        raise ValueError(
            f"{folder.root}: expected the runs that it blends beside it, got no {', '.join(gone)}: train them again, "
            "or blend others"
        )
    return tuple(_part(each, float(weights[each.name])) for each in beside)


def _beside(root: Path, name: str) -> RunFolder:
    """A run in a folder, or in that of another competition under the same slug, above or below it."""
    places = [root / name, *sorted(root.glob(f"*/{name}")), root.parent / name]
    return RunFolder(next((place for place in places if (place / "run.json").exists()), places[0]))
