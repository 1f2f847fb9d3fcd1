"""Which rows count as alike: classes, quantile bins of numbers, and the pool of rare ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from folds.ids import show
from folds.plan import FoldPlan

Strata = tuple[np.ndarray, tuple[str, ...]]  # each row's stratum (rows,), and notes on what was pooled
MOST_NAMED = 20  # classes in a note


def strata_of(column: pd.Series, plan: FoldPlan) -> Strata:
    """Each row's stratum, numbered from 0; classes with fewer rows than folds share one, and a note names them."""
    codes, names = classes_of(column, plan)
    counts = np.bincount(codes)
    rare = (counts > 0) & (counts < plan.n)
    if not rare.any():
        return codes, ()
    if not plan.bins and counts[rare].sum() > len(codes) / 2:
        _refuse_continuous(column)
    named = [f"{names[code]} ({counts[code]})" for code in np.flatnonzero(rare)]
    rest = f" and {len(named) - MOST_NAMED:,} more" if len(named) > MOST_NAMED else ""
    note = f"classes with fewer rows than {plan.n} folds are spread as one stratum, class (rows): "
    return np.where(rare[codes], len(counts), codes), (note + ", ".join(named[:MOST_NAMED]) + rest,)


def classes_of(column: pd.Series, plan: FoldPlan) -> tuple[np.ndarray, list[str]]:
    """Each row's class or quantile bin, numbered from 0 (rows,), and their names."""
    if plan.bins:
        return _binned(column, plan)
    codes, values = pd.factorize(column, sort=True)
    return codes, [str(value) for value in values]


def _binned(column: pd.Series, plan: FoldPlan) -> tuple[np.ndarray, list[str]]:
    """Quantile bins of numbers; equal values share a bin, so there may be fewer than asked for."""
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise ValueError(
            f"expected numbers in {column.name!r} for bins={plan.bins}, got {column.dtype}; leave out bins"
        )
    values = column.to_numpy(np.float64)
    odd = column[~np.isfinite(values)]
    if len(odd):
        raise ValueError(f"expected finite numbers in {column.name!r}, got {show(odd)} at ids {show(odd.index)}")
    if plan.bins * plan.n > len(values):
        raise ValueError(
            f"expected at least {plan.n} rows in each of bins={plan.bins}, got {len(values):,} rows in all; "
            "use fewer bins or fewer folds"
        )
    edges = np.unique(np.quantile(values, np.linspace(0, 1, plan.bins + 1)[1:-1]))
    codes = np.searchsorted(edges, values, side="right")
    bounds = [f"{edge:g}" for edge in edges]
    return codes, [f"{low} to {high}" for low, high in zip(["lowest", *bounds], [*bounds, "highest"], strict=True)]


def _refuse_continuous(column: pd.Series) -> None:
    if column.dtype.kind == "f" and (column % 1 != 0).any():
        raise ValueError(
            f"expected classes in {column.name!r}, got {column.nunique():,} different numbers in {len(column):,} rows; "
            "set FoldPlan.bins to stratify a continuous column by quantiles"
        )
