"""Test rows whose values are maps: predicted, encoded and written as a stream that goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from features.ahead import ahead
from pipelines.contract import Choice, Competition, Table
from pipelines.loading import Tables
from pipelines.maps import KeptMaps, fingerprint_of, predicted_maps
from pipelines.metrics.masks import to_size
from pipelines.predicting import Part, sources_text
from pipelines.report import Report, took
from pipelines.runfolder import RunFolder, changing
from pipelines.settings import settings_fingerprint
from pipelines.stops import UsageError
from submissions.rules import Rules
from submissions.stream import StreamWriter, continue_submission

Cells: TypeAlias = dict[str, Any]  # a row's cell by column
Place: TypeAlias = tuple[int, tuple[np.ndarray, ...]]  # a row's number, and its map by each run

BATCH = 16  # rows judged and written together
MINUTE = 60.0  # seconds between lines about how far it is, where no bar shows it


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a person asks of a prediction."""

    rows: tuple[str, ...] = ()  # ids; empty: all
    label: str = ""  # of the list that the rows come from
    threshold: float | None = None  # instead of the one that OOF chose
    keep_maps: bool = False

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise UsageError(f"--threshold: expected a number above 0 and up to 1, got {self.threshold}")

    @property
    def usual(self) -> bool:
        """Whether all is as the run has it."""
        return not self.rows and self.threshold is None

    def name(self, usual: str) -> str:
        """The submission's name, one of its own where it is not what the run itself would submit."""
        stem, dot, endings = usual.partition(".")
        threshold = "" if self.threshold is None else f"-{self.threshold:g}"
        return f"{stem}{threshold}{self.subset}{dot}{endings}"

    @property
    def subset(self) -> str:
        """What tells files of only some rows apart; "" for all rows."""
        digest = hashlib.sha256("\n".join(self.rows).encode()).hexdigest()[:8]
        return f"-{len(self.rows)}rows-{digest}" if self.rows else ""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One submission of maps: whose maps, which rows, what of them, and where to."""

    parts: Sequence[Part]  # runs, averaged with equal weights
    folder: RunFolder
    choice: Choice
    wanted: Wanted

    @property
    def competition(self) -> Competition:
        """What the runs are of."""
        return self.parts[0].trained.competition

    @property
    def tables(self) -> Tables:
        """Those of the first run: all have the same rows."""
        return self.parts[0].tables

    @property
    def path(self) -> Path:
        """The submission."""
        return self.folder.submission(self.wanted.name(self.competition.submission))

    @property
    def all_rows(self) -> Table:
        """All test rows, in sample_submission's order."""
        return self.tables.test.loc[self.tables.sample.ids]

    @property
    def rows(self) -> Table:
        """The test rows to predict, in sample_submission's order."""
        ids = self.tables.sample.ids
        if not self.wanted.rows:
            return self.all_rows
        strange = sorted({*self.wanted.rows} - {*ids})
        if strange:
            raise ValueError(
                f"--rows {self.wanted.label}: expected ids of the test table, got {len(strange)} others "
                f"({', '.join(strange[:3])}); write them as {ids[0]}, one a line"
            )
        return self.tables.test.loc[ids[ids.isin(self.wanted.rows)]]

    @property
    def chosen(self) -> Choice:
        """The threshold."""
        return self.choice if self.wanted.threshold is None else np.array([self.wanted.threshold])

    @property
    def rules(self) -> Rules:
        """The competition's rules, for masks of the size that the files have."""
        rules = self.competition.rules.sized(self.usual_size)
        return rules.for_stand_in() if any(part.trained.provisional for part in self.parts) else rules

    @cached_property
    def skipped(self) -> frozenset[str]:
        """Rows without a readable file."""
        return frozenset(id for part in self.parts for id in part.trained.skipped)

    @cached_property
    def usual_size(self) -> tuple[int, int]:
        """The size of the first mask whose image can be read."""
        test = self.tables.test
        return self._sized(test[~test.index.isin(self.skipped)].iloc[:1])

    def size(self, row: Table) -> tuple[int, int]:
        """The size of a row's mask; one without a readable image has what is usual."""
        return self.usual_size if row.index[0] in self.skipped else self._sized(row)

    def _sized(self, row: Table) -> tuple[int, int]:
        assert self.competition.shape is not None
        return self.competition.shape(row)

    def kept(self, part: Part, rows: Table) -> KeptMaps:
        """Where a run keeps its maps of these rows."""
        usual = part.trained.folder.maps
        subset = self.wanted.subset if len(rows) < len(self.tables.sample) else ""
        return KeptMaps(usual.with_stem(usual.stem + subset), self.mark(part, rows))

    def mark(self, part: Part, rows: Table) -> str:
        """What decides a run's maps of these rows."""
        return fingerprint_of(part.trained, rows, part.tables.test_fingerprint)

    def fingerprint(self, rows: Table) -> str:
        """What decides the submission's bytes."""
        made = [self.mark(part, rows) for part in self.parts]
        choice = None if self.chosen is None else np.asarray(self.chosen, float).tolist()
        told = json.dumps([made, choice, settings_fingerprint(self.competition.encode)])
        return hashlib.sha256(told.encode()).hexdigest()


