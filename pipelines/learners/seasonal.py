"""The baseline of forecasts: a series repeats its last value, or its last season."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from features.codes import require
from folds.plan import Span
from pipelines.contract import Chunks, Out, Table, Targets, Values

ROWS = 100_000  # rows predicted together
SEASONS = 60  # how many more seasons back a moment without a row is looked for
STORE = "series.parquet"


@dataclass(frozen=True, kw_only=True)
class SeasonalLearner:
    """What the same series was one season before, read off the training rows before the row's own time."""

    time: str
    """Column that orders the rows (dates or numbers)."""
    keys: tuple[str, ...] = ()
    """Columns that tell series apart; none: all rows are one series."""
    period: Span = 0
    """Length of a season, such as 364D or a number in the unit of time; 0: the last value."""
    seed: int = 0
    """Draws nothing."""

    def __post_init__(self) -> None:
        if (pd.Timedelta(self.period).value if isinstance(self.period, str) else self.period) < 0:
            raise ValueError(f"--period: expected 0 or more, got {self.period}")

    def inputs(self, table: Table) -> Chunks:
        """The rows' series and times."""
        require(table, (*self.keys, self.time), "SeasonalLearner")
        for start in range(0, len(table), ROWS):
            rows = table[[*self.keys, self.time]].iloc[start : start + ROWS]
            yield rows.index, rows

    def fit(self, train: Table, valid: Table | None, targets: Targets, out: Out) -> SeasonalModel:
        """Keep the training rows' times and truth by series; rows of one series and time are averaged."""
        require(train, (*self.keys, self.time), "SeasonalLearner")
        truth = np.asarray(targets.values(train), np.float64)
        if not len(train) or truth.ndim != 2:
            raise ValueError(f"expected training rows with truth (rows, targets), got {truth.shape}")
        season(self.period, moments(train[self.time]))  # refuses what is no time, and a period of another unit
        values = pd.DataFrame({f"value_{number}": column for number, column in enumerate(truth.T)}, index=train.index)
        rows = pd.concat([train[[*self.keys, self.time]], values], axis=1)
        past = rows.groupby([*self.keys, self.time], observed=True, sort=True).mean().reset_index()
        out.folder.mkdir(parents=True, exist_ok=True)
        past.to_parquet(out.folder / STORE)
        return SeasonalModel(past, self.keys, self.time, self.period)

    def load(self, out: Out) -> SeasonalModel:
        """The series that fit left in out."""
        path = out.folder / STORE
        if not path.exists():
            raise FileNotFoundError(f"{path}: expected a fitted model, got none; fit this fold first")
        return SeasonalModel(pd.read_parquet(path), self.keys, self.time, self.period)


@dataclass(frozen=True)
class SeasonalModel:
    """All series of the training rows, ordered by series and time."""

    past: Table
    keys: Sequence[str]
    time: str
    period: Span

    @property
    def found(self) -> Mapping[str, int]:
        """Nothing."""
        return {}

    def predict(self, inputs: Table) -> Values:
        """(rows, targets): the season before, else the last value before, else (no past) the mean of all."""
        series, times = self._series(inputs), moments(inputs[self.time])
        values = np.tile(self._values.mean(axis=0), (len(inputs), 1))
        last = self._before(series, times)
        rows = np.flatnonzero(last >= 0)
        values[rows] = self._values[last[rows]]
        if not self.period:
            return values
        step = season(self.period, times)
        back = -((self._times[last[rows]] - times[rows]) // step)  # seasons to the last one known
        for further in range(SEASONS):
            found = self._at(series[rows], times[rows] - (back + further) * step)
            values[rows[found >= 0]] = self._values[found[found >= 0]]
            rows, back = rows[found < 0], back[found < 0]
        return values

    @cached_property
    def _values(self) -> np.ndarray:
        names = [name for name in self.past.columns if name not in (*self.keys, self.time)]
        return np.asarray(self.past[names].to_numpy())

    @cached_property
    def _times(self) -> np.ndarray:
        return moments(self.past[self.time])

    @cached_property
    def _names(self) -> pd.MultiIndex:
        return pd.MultiIndex.from_frame(self.past[list(self.keys)].drop_duplicates())

    @cached_property
    def _known(self) -> np.ndarray:
        """All times at which any series has a row, ascending."""
        return np.unique(self._times)

    @cached_property
    def _places(self) -> np.ndarray:
        """One ascending number per row of the past: its series, then its time."""
        return self._series(self.past) * len(self._known) + np.searchsorted(self._known, self._times)

    def _series(self, rows: Table) -> np.ndarray:
        """The number of each row's series, -1 for an unseen one."""
        if not self.keys:
            return np.zeros(len(rows), np.int64)
        return np.asarray(self._names.get_indexer(pd.MultiIndex.from_frame(rows[list(self.keys)])))

    def _before(self, series: np.ndarray, times: np.ndarray) -> np.ndarray:
        """The last row of each series before a time, -1 where there is none."""
        first = series * len(self._known)
        place = np.searchsorted(self._places, first + np.searchsorted(self._known, times)) - 1
        return np.where((series >= 0) & (place >= np.searchsorted(self._places, first)), place, -1)

    def _at(self, series: np.ndarray, times: np.ndarray) -> np.ndarray:
        """The row of each series at a time, -1 where there is none."""
        moment = np.minimum(np.searchsorted(self._known, times), len(self._known) - 1)
        wanted = series * len(self._known) + moment
        place = np.minimum(np.searchsorted(self._places, wanted), len(self._places) - 1)
        return np.where((self._known[moment] == times) & (self._places[place] == wanted), place, -1)


def moments(column: pd.Series) -> np.ndarray:
    """Times as numbers that can be compared and subtracted: nanoseconds of dates, else as they are."""
    if column.isna().any():
        rows = ", ".join(map(str, column.index[column.isna()][:3]))
        raise ValueError(f"column {column.name!r}: expected a time in every row, got none in rows {rows}")
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return np.asarray(pd.DatetimeIndex(column).as_unit("ns").asi8)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return np.asarray(column.to_numpy(dtype=np.float64))
    raise ValueError(f"column {column.name!r}: expected dates or numbers, got {column.dtype}; convert it in load")


def season(period: Span, times: np.ndarray) -> np.int64 | np.float64:
    """The period in the unit of times."""
    dates = times.dtype == np.int64
    if period and isinstance(period, str) != dates:
        wanted = "a duration such as 364D, the times are dates" if dates else "a number, the times are numbers"
        raise ValueError(f"--period: expected {wanted}, got {period!r}")
    return np.int64(pd.Timedelta(period).value) if dates else np.float64(period)
