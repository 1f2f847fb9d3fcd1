"""Maps of test rows, row by row in constant memory: predicted live, or read back from what a run keeps."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from features.room import free_disk, size_text
from pipelines.contract import Ids, Model, Table, Values, average
from pipelines.metrics.masks import to_levels, to_size
from pipelines.predicting import Trained, check_finite
from pipelines.report import Report
from pipelines.runfolder import read_json, write_json
from pipelines.settings import settings_fingerprint


def predicted_maps(
    trained: Trained,
    models: list[Model],
    rows: Table,
    report: Report,
    without: Sequence[str] = (),
    start: int = 0,
) -> Iterator[np.ndarray]:
    """The map of each row from number start on, uint8 levels (height, width): decoded once for all models and views.

    Rows without a readable file get the baseline's.
    """
    skipped = rows.index.isin(without)
    live = _live_maps(trained, models, rows[~skipped], int((~skipped[:start]).sum()))
    rest, skipped = rows.iloc[start:], skipped[start:]
    blank = singles(trained.blanks(rest[skipped], report), rest) if skipped.any() else iter(())
    for id, left_out in zip(rest.index, skipped, strict=True):
        found, levels = next(blank if left_out else live)
        if found != id:
            raise ValueError(f"expected the learner's inputs() to keep the rows' order, got {found} where {id} is next")
        yield levels


def _live_maps(trained: Trained, models: list[Model], rows: Table, start: int) -> Iterator[tuple[str, np.ndarray]]:
    """Ids and maps from row number start on.

    Chunks begin where they do without a start: how many rows a network sees together decides its sums' last bits.
    """
    chunk: int = getattr(trained.learner, "chunk", 1)
    first = start - start % chunk
    if first < len(rows):
        yield from islice(
            singles(average(models, trained.learner.inputs(rows.iloc[first:])), rows), start - first, None
        )


def singles(chunks: Iterable[tuple[Ids, Values]], rows: Table) -> Iterator[tuple[str, np.ndarray]]:
    """Chunks of maps (rows, height, width) one by one, with 8 bits a pixel."""
    for ids, values in chunks:
        check_finite(values, rows.loc[ids])
        yield from zip(ids, to_levels(values), strict=True)


def fingerprint_of(trained: Trained, rows: Table, test: str) -> str:
    """What decides a run's maps of these rows: another one means other maps."""
    parts: list[Any] = [
        dict(trained.marks),
        test,
        trained.sources,
        trained.skipped,
        settings_fingerprint(trained.learner),
    ]
    if trained.full:
        parts.append(trained.full)
    if trained.provisional:
        files = sorted(trained.folder.root.glob("fold*/**/*.safetensors"))
        parts.append([path.stat().st_mtime_ns for path in files])  # a checkpoint moves on under the same name
    told = json.dumps(parts, sort_keys=True, default=list)
    return hashlib.sha256("\n".join([told, *map(str, rows.index)]).encode()).hexdigest()


@dataclass(frozen=True)
class KeptMaps:
    """The maps of a run's rows in one file, all of one size, and what they were made from."""

    path: Path
    fingerprint: str

    @property
    def record(self) -> Path:
        """What the file holds."""
        return self.path.with_suffix(".json")

    def count(self) -> int:
        """How many maps of this fingerprint are there."""
        if not (self.record.exists() and self.path.exists()):
            return 0
        held = read_json(self.record)
        if held["fingerprint"] != self.fingerprint:
            return 0
        return self.path.stat().st_size // int(held["height"] * held["width"])

    def read(self, places: np.ndarray) -> Iterator[np.ndarray]:
        """The maps of these numbers, one by one; the system reads them in as needed and drops them again."""
        held = read_json(self.record)
        stored = np.memmap(self.path, np.uint8, "r", shape=(self.count(), held["height"], held["width"]))
        for place in places:
            yield np.array(stored[place])

    def claiming(
        self, maps: Iterator[np.ndarray], count: int, claimed: list[int], report: Report
    ) -> Iterator[np.ndarray]:
        """The maps, once it is said what so many take and, with what others have claimed, that the disk has room."""
        first = next(maps, None)
        if first is None:
            return iter(())
        claimed.append(count * first.size)
        self._announce(first, count, sum(claimed), report)
        return chain([first], maps)

    def passing(self, maps: Iterator[np.ndarray], start: int) -> Iterator[np.ndarray]:
        """The maps from number start on, each written before it is passed on."""
        first = next(maps, None)
        if first is None:
            return
        height, width = first.shape
        if not start:
            self.path.unlink(missing_ok=True)  # before its record changes: killed in between, it would pass for these
        write_json(self.record, {"fingerprint": self.fingerprint, "height": height, "width": width})
        with self.path.open("r+b" if start else "wb") as kept:
            kept.truncate(start * first.size)
            kept.seek(0, os.SEEK_END)
            for levels in chain([first], maps):
                # The baseline's map of a skipped row may be of another size.
                kept.write(np.ascontiguousarray(to_size(levels, (height, width))).data)
                kept.flush()  # a kill then loses nothing that the submission counts on
                yield levels

    def _announce(self, first: np.ndarray, count: int, claimed: int, report: Report) -> None:
        height, width = first.shape
        need, free = count * first.size, free_disk(self.path.parent)
        if self.path.exists() and not self.count():
            free += self.path.stat().st_size  # maps of another prediction, which give way
        size = f"{count:,} maps of {height}x{width} take {size_text(need)} in {self.path.parent}"
        size += f", {size_text(claimed)} with those before" if claimed > need else ""
        report.line(f"--keep-maps: {size} ({size_text(free)} free)")
        if claimed > free:
            raise OSError(
                errno.ENOSPC,
                f"--keep-maps: expected room, got {size_text(free)} where {size}; free some, or leave it out",
            )
