"""Mean targets of categories, drawn towards the mean of all, that never show a training row its own target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.codes import codes_of, require, vocabulary


@dataclass(frozen=True)
class TargetMean:
    """Each category's mean target; training rows get it from the rows of other folds only."""

    columns: tuple[str, ...]
    smooth: float = 20.0  # rows that the mean of all counts for
    folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.smooth <= 0 or self.folds < 2:
            raise ValueError(
                f"TargetMean: expected smooth above 0 and at least 2 folds, got {self.smooth} and {self.folds}"
            )

    def fit(self, table: pd.DataFrame, values: np.ndarray) -> FittedMeans:
        """Means per category and target column over the training rows."""
        require(table, self.columns, "TargetMean")
        if len(table) < self.folds:
            raise ValueError(f"TargetMean: expected at least {self.folds} training rows, got {len(table)}")
        truth = np.asarray(values, np.float64).reshape(len(table), -1)
        known = {column: vocabulary(table[column]) for column in self.columns}
        codes = {column: codes_of(table[column], known[column]) for column in self.columns}
        means = {column: self._means(codes[column], truth, len(known[column])) for column in self.columns}
        crossed = {column: self._crossed(codes[column], truth, len(known[column])) for column in self.columns}
        return FittedMeans(known, means, crossed, table.index)

    def load(self, state: Mapping[str, Any]) -> FittedMeans:
        """What fit returned, from its state, without the training rows' own values."""
        known = {column: pd.Index(parts["categories"]) for column, parts in state.items()}
        return FittedMeans(known, {column: np.array(parts["means"]) for column, parts in state.items()})

    def _crossed(self, codes: np.ndarray, truth: np.ndarray, size: int) -> np.ndarray:
        fold = np.random.default_rng(self.seed).permutation(np.arange(len(truth)) % self.folds)
        crossed = np.empty_like(truth)
        for number in range(self.folds):
            inside = fold == number
            crossed[inside] = self._means(codes[~inside], truth[~inside], size)[codes[inside]]
        return crossed

    def _means(self, codes: np.ndarray, truth: np.ndarray, size: int) -> np.ndarray:
        """Means (size + 1, targets); the last one, which code -1 finds, is that of all rows."""
        prior = truth.mean(axis=0)
        seen = codes >= 0
        counts = np.bincount(codes[seen], minlength=size)[:, None]
        sums = np.stack([np.bincount(codes[seen], column[seen], minlength=size) for column in truth.T], axis=1)
        return np.vstack([(sums + self.smooth * prior) / (counts + self.smooth), prior])


@dataclass(frozen=True)
class FittedMeans:
    """Means by column and category; until it is stored, the training rows' own crossed values too."""

    known: Mapping[str, pd.Index]
    means: Mapping[str, np.ndarray]
    crossed: Mapping[str, np.ndarray] | None = None
    ids: pd.Index | None = None

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with a column <name>_mean beside each encoded one (<name>_mean_0, ... for several targets)."""
        require(table, self.known, "TargetMean")
        means = {column: self.means[column][codes_of(table[column], known)] for column, known in self.known.items()}
        return _beside(table, means)

    def apply_crossed(self, table: pd.DataFrame) -> pd.DataFrame:
        """The training rows, each with the means of other folds' rows."""
        if self.crossed is None or self.ids is None or not table.index.equals(self.ids):
            raise ValueError(f"TargetMean: expected the rows it was fitted on, got {len(table)} others; use apply")
        return _beside(table, self.crossed)

    def state(self) -> dict[str, Any]:
        """Categories and means by column."""
        return {
            column: {"categories": known.tolist(), "means": self.means[column].tolist()}
            for column, known in self.known.items()
        }


def _beside(table: pd.DataFrame, means: Mapping[str, np.ndarray]) -> pd.DataFrame:
    named = {}
    for column, rows in means.items():
        for number, each in enumerate(rows.T):
            named[f"{column}_mean" if rows.shape[1] == 1 else f"{column}_mean_{number}"] = each
    return table.assign(**named)
