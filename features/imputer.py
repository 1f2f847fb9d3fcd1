"""A column's gaps filled by a linear model of other columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.codes import codes_of, floats, require


@dataclass(frozen=True)
class LinearImputer:
    """Fills a column's gaps by least squares on other columns, one model per group that has rows enough."""

    column: str
    sources: tuple[str, ...]
    by: str | None = None  # column of groups; one unseen in training gets the model of all rows
    rows: int = 30  # fewest rows for a group's own model

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns it reads."""
        return (self.column, *self.sources, *([self.by] if self.by else []))

    def fit(self, table: pd.DataFrame, values: np.ndarray) -> FittedImputer:
        """Least squares on the training rows that have the column."""
        require(table, self.needs, "LinearImputer")
        known = table[table[self.column].notna()]
        if not len(known):
            raise ValueError(
                f"LinearImputer: expected numbers in column {self.column!r}, got none in {len(table)} rows; drop it"
            )
        groups = known.groupby(self.by, observed=True, sort=True) if self.by else ()
        lines = {name: self._line(part) for name, part in groups if len(part) >= self.rows}
        return FittedImputer(self, self._line(known), pd.Index(list(lines)), tuple(lines.values()))

    def load(self, state: Mapping[str, Any]) -> FittedImputer:
        """What fit returned, from its state."""
        lines = tuple(Line.of(parts) for parts in state["lines"])
        return FittedImputer(self, Line.of(state["pooled"]), pd.Index(state["groups"]), lines)

    def _line(self, rows: pd.DataFrame) -> Line:
        target, sources = floats(rows[[self.column]])[:, 0], floats(rows[list(self.sources)])
        present = ~np.isnan(sources)
        center = np.where(present, sources, 0.0).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
        offsets = np.where(present, sources - center, 0.0)
        slopes = np.linalg.lstsq(offsets, target - target.mean(), rcond=None)[0]
        return Line(float(target.mean()), center, slopes)


@dataclass(frozen=True)
class Line:
    """A linear model around its means; a missing source counts as its mean."""

    level: float
    center: np.ndarray
    slopes: np.ndarray

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> Line:
        """From its JSON."""
        return cls(parts["level"], np.array(parts["center"]), np.array(parts["slopes"]))

    def parts(self) -> dict[str, Any]:
        """As JSON."""
        return {"level": self.level, "center": self.center.tolist(), "slopes": self.slopes.tolist()}

    def at(self, sources: np.ndarray) -> np.ndarray:
        """Its values (rows,) at sources (rows, columns)."""
        offsets = np.where(np.isnan(sources), 0.0, sources - self.center)
        # Not a matrix product: its last bit may depend on how many rows come together, and chunks must not matter.
        return np.asarray(self.level + (offsets * self.slopes).sum(axis=1))


@dataclass(frozen=True)
class FittedImputer:
    """A linear model of all rows, and one for each group."""

    encoder: LinearImputer
    pooled: Line
    groups: pd.Index
    lines: tuple[Line, ...]

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the column's gaps filled."""
        encoder = self.encoder
        require(table, encoder.needs, "LinearImputer")
        filled, sources = floats(table[[encoder.column]])[:, 0], floats(table[list(encoder.sources)])
        gaps = np.isnan(filled)
        filled[gaps] = self.pooled.at(sources[gaps])
        group = codes_of(table[encoder.by], self.groups) if encoder.by else np.full(len(table), -1)
        for number, line in enumerate(self.lines):
            rows = gaps & (group == number)
            filled[rows] = line.at(sources[rows])
        return table.assign(**{encoder.column: filled})

    def state(self) -> dict[str, Any]:
        """Both kinds of models."""
        lines = [line.parts() for line in self.lines]
        return {"pooled": self.pooled.parts(), "groups": self.groups.tolist(), "lines": lines}
