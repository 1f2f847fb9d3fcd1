"""A column of run-length codes: whether they are masks at all, and whether of a likely size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from submissions.rules import Masks
from submissions.runs import read_runs
from submissions.verdict import FIRST

STEP = 256  # codes read at once: 2 MB of Carvana's, whatever the caller's batch


@dataclass
class Group:
    """Rows that belong together: how many so far, and the sum of what their masks cover."""

    name: str
    rows: int = 0
    total: float = 0.0


@dataclass
class Found:
    """How many there are of something, and the first of them."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """One more."""
        self.count += 1
        if len(self.shown) < FIRST:
            self.shown.append(text)

    def __str__(self) -> str:
        return ", ".join([*self.shown, *(["..."] if self.count > len(self.shown) else [])])


class MaskJudge:
    """Takes codes batch by batch and counts unlikely areas."""

    def __init__(self, name: str, rules: Masks) -> None:
        self.name = name
        self.rules = rules
        self.rows = 0
        self.untouched = 0  # cells that are still sample_submission's own
        self.empty = Found()
        self.unlikely = Found()
        self.groups = 0
        self.open = Group("")  # whose rows may go on in the next batch

    def take(self, ids: Sequence[str], codes: Sequence[object], listed: Sequence[str]) -> np.ndarray:
        """Which codes of the next rows are bad, (rows,) bool; listed are sample_submission's cells for these rows."""
        self.rows += len(codes)
        parts = [slice(at, at + STEP) for at in range(0, len(codes), STEP)]
        return np.concatenate([self.judge(ids[part], codes[part], listed[part]) for part in parts])

    def judge(self, ids: Sequence[str], codes: Sequence[object], listed: Sequence[str]) -> np.ndarray:
        """A part of a batch."""
        runs = read_runs(codes, self.rules.size)
        same = np.zeros(len(codes), dtype=bool)
        same[: len(listed)] = [code == text for code, text in zip(codes, listed, strict=False)]
        self.untouched += int(same.sum())
        if self.rules.share is not None:
            shares = np.where(runs.bad | same, np.nan, runs.areas / self.rules.size)
            if self.rules.group is None:
                for place in np.flatnonzero(unlike(shares, self.rules.share)).tolist():
                    self.unlikely.add(f"{ids[place]}: {shares[place]:.4f}")
            else:
                self.gather([self.rules.group(id) for id in ids], ids, shares)
        return runs.bad

    def gather(self, names: Sequence[str], ids: Sequence[str], shares: np.ndarray) -> None:
        """Follow groups, whose rows lie together, and note which masks in them are empty."""
        for place in np.flatnonzero(shares == 0).tolist():
            self.empty.add(ids[place])
        for name, rows in groupby(zip(names, shares.tolist(), strict=True), key=lambda row: row[0]):
            if name != self.open.name:
                self.close()
                self.open = Group(name)
            for _, share in rows:
                self.open.rows += 1
                self.open.total += share

    def close(self) -> None:
        """Judge the group that is open, if all of its rows are masks that somebody made."""
        if self.open.rows and self.rules.share is not None:
            self.groups += 1
            mean = self.open.total / self.open.rows
            if unlike(mean, self.rules.share):
                self.unlikely.add(f"{self.open.name}: {mean:.4f}")
        self.open = Group("")

    def warnings(self) -> list[str]:
        """Areas unlike those of training, and rows that nobody has filled."""
        self.close()
        found = []
        if self.untouched:
            found.append(f"{self.name}: {self.untouched:,} of {self.rows:,} cells are sample_submission's own")
        if self.empty.count:
            found.append(f"{self.name}: {self.empty.count:,} of {self.rows:,} masks are empty ({self.empty})")
        if self.unlikely.count and self.rules.share is not None:
            least, most = self.rules.share
            which = f"{self.rows:,} masks cover"
            if self.rules.group is not None:
                which = f"{self.groups:,} groups of masks cover on average"
            message = f"{self.name}: {self.unlikely.count:,} of {which} less than {least:g} or more than {most:g}"
            found.append(f"{message} of the image ({self.unlikely})")
        return found


def unlike(shares: np.ndarray | float, bounds: tuple[float, float]) -> Any:
    """Which shares leave their bounds; those that are not known (nan) leave none."""
    return (shares < bounds[0]) | (shares > bounds[1])
