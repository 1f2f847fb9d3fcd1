"""Files of groups, id and group per line: what the duplicate audit writes, and what a plan reads if it names one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from folds.plan import FoldPlan
from pipelines.faults import shorten
from pipelines.reading import read_header, read_table
from submissions.place import replacing

ID, GROUP, SIDE = "id", "group", "table"  # columns; ids may repeat between train and test, so SIDE tells them apart
TRAIN, TEST = "train", "test"


def write_groups(path: Path, groups: pd.DataFrame) -> None:
    """Write a table of ID, GROUP and SIDE as CSV, whole or not at all."""
    with replacing(path) as draft:
        groups[[ID, GROUP, SIDE]].to_csv(draft, index=False, lineterminator="\n")


def read_groups(plan: FoldPlan, id: str) -> pd.Series | None:
    """The group of each train id in the file that a plan names; None for a plan that names none.

    Ids stand in a column named id, or as the competition calls it; rows whose table is test are left aside.
    """
    if not plan.groups:
        return None
    path = Path(plan.groups)
    if not path.is_file():
        raise FileNotFoundError(
            f"expected a CSV of {ID} and {GROUP} at {path} (--groups, FoldPlan.groups), got no such file; "
            "`podium folds NAME --audit` writes one of near-duplicate images"
        )
    names, _ = read_header(path)
    key = id if id in names and ID not in names else ID
    sides = [SIDE] if SIDE in names else []
    rows = read_table(path, "line", numbered=True, text=(key, GROUP, *sides))
    if sides:
        strange = rows.index[~rows[SIDE].isin((TRAIN, TEST))]
        if len(strange):
            raise ValueError(f"{path}: expected {TRAIN} or {TEST} as {SIDE}, got another in row {shorten(strange)}")
        rows = rows[(rows[SIDE] == TRAIN).to_numpy()]
    for name in (key, GROUP):
        if rows[name].isna().any():
            lines = rows.index[rows[name].isna()]
            raise ValueError(f"{path}: expected {name} in every row, got none in row {shorten(lines)}; fill or drop it")
    return pd.Series(rows[GROUP].to_numpy(object), index=pd.Index(rows[key], name=id), name=GROUP)
