"""A column of run-length codes: whether they are masks at all, and whether of a likely size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from submissions.rules import Masks
from submissions.runs import read_runs
from submissions.verdict import FIRST

STEP = 256  # codes read at once: 2 MB of Carvana's, whatever the caller's batch


class MaskJudge:
    """Takes codes batch by batch and counts unlikely areas."""

    def __init__(self, name: str, rules: Masks) -> None:
        self.name = name
        self.rules = rules
        self.rows = 0
        self.untouched = 0  # cells that are still sample_submission's own
        self.unlikely = 0
        self.shown: list[str] = []

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
            least, most = self.rules.share
            shares = runs.areas / self.rules.size
            unlikely = np.flatnonzero(~(runs.bad | same) & ((shares < least) | (shares > most)))
            self.unlikely += len(unlikely)
            self.shown += [f"{ids[place]}: {shares[place]:.4f}" for place in unlikely[: FIRST - len(self.shown)]]
        return runs.bad

    def warnings(self) -> list[str]:
        """Areas unlike those of training, and rows that nobody has filled."""
        found = []
        if self.untouched:
            found.append(f"{self.name}: {self.untouched:,} of {self.rows:,} cells are sample_submission's own")
        if self.unlikely and self.rules.share is not None:
            least, most = self.rules.share
            more = ", ..." if self.unlikely > len(self.shown) else ""
            message = f"{self.name}: {self.unlikely:,} of {self.rows:,} masks cover less than {least:g} or more than"
            found.append(f"{message} {most:g} of the image ({', '.join(self.shown)}{more})")
        return found
