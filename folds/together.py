"""Rows that must stay together because a table of groups says so, joined with a plan's own group column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from folds.components import components
from folds.ids import check_ids, show
from folds.plan import FoldPlan

COLUMN = "rows that stay together"  # of the table that keep_together returns


def keep_together(table: pd.DataFrame, plan: FoldPlan, together: pd.Series | None) -> tuple[pd.DataFrame, FoldPlan]:
    """The table with a column of the groups that hold, and a plan that names it; both as they are without groups.

    `together` is what the file of FoldPlan.groups holds: a group for each of some ids. Where the plan names a group
    column too, groups are the connected components of both.
    """
    if not plan.groups:
        if together is not None:
            raise ValueError("expected a plan whose groups name the file of these groups, got groups=''; name it")
        return table, plan
    if together is None:
        raise ValueError(f"expected what {plan.groups} (FoldPlan.groups) holds, got nothing; read it and pass it on")
    check_ids(together.index, plan.groups)
    rows = table.index.get_indexer(together.index)
    if (rows < 0).any():
        raise ValueError(
            f"{plan.groups}: expected ids of the train table, got {(rows < 0).sum():,} others: "
            f"{show(together.index[rows < 0])}; is it the file of these rows?"
        )
    pairs = _chained(rows, together.to_numpy())
    if plan.group:
        missing = table[plan.group].isna().to_numpy()  # refused where columns are looked at
        pairs = np.concatenate([pairs, _chained(np.flatnonzero(~missing), table[plan.group].to_numpy()[~missing])])
    return table.assign(**{COLUMN: components(len(table), pairs.tolist())}), replace(plan, group=COLUMN, groups="")


def _chained(rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Pairs of rows (pairs, 2) that link all rows of each group."""
    codes = pd.factorize(groups)[0]
    order = np.argsort(codes, kind="stable")
    linked = codes[order][1:] == codes[order][:-1]
    return np.asarray(np.column_stack([rows[order][:-1], rows[order][1:]])[linked])
