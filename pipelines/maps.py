"""Maps of test rows, row by row in constant memory: predicted live, or read back from what a run keeps."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
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
    trained: Trained, models: list[Model], rows: Table, report: Report, without: Sequence[str] = ()
) -> Iterator[np.ndarray]:
    """The map of each row in order, uint8 levels (height, width): decoded once for all models and their views.

    Rows without a readable file get the baseline's.
    """
    skipped = rows.index.isin(without)
    live = singles(average(models, trained.learner.inputs(rows[~skipped])), rows) if not skipped.all() else iter(())
    blank = singles(trained.blanks(rows[skipped], report), rows) if skipped.any() else iter(())
    for id, left_out in zip(rows.index, skipped, strict=True):
        found, levels = next(blank if left_out else live)
        if found != id:
            raise ValueError(f"expected the learner's inputs() to keep the rows' order, got {found} where {id} is next")
        yield levels


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

    def read(self) -> Iterator[np.ndarray]:
        """The maps in their order; the system reads them in as needed and drops them again."""
        held = read_json(self.record)
        stored = np.memmap(self.path, np.uint8, "r", shape=(self.count(), held["height"], held["width"]))
        for levels in stored:
            yield np.array(levels)

    def passing(self, maps: Iterable[np.ndarray], start: int, total: int, report: Report) -> Iterator[np.ndarray]:
        """The maps from number start on, each written before it is passed on; a disk too small is said beforehand."""
        stream = iter(maps)
        first = next(stream, None)
        if first is None:
            return
        self._announce(first, total - start, report)
        height, width = first.shape
        write_json(self.record, {"fingerprint": self.fingerprint, "height": height, "width": width})
        with self.path.open("r+b" if start else "wb") as kept:
            kept.truncate(start * first.size)
            kept.seek(0, os.SEEK_END)
            for levels in chain([first], stream):
                # The baseline's map of a skipped row may be of another size.
                kept.write(np.ascontiguousarray(to_size(levels, (height, width))).data)
                kept.flush()  # a kill then loses nothing that the submission counts on
                yield levels

    def _announce(self, first: np.ndarray, count: int, report: Report) -> None:
        height, width = first.shape
        need, free = count * first.size, free_disk(self.path.parent)
        size = f"{count:,} maps of {height}x{width} take {size_text(need)} in {self.path.parent}"
        report.line(f"--keep-maps: {size} ({size_text(free)} free)")
        if need > free:
            raise OSError(
                errno.ENOSPC,
                f"--keep-maps: expected room, got {size_text(free)} where {size}; free some, or leave it out",
            )
