"""A plan that means nothing, or that the table does not bear, is refused with what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from folds.plan import FoldPlan
from folds.split import make_folds

TABLE = pd.DataFrame(
    {
        "label": list("aabbccddee"),
        "amount": np.linspace(0.1, 1, 10),
        "owner": list("xxxyyyzzzz"),
        "step": range(10),
        "hole": [None, *"bcdefghij"],
        "part": [1, 2] * 5,
    },
    index=pd.Index([f"r{row}" for row in range(10)], name="id"),
)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"kind": "shuffled"}, "one of random, stratified, group, .*got 'shuffled'"),
        ({"gap": 3}, r"kind 'random' without gap, got gap=3; .*a kind that uses it: time, blocked"),
        ({"kind": "time", "time": "step", "repeats": 2}, "without repeats"),
        ({"kind": "blocked", "time": "step", "seed": 1}, "without seed"),
        ({"kind": "group", "group": "owner", "stratify": "label"}, "it: stratified, stratified-group"),
        ({"kind": "leave-groups-out", "group": "owner", "n": 3}, "without n"),
        ({"kind": "stratified"}, "to name the column of stratify"),
        ({"kind": "stratified-group", "stratify": "label"}, "to name the column of group"),
        ({"kind": "given"}, "to name the column of column"),
        ({"n": 1}, "FoldPlan.n to be a whole number of at least 2, got 1"),
        ({"n": 2.5}, "FoldPlan.n to be a whole number"),
        ({"repeats": 0}, "FoldPlan.repeats to be a whole number of at least 1"),
        ({"seed": -1}, "FoldPlan.seed to be a whole number of at least 0"),
        ({"seed": 2**32}, "FoldPlan.seed below 4294967296"),
        ({"kind": "stratified", "stratify": "amount", "bins": 1}, "FoldPlan.bins to be 0 .* or at least 2"),
        ({"n": 11}, "at least n=11 rows, got 10; use fewer folds"),
        (
            {"kind": "stratified", "stratify": "lable"},
            "FoldPlan.stratify in the train table, got 'lable'; it has: label, amo",
        ),
        ({"kind": "stratified", "stratify": "hole"}, "a value of 'hole' .*in every row, got none at ids 'r0'"),
        ({"kind": "stratified", "stratify": "amount"}, "expected classes in 'amount', got 10 different numbers"),
        ({"kind": "stratified", "stratify": "label", "bins": 2}, "expected numbers in 'label' for bins=2"),
        ({"kind": "stratified", "stratify": "amount", "bins": 3}, "at least 5 rows in each of bins=3, got 10 rows"),
        ({"kind": "group", "group": "owner"}, "at least n=5 groups, got 3; use fewer folds"),
        ({"kind": "stratified-group", "group": "owner", "stratify": "label"}, "at least n=5 groups, got 3"),
        (
            {"kind": "leave-groups-out", "group": "owner", "leave": 3},
            "more than leave=3 groups in 'owner', got 'x', 'y', 'z'",
        ),
        ({"kind": "given", "column": "part"}, r"the fold numbers 0, 1, ... without a hole .*got 1, 2; renumber"),
        ({"kind": "given", "column": "label"}, "without a hole"),
        ({"kind": "given", "column": "amount"}, "without a hole"),
    ],
)
def test_a_bad_plan_is_an_error_that_says_what_to_do(plan: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_folds(TABLE, FoldPlan(**plan))


def test_too_many_combinations_are_refused_before_they_are_made() -> None:
    index = pd.Index([str(row) for row in range(60)])
    table = pd.DataFrame({"owner": range(60)}, index=index)
    with pytest.raises(ValueError, match=r"at most 1000 folds, got 50,063,860 ways to leave 6 of 60 groups out"):
        make_folds(table, FoldPlan(kind="leave-groups-out", group="owner", leave=6))


@pytest.mark.parametrize("kind", ["given that only trains", "infinite bins", "no rows"])
def test_cells_that_make_no_folds(kind: str) -> None:
    cases = {
        "given that only trains": (TABLE.assign(part=-1), FoldPlan(kind="given", column="part"), "got -1; renumber"),
        "infinite bins": (
            TABLE.assign(amount=[np.inf, *range(9)]),
            FoldPlan(kind="stratified", stratify="amount", bins=2),
            "finite numbers in 'amount', got inf at ids 'r0'",
        ),
        "no rows": (TABLE.iloc[:0], FoldPlan(), "expected rows in the train table, got none"),
    }
    table, plan, words = cases[kind]
    with pytest.raises(ValueError, match=words):
        make_folds(table, plan)


def test_ids_must_be_text_and_unique() -> None:
    with pytest.raises(ValueError, match=r"ids that are text as the file has it, got 0, 1, 2 and 7 more"):
        make_folds(TABLE.reset_index(drop=True), FoldPlan())
    with pytest.raises(ValueError, match=r"each id once in the train table, got 'r9' more than once"):
        make_folds(pd.concat([TABLE, TABLE.iloc[[9]]]), FoldPlan())
    with pytest.raises(ValueError, match=r"text as the file has it, got nan"):
        make_folds(TABLE.set_axis(pd.Index([*"abcdefghi", np.nan], dtype=object)), FoldPlan())


def test_many_rare_classes_are_counted_not_listed() -> None:
    label = [f"c{row:02}" for row in range(30)] + ["often"] * 70
    table = pd.DataFrame({"label": label}, index=pd.Index([str(row) for row in range(100)]))
    (note,) = make_folds(table, FoldPlan(kind="stratified", stratify="label")).notes
    assert "c00 (1), c01 (1)" in note
    assert note.endswith("c19 (1) and 10 more")