def stream_test(job: Job, report: Report) -> Path:
    """Write the checked submission; what an earlier call has written is not predicted again."""
    sample, rows = job.tables.sample, job.rows
    for part in job.parts:
        if not part.trained.sources:
            root = part.trained.folder.root
            raise ValueError(f"{root}: expected a finished fold, got none; `podium train` makes them")
    some = len(rows) < len(sample)
    with continue_submission(job.path, sample, job.rules, job.fingerprint(rows), some) as writer:
        places = sample.ids.get_indexer(rows.index)
        done = int(np.searchsorted(places, writer.written))
        counts = [job.kept(part, rows).count() for part in job.parts] if job.wanted.keep_maps else []
        first = min(done, *counts, len(rows))
        if first < len(rows):
            told = f"{len(rows) - first:,} of {len(rows):,} rows" if first else f"{len(rows):,} rows"
            named = "; ".join(sources_text(part.trained.sources) for part in job.parts)
            report.line(f"test: predicting {told} with {named}")
            maps = _all_maps(job, rows, first, report)
            _write(writer, _encoded(job, rows, maps, done), len(rows) - first, report)
        elif writer.written == len(sample):
            report.line("test: predicted before")
    for warning in writer.verdict.warnings if writer.verdict else ():
        report.line(f"note: {warning}")
    _record(job, rows)
    return job.path


def _all_maps(job: Job, rows: Table, first: int, report: Report) -> Iterator[Place]:
    """Number and maps of each row from the first on, in order."""
    streams: list[Iterator[np.ndarray]] = []
    claimed: list[int] = []  # bytes that the runs' maps will take, of one disk
    for part in job.parts:
        kept, trained = job.kept(part, rows), part.trained
        known = _known_maps(job, part, rows)
        if known is not None:
            report.line(f"test: maps of {trained.folder.name} were kept")
            streams.append(islice(known, first, None))
            continue
        seen = part.tables.test.loc[rows.index]
        maps = predicted_maps(trained, trained.models(report), seen, report, trained.skipped, first)
        if job.wanted.keep_maps:
            maps = kept.claiming(maps, len(rows) - first, claimed, report)
            maps = kept.passing(maps, first)
        streams.append(maps)
    return ((first + place, maps) for place, maps in enumerate(zip(*streams, strict=True)))


def _known_maps(job: Job, part: Part, rows: Table) -> Iterator[np.ndarray] | None:
    """A run's maps of these rows where it keeps them, by themselves or among all; else None."""
    every = job.all_rows
    for asked in (rows, every):
        kept = job.kept(part, asked)
        if kept.count() == len(asked):
            return kept.read(asked.index.get_indexer(rows.index))
    return None


def _encoded(job: Job, rows: Table, maps: Iterator[Place], done: int) -> Iterator[tuple[str, Cells | None]]:
    """Id and cells of each row, encoded by threads while the models see the next; no cells: written before."""
    workers = getattr(job.parts[0].trained.learner, "workers", 1)
    return ahead(partial(_cells, job, rows, done), maps, workers, 2 * workers)


def _cells(job: Job, rows: Table, done: int, place: Place) -> tuple[str, Cells | None]:
    number, maps = place
    id = str(rows.index[number])
    if number < done:
        return id, None
    levels = merged(maps, job.size(rows.iloc[number : number + 1]))
    columns = job.competition.encode(levels[None], job.chosen)
    return id, {name: column[0] for name, column in columns.items()}


def merged(maps: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """The mean of several runs' maps of a row at one size, uint8 levels (height, width)."""
    grown = [to_size(levels, size) for levels in maps]
    if len(grown) == 1:
        return grown[0]
    total = np.zeros(size, np.uint16)
    for levels in grown:
        total += levels
    mean: np.ndarray = ((total + len(grown) // 2) // len(grown)).astype(np.uint8)
    return mean


def _write(writer: StreamWriter, encoded: Iterator[tuple[str, Cells | None]], total: int, report: Report) -> None:
    """Append the rows in batches, showing rows a second and the time left."""
    stream = paced(encoded, total, report)
    while batch := list(islice(stream, BATCH)):
        fresh = [(id, cells) for id, cells in batch if cells is not None]
        if fresh:
            names = fresh[0][1]
            columns = {name: np.array([cells[name] for _, cells in fresh], dtype=object) for name in names}
            writer.append([id for id, _ in fresh], columns)


def paced(rows: Iterable[Any], total: int, report: Report) -> Iterator[Any]:
    """The rows, with a bar where a person watches and a line a minute where nobody does."""
    start = said = time.monotonic()
    for count, row in enumerate(report.steps(rows, total, "predicting rows"), 1):
        yield row
        now = time.monotonic()
        if now - said >= MINUTE or count == total:
            said, rate = now, count / max(now - start, 1e-9)
            left = f", about {took((total - count) / rate)} left" if count < total else ""
            report.line(f"test: {count:,} of {total:,} rows, {rate:.1f} rows/s{left}")


def _record(job: Job, rows: Table) -> None:
    """Write what each submission of the run was made with."""
    made = {
        "fingerprint": job.fingerprint(rows),
        "runs": [part.trained.folder.name for part in job.parts],
        "sources": [list(part.trained.sources) for part in job.parts],
        "choice": None if job.chosen is None else np.asarray(job.chosen, float).tolist(),
        "threshold_given": job.wanted.threshold,
        "rows": job.wanted.label or "all",
        "predicted": len(rows),
    }
    with changing(job.folder.predicted) as known:
        known[job.path.name] = made
