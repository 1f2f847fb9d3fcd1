"""may-2022: yes or no, hidden in a ten-letter code and in sums of floats far from zero."""

from __future__ import annotations

import numpy as np
import pandas as pd

from competitions.tps_tabular.goals import ranking
from competitions.tps_tabular.month import ALIKE, Month
from competitions.tps_tabular.toys.rows import codes
from folds.plan import FoldPlan
from pipelines.contract import Table
from pipelines.faults import shorten
from pipelines.learners.table import TableLearner

LETTERS = 10  # of f_27
# Name: the floats that are added up, the sum above which it is 1, the sum below which it is -1. The limits are what the
# month's winners read off plots of the training rows.
SUMS = {
    "i_02_21": (("f_02", "f_21"), 5.2, -5.3),
    "i_05_22": (("f_05", "f_22"), 5.1, -5.4),
    "i_00_01_26": (("f_00", "f_01", "f_26"), 5.0, -5.0),
}


def features(table: Table) -> Table:
    """The row with f_27 as the numbers of its letters, how many of them differ, and which sums are far from zero."""
    letters = split_letters(table["f_27"])
    changes = np.diff(np.sort(letters, axis=1), axis=1) != 0
    made = {f"ch{place}": letters[:, place] for place in range(LETTERS)}
    made["unique_characters"] = (1 + changes.sum(axis=1)).astype(np.int8)
    for name, (addends, high, low) in SUMS.items():
        total = table[list(addends)].sum(axis=1).to_numpy()
        made[name] = (total > high).astype(np.int8) - (total < low).astype(np.int8)
    return pd.concat([table.drop(columns="f_27"), pd.DataFrame(made, index=table.index)], axis=1)


def split_letters(code: pd.Series) -> np.ndarray:
    """Each code's letters as numbers from A = 0, (rows, 10)."""
    odd = code[~code.fillna("").str.fullmatch(f"[A-Z]{{{LETTERS}}}").astype(bool)]
    if len(odd):
        raise ValueError(
            f"{code.name}: expected {LETTERS} letters A to Z in every row, got others in {len(odd)} rows "
            f"(ids {shorten(odd.index)}), first {odd.iloc[0]!r}; is this the file of another month?"
        )
    letters: np.ndarray = code.to_numpy(dtype=f"S{LETTERS}").view(np.int8).reshape(-1, LETTERS)
    return letters - np.int8(ord("A"))


competition = Month(
    name="may-2022",
    goal=ranking("target"),
    plan=FoldPlan(kind="stratified", stratify="target"),
    why=f"{ALIKE} Every fold gets the same share of ones.",
    learner=TableLearner(features=features, rounds=5000, rate=0.05, leaves=63, min_rows=100, columns=0.6),
    needs=("f_27", *dict.fromkeys(name for addends, _, _ in SUMS.values() for name in addends)),
    text=("f_27",),
    toy=codes,
    places={"1st": 0.99833, "gold": 0.99823, "silver": 0.99822, "bronze": 0.99818, "median": 0.97268},
).declare()
