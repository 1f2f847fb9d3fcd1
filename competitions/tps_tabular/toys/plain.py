"""Months of anonymous columns: floats in clusters, lettered categories, counts; a few of them hide the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from competitions.tps_tabular.toys.files import write


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A toy of anonymous columns; calling it writes the files."""

    target: str
    floats: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()  # whole numbers >= 0
    letters: Mapping[str, str] = field(default_factory=dict)  # category column -> its levels, a letter each
    kind: Literal["binary", "classes", "number", "whole"] = "binary"
    classes: int = 2
    sample: Mapping[str, object] = field(default_factory=dict)  # empty: 0.5 in the target column
    test_from: int | None = None  # first test id; None: one run of ids, drawn into train and test
    missing: float = 0.0  # share of empty float cells
    rows: int = 900
    test_rows: int = 300
    seed: int = 0

    def __call__(self, root: Path) -> None:
        """Write the three files into root."""
        rng = np.random.default_rng(self.seed)
        total = self.rows + self.test_rows
        table = pd.concat([self._letters(rng, total), self._counts(rng, total), self._floats(rng, total)], axis=1)
        score = self._score(table)
        if self.missing:
            blank = rng.random((total, len(self.floats))) < self.missing * rng.gamma(0.5, 2.0, (total, 1))
            score = score + 1.5 * (blank.sum(axis=1) > 0) - 0.7  # an empty cell is itself a sign
            table[list(self.floats)] = table[list(self.floats)].mask(blank)
        table = pd.concat([table, pd.Series(self._target(rng, score), name=self.target)], axis=1)
        train, test = self._split(rng, table)
        write(root, train, test.drop(columns=self.target), self.sample or {self.target: 0.5})

    def _floats(self, rng: np.random.Generator, total: int) -> pd.DataFrame:
        """Two clusters per column, as in the months made by a generative network."""
        centre = rng.choice([0.3, 0.7], (total, len(self.floats)))
        return pd.DataFrame(np.round(rng.normal(centre, 0.12), 6), columns=list(self.floats))

    def _counts(self, rng: np.random.Generator, total: int) -> pd.DataFrame:
        """Mostly zeros with a long tail."""
        return pd.DataFrame(rng.negative_binomial(1, 0.3, (total, len(self.counts))), columns=list(self.counts))

    def _letters(self, rng: np.random.Generator, total: int) -> pd.DataFrame:
        """Early letters are the common ones."""
        drawn = {}
        for name, levels in self.letters.items():
            share = 0.6 ** np.arange(len(levels))
            drawn[name] = rng.choice(list(levels), total, p=share / share.sum())
        return pd.DataFrame(drawn, index=range(total))

    def _score(self, table: pd.DataFrame) -> np.ndarray:
        """What the target depends on: two floats, two counts and a category's first level, about one unit wide."""
        score = np.zeros(len(table))
        for name in self.floats[:2]:
            score += np.sign(table[name].to_numpy() - 0.5)
        for name in self.counts[:2]:
            score += 0.8 * (table[name].to_numpy() > 1) - 0.4
        for name, levels in list(self.letters.items())[:1]:
            score += (table[name] == levels[0]).to_numpy() - 0.5
        return score

    def _target(self, rng: np.random.Generator, score: np.ndarray) -> np.ndarray:
        """The score made a target of the month's kind."""
        noise = rng.normal(0, 0.7, len(score))
        if self.kind == "binary":
            return (score + noise > 0).astype(int)
        if self.kind == "classes":
            noisy = score + noise
            place = np.searchsorted(np.quantile(noisy, np.linspace(0, 1, self.classes + 1)[1:-1]), noisy)
            return np.array([f"Class_{number + 1}" for number in place])
        if self.kind == "whole":
            return np.maximum(0, np.round(6 + 4 * (score + noise))).astype(int)
        return np.round(7.9 + 0.5 * (score + noise), 6)

    def _split(self, rng: np.random.Generator, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Train and test rows with their ids in front, both in ascending order."""
        if self.test_from is None:
            number = np.arange(len(table))
            chosen = np.zeros(len(table), dtype=bool)
            chosen[rng.choice(len(table), self.rows, replace=False)] = True
        else:
            number = np.r_[: self.rows, self.test_from : self.test_from + self.test_rows]
            chosen = number < self.rows
        table = pd.concat([pd.Series(number, name="id"), table], axis=1)
        return table[chosen], table[~chosen]


def numbered(prefix: str, numbers: range) -> tuple[str, ...]:
    """Column names such as cont1, cont2, ..."""
    return tuple(f"{prefix}{number}" for number in numbers)
