"""A time column as numbers that can be compared, and spans in the same unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from folds.ids import show
from folds.plan import Span


@dataclass(frozen=True)
class Times:
    """The times of the rows: microseconds for dates, else the column's own numbers."""

    values: np.ndarray  # (rows,)
    dated: bool

    def length(self, span: Span, name: str) -> float:
        """A span of the plan's field in the unit of the values."""
        length = self._duration(span, name) if isinstance(span, str) else span
        if self.dated and not isinstance(span, str) and span != 0:
            raise ValueError(f'expected FoldPlan.{name} of a date column as a duration such as "28D", got {span!r}')
        if not 0 <= length < np.inf:
            raise ValueError(f"expected FoldPlan.{name} of at least 0, got {span!r}")
        return length

    def show(self, value: float) -> str:
        """One time as its column would write it."""
        return str(np.datetime64(int(value), "us").astype("datetime64[s]")) if self.dated else f"{value:g}"

    def _duration(self, span: str, name: str) -> float:
        if not self.dated:
            raise ValueError(f"expected FoldPlan.{name} of a column of numbers as a number in its unit, got {span!r}")
        try:
            float(span)  # pandas would take a bare "28" for nanoseconds
        except ValueError:
            pass
        else:
            raise ValueError(f'expected FoldPlan.{name} with its unit, such as "{span.strip()}D", got {span!r}')
        try:
            return round(float(pd.Timedelta(span).total_seconds()) * 1_000_000)
        except ValueError as error:
            raise ValueError(f'expected FoldPlan.{name} as a duration such as "28D", got {span!r} ({error})') from error


def read_times(column: pd.Series) -> Times:
    """The times of a column of dates, ISO text or numbers, (rows,)."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        whole = column.dtype.kind in "ib"
        values = column.to_numpy(np.int64 if whole else np.float64)
        _refuse(column[~np.isfinite(values)], "finite numbers")
        return Times(values, dated=False)
    moments = pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce")
    _refuse(column[moments.isna().to_numpy()], "dates such as 2017-08-15 or 2017-08-15 18:00:00")
    return Times(moments.dt.tz_localize(None).to_numpy("datetime64[us]").view(np.int64), dated=True)


def _refuse(odd: pd.Series, expected: str) -> None:
    if len(odd):
        raise ValueError(
            f"expected {expected} in time column {odd.name!r}, got {show(odd)} at ids {show(odd.index)}; "
            "mend them in load or name another column"
        )
