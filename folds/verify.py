"""What every fold must keep to, checked against the table itself and not against how the folds were made."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from folds.ids import show
from folds.plan import FoldPlan
from folds.store import NEITHER, VALID, Folds
from folds.times import read_times
from folds.together import keep_together

# the kinds whose every row validates once in a repeat
_ONCE = ("random", "stratified", "group", "stratified-group", "blocked")


def verify(folds: Folds, table: pd.DataFrame, plan: FoldPlan, together: pd.Series | None = None) -> list[str]:
    """What is wrong with the folds of a table, one sentence each; raises ValueError if their ids differ."""
    folds = folds.align(table.index)
    table, plan = keep_together(table, plan, together)
    problems = list(_coverage(folds, plan))  # sides can't overlap: a row has one role in a fold
    if plan.group:
        problems += _groups(folds, table, plan)
    if plan.time:
        problems += _order(folds, table, plan)
    if plan.column:
        problems += _given(folds, table, plan)
    return problems


def _coverage(folds: Folds, plan: FoldPlan) -> Iterator[str]:
    """Rows that validate too often or too seldom, or that a kind without a gap leaves out."""
    for repeat in np.unique(folds.repeats):
        roles = folds.roles[:, folds.repeats == repeat]
        times = (roles == VALID).sum(axis=1)
        wrong, what = times > 1, "validate more than once"
        if plan.kind in _ONCE:
            wrong, what = times != 1, "do not validate exactly once"
        if wrong.any() and plan.kind != "leave-groups-out":
            yield f"repeat {repeat}: {wrong.sum():,} rows {what}: {show(folds.ids[wrong])}"
    idle = (folds.roles == NEITHER).any(axis=1)
    if not plan.time and idle.any():
        yield f"{idle.sum():,} rows are on neither side of some fold: {show(folds.ids[idle])}"


def _groups(folds: Folds, table: pd.DataFrame, plan: FoldPlan) -> Iterator[str]:
    codes, names = pd.factorize(table[plan.group])
    for fold in range(len(folds)):
        train, valid = folds.split(fold, folds.ids)
        split = np.intersect1d(codes[train], codes[valid])
        if len(split):
            yield f"fold {fold}: {len(split):,} groups of {plan.group!r} span both sides: {show(names[split])}"
        if plan.kind == "leave-groups-out" and len(np.unique(codes[valid])) > plan.leave:
            yield f"fold {fold}: more than leave={plan.leave} groups validate: {show(names[np.unique(codes[valid])])}"


def _order(folds: Folds, table: pd.DataFrame, plan: FoldPlan) -> Iterator[str]:
    """Training rows at or after a fold's first validating row, or within the gap of its rows."""
    times = read_times(table[plan.time])
    gap, window = times.length(plan.gap, "gap"), times.length(plan.window, "window")
    for fold in range(len(folds)):
        train, valid = folds.split(fold, folds.ids)
        first, last = times.values[valid].min(), times.values[valid].max()
        moments = times.values[train]
        near = moments >= first - gap
        if plan.kind == "blocked":
            near &= moments <= last + gap
        if near.any():
            yield (
                f"fold {fold}: {near.sum():,} training rows break the gap {plan.gap!r} to the validation period "
                f"{times.show(first)} to {times.show(last)}: {show(folds.ids[train[near]])}"
            )
        if window and len(moments) and moments.max() - moments.min() > window:
            yield f"fold {fold}: training rows span more than window={plan.window!r}"


def _given(folds: Folds, table: pd.DataFrame, plan: FoldPlan) -> Iterator[str]:
    numbers = table[plan.column].to_numpy(np.int64)
    for fold in range(len(folds)):
        wrong = (numbers == fold) != (folds.roles[:, fold] == VALID)
        if wrong.any():
            yield f"fold {fold}: {wrong.sum():,} rows differ from column {plan.column!r}: {show(folds.ids[wrong])}"
