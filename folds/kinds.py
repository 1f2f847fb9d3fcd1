"""The kinds of split: each turns rows sorted by id and a plan into roles, (rows, folds)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from folds.draws import deal_groups, deal_rows
from folds.ids import show
from folds.plan import FoldPlan
from folds.store import NEITHER, TRAIN, VALID
from folds.strata import strata_of
from folds.times import Times, read_times

Drawn = tuple[np.ndarray, tuple[str, ...]]  # roles (rows, folds), notes for the reader
MOST_FOLDS = 1000  # of leave-groups-out: C(1000, 1) models are more than anyone trains


def random(rows: pd.DataFrame, plan: FoldPlan) -> Drawn:
    """Every row validates once per repeat."""
    strata = np.zeros(len(rows), dtype=np.int64)
    return _repeated(plan, lambda seed: deal_rows(strata, plan.n, seed)), ()


def stratified(rows: pd.DataFrame, plan: FoldPlan) -> Drawn:
    """As random, with each class or quantile bin spread evenly."""
    strata, notes = strata_of(rows[plan.stratify], plan)
    return _repeated(plan, lambda seed: deal_rows(strata, plan.n, seed)), notes


def group(rows: pd.DataFrame, plan: FoldPlan) -> Drawn:
    """As random, with groups whole and folds of about equal size."""
    groups, strata = pd.factorize(rows[plan.group])[0], np.zeros(len(rows), dtype=np.int64)
    return _repeated(plan, lambda seed: deal_groups(groups, strata, plan.n, seed)), ()


def stratified_group(rows: pd.DataFrame, plan: FoldPlan) -> Drawn:
    """As group, with each class or quantile bin spread as evenly as whole groups allow."""
    groups = pd.factorize(rows[plan.group])[0]
    strata, notes = strata_of(rows[plan.stratify], plan)
    return _repeated(plan, lambda seed: deal_groups(groups, strata, plan.n, seed)), notes


def time(rows: pd.DataFrame, plan: FoldPlan) -> Drawn:
    """The last n periods validate, the oldest in fold 0; what lies before each, less the gap, trains."""
    times = read_times(rows[plan.time])
    gap, window = times.length(plan.gap, "gap"), times.length(plan.window, "window") or np.inf

    def past(first: float, last: float) -> np.ndarray:
        return (times.values < first - gap) & (times.values >= first - gap - window)

    return _laid(times, plan, _periods(times, plan), past), ()


def blocked(rows: pd.DataFrame, plan: FoldPlan) -> Drawn:
    """Each of n stretches of time validates once; all rows further from it than the gap train."""
    times = read_times(rows[plan.time])
    gap = times.length(plan.gap, "gap")

    def around(first: float, last: float) -> np.ndarray:
        return (times.values < first - gap) | (times.values > last + gap)

    return _laid(times, plan, _even_parts(times.values, plan.n), around), ()


def leave_groups_out(rows: pd.DataFrame, plan: FoldPlan) -> Drawn:
    """Every combination of `leave` groups validates once, the other groups train."""
    codes, names = pd.factorize(rows[plan.group], sort=True)
    if plan.leave >= len(names):
        raise ValueError(f"expected more than leave={plan.leave} groups in {plan.group!r}, got {show(names)}")
    count = comb(len(names), plan.leave)
    if count > MOST_FOLDS:
        raise ValueError(
            f"expected at most {MOST_FOLDS} folds, got {count:,} ways to leave {plan.leave} of {len(names)} groups "
            "out; use a smaller leave, or kind 'group'"
        )
    left = np.full((len(names), count), TRAIN, dtype=np.uint8)
    for fold, chosen in enumerate(combinations(range(len(names)), plan.leave)):
        left[list(chosen), fold] = VALID
    return left[codes], ()


def given(rows: pd.DataFrame, plan: FoldPlan) -> Drawn:
    """The fold number that a column holds, -1 for a row that only trains."""
    column = rows[plan.column]
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    known = np.unique(column.to_numpy()) if numeric else column.unique()
    if not numeric or known[-1] < 0 or not np.array_equal(known, np.arange(len(known)) - (known[0] == -1)):
        raise ValueError(
            f"expected column {plan.column!r} to hold the fold numbers 0, 1, ... without a hole (-1: only trains), "
            f"got {show(known.tolist(), 12)}; renumber it in load"
        )
    return _roles(column.to_numpy(np.int64), int(known[-1]) + 1), ()


KINDS: dict[str, Callable[[pd.DataFrame, FoldPlan], Drawn]] = {
    "random": random,
    "stratified": stratified,
    "group": group,
    "stratified-group": stratified_group,
    "time": time,
    "blocked": blocked,
    "leave-groups-out": leave_groups_out,
    "given": given,
}


def _repeated(plan: FoldPlan, deal: Callable[[int], np.ndarray]) -> np.ndarray:
    return np.hstack([_roles(deal(plan.seed + repeat), plan.n) for repeat in range(plan.repeats)])


def _roles(numbers: np.ndarray, folds: int) -> np.ndarray:
    """Roles (rows, folds) of the fold number in which each row validates, (rows,)."""
    return np.where(numbers[:, None] == np.arange(folds), np.uint8(VALID), np.uint8(TRAIN))


def _laid(times: Times, plan: FoldPlan, parts: np.ndarray, trains: Callable[[float, float], np.ndarray]) -> np.ndarray:
    """Roles (rows, folds): part k validates in fold k; trains tells from its first and last time which rows train."""
    roles = np.full((len(parts), plan.n), NEITHER, dtype=np.uint8)
    for fold in range(plan.n):
        valid = parts == fold
        _need(bool(valid.any()), "validating", fold, times, plan)
        train = trains(times.values[valid].min(), times.values[valid].max())
        _need(bool(train.any()), "training", fold, times, plan)
        roles[train, fold] = TRAIN
        roles[valid, fold] = VALID
    return roles


def _periods(times: Times, plan: FoldPlan) -> np.ndarray:
    """The fold whose validation period holds each row, negative before the first, (rows,)."""
    horizon = times.length(plan.horizon, "horizon")
    if not horizon:
        return _even_parts(times.values, plan.n + 1) - 1
    back = (times.values.max() - times.values) // horizon  # periods end with the last row, that row included
    return np.asarray(plan.n - 1 - np.minimum(back, plan.n), dtype=np.int64)


def _even_parts(values: np.ndarray, parts: int) -> np.ndarray:
    """Which of the parts of about equal row count each row is in, equal values together, (rows,)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    return np.asarray((before * parts // len(values))[inverse])


def _need(found: bool, what: str, fold: int, times: Times, plan: FoldPlan) -> None:
    if not found:
        first, last = times.show(times.values.min()), times.show(times.values.max())
        raise ValueError(
            f"expected {what} rows in fold {fold}, got none: {plan.time!r} runs from {first} to {last} and the plan "
            f"has n={plan.n}, horizon={plan.horizon!r}, gap={plan.gap!r}, window={plan.window!r}; "
            "make n, horizon or gap smaller, or window longer"
        )
