"""make_folds: a table and a plan in, the folds out, whatever the order of the rows."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from folds.ids import check_ids, show, sorted_positions
from folds.kinds import KINDS
from folds.plan import COLUMN_FIELDS, FoldPlan, check_plan
from folds.store import Folds
from folds.together import keep_together


def make_folds(table: pd.DataFrame, plan: FoldPlan, together: pd.Series | None = None) -> Folds:
    """The folds of a table's rows, in the order of the table; the same for any order of them.

    `together` is the group of each id in the file of FoldPlan.groups, where the plan names one.
    """
    check_plan(plan)
    if not len(table):
        raise ValueError("expected rows in the train table, got none")
    columns = _columns(table, plan)
    check_ids(table.index, "the train table")
    order = sorted_positions(table.index)
    rows, grouped = keep_together(columns.iloc[order], plan, together)
    drawn, notes = KINDS[plan.kind](rows, grouped)
    roles = np.empty_like(drawn)
    roles[order] = drawn
    repeats = np.repeat(np.arange(plan.repeats), roles.shape[1] // plan.repeats)
    groups = None
    if grouped.group is not None:
        groups = np.empty(len(table), np.int64)
        groups[order] = pd.factorize(rows[grouped.group])[0]
    return Folds(ids=table.index, roles=roles, repeats=repeats, recipe=asdict(plan), notes=notes, groups=groups)


def _columns(table: pd.DataFrame, plan: FoldPlan) -> pd.DataFrame:
    """The columns that the plan names, each complete."""
    named = {field: column for field in COLUMN_FIELDS if (column := getattr(plan, field))}
    for field, column in named.items():
        if column not in table.columns:
            known = ", ".join(map(str, table.columns))
            raise ValueError(
                f"expected the column of FoldPlan.{field} in the train table, got {column!r}; it has: {known}"
            )
        missing = table.index[table[column].isna()]
        if len(missing):
            raise ValueError(
                f"expected a value of {column!r} (FoldPlan.{field}) in every row, got none at ids {show(missing)}; "
                "fill them in load or name another column"
            )
    return table[list(dict.fromkeys(named.values()))]
