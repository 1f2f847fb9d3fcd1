"""Rows that a file of groups names stay together, joined with the groups of a column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from folds.plan import FoldPlan
from folds.split import make_folds
from folds.store import VALID, Folds
from folds.verify import verify

ROWS = 40


def table(owners: list[int]) -> pd.DataFrame:
    index = pd.Index([f"r{row:02}" for row in range(ROWS)], name="id")
    return pd.DataFrame({"owner": owners, "label": [row % 2 for row in range(ROWS)]}, index=index)


def listed(groups: dict[str, str]) -> pd.Series:
    return pd.Series([*groups.values()], index=pd.Index([*groups], dtype=object, name="id"), dtype=object)


@settings(max_examples=60, deadline=None)
@given(
    owners=st.lists(st.integers(0, 30), min_size=ROWS, max_size=ROWS),
    groups=st.dictionaries(st.integers(0, ROWS - 1), st.sampled_from("abcdefgh"), max_size=15),
    kind=st.sampled_from(["group", "stratified-group"]),
    column=st.booleans(),
)
def test_no_group_of_either_spans_folds(owners, groups, kind, column):
    rows = table(owners)
    together = listed({f"r{row:02}": group for row, group in groups.items()})
    more = {"stratify": "label"} if kind == "stratified-group" else {}
    plan = FoldPlan(kind=kind, n=2, groups="groups.csv", group="owner" if column else None, **more)
    try:
        folds = make_folds(rows, plan, together)
    except ValueError as error:
        assert "at least n=2 groups, got 1" in str(error)
        return
    numbers = pd.Series((folds.roles == VALID).argmax(1), index=folds.ids)
    assert (numbers[together.index].groupby(together).nunique() == 1).all()
    if column:
        assert (numbers.groupby(rows["owner"]).nunique() == 1).all()
    assert verify(folds, rows, plan, together) == []
    shuffled = rows.sample(frac=1, random_state=0)
    assert make_folds(shuffled, plan, together[::-1]).fingerprint == folds.fingerprint


def test_folds_hold_their_groups_in_their_file_too(tmp_path):
    rows = table([row // 2 for row in range(ROWS)])
    folds = make_folds(
        rows, FoldPlan(kind="group", n=2, group="owner", groups="groups.csv"), listed({"r00": "a", "r39": "a"})
    )
    assert folds.groups is not None
    folds.save(tmp_path / "folds.parquet")
    kept = Folds.load(tmp_path / "folds.parquet").restrict(rows.index[[39, 1, 2, 0, 3]])
    one, other, third, same, last = kept.groups.tolist()
    assert one == other == same
    assert third == last != one
    assert make_folds(rows, FoldPlan(n=2)).groups is None
    with pytest.raises(ValueError, match=r"expected groups of shape \(40,\) \(ids\), got \(3,\)"):
        replace(folds, groups=np.arange(3))


def test_verify_sees_a_group_of_the_file_on_both_sides():
    rows = table(list(range(ROWS)))
    together = listed({"r00": "a", "r01": "a", "r02": "a", "r03": "a"})
    plan = FoldPlan(kind="group", n=2, groups="groups.csv")
    loose = make_folds(rows, FoldPlan(n=2))
    assert len(np.unique((loose.roles[:4] == VALID).argmax(1))) == 2
    problems = verify(loose, rows, plan, together)
    assert len(problems) == 2
    assert "1 groups of 'rows that stay together' span both sides" in problems[0]


def test_a_plan_and_its_groups_go_together():
    rows = table(list(range(ROWS)))
    with pytest.raises(ValueError, match=r"expected what groups.csv \(FoldPlan.groups\) holds, got nothing"):
        make_folds(rows, FoldPlan(kind="group", groups="groups.csv"))
    with pytest.raises(ValueError, match="a plan whose groups name the file"):
        make_folds(rows, FoldPlan(kind="group", group="owner"), listed({"r00": "a"}))
    with pytest.raises(ValueError, match="to name the column of group"):
        make_folds(rows, FoldPlan(kind="group"))
    assert len(make_folds(rows, FoldPlan(kind="group", groups="groups.csv"), listed({}))) == 5
