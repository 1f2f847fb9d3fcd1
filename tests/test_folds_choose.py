"""The rows of a quick pass, and the check that finds what is wrong with folds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from folds.choose import choose_rows
from folds.plan import FoldPlan
from folds.split import make_folds
from folds.store import NEITHER, TRAIN, VALID, Folds
from folds.verify import verify

LABELS = FoldPlan(kind="stratified", stratify="label")


def labelled(counts: dict[str, int]) -> pd.DataFrame:
    label = [name for name, count in counts.items() for _ in range(count)]
    return pd.DataFrame({"label": label}, index=pd.Index([f"r{row}" for row in range(len(label))], name="id"))


def stepped() -> tuple[pd.DataFrame, FoldPlan]:
    table = pd.DataFrame({"step": range(20)}, index=pd.Index([f"{row:02}" for row in range(20)]))
    return table, FoldPlan(kind="time", n=2, time="step", horizon=4, gap=2, window=5)


def recast(folds: Folds, cells: dict[tuple[str, int], int]) -> Folds:
    """The folds with some (id, fold) cells changed."""
    roles = folds.roles.copy()
    for (one, fold), role in cells.items():
        roles[folds.ids.get_loc(one), fold] = role
    return replace(folds, roles=roles)


def test_chosen_rows_keep_shares_of_folds_and_classes() -> None:
    table = labelled({"no": 800, "yes": 195, "once": 1, "rare": 4})
    folds = make_folds(table, LABELS)
    ids = choose_rows(table, folds, LABELS, 200, seed=0)
    assert len(ids) == 200
    assert ids.equals(table.index[table.index.isin(ids)])
    counts = table["label"].loc[ids].value_counts()
    assert counts["once"] == 1
    assert counts["rare"] == 4
    assert 150 <= counts["no"] <= 164
    few = folds.restrict(ids)
    valid = (few.roles == VALID).sum(axis=0)
    assert valid.max() - valid.min() <= 3
    assert verify(few, table.loc[ids], LABELS) == []


def test_a_small_limit_meets_every_fold_and_class_first() -> None:
    table = labelled(dict.fromkeys("abcdefgh", 100))
    folds = make_folds(table, LABELS)
    ids = choose_rows(table, folds, LABELS, 10, seed=0)
    assert set(table["label"].loc[ids]) == set("abcdefgh")
    assert (folds.restrict(ids).roles == VALID).sum(axis=0).min() >= 1
    with pytest.raises(ValueError, match="expected a limit of at least 5 rows for 5 folds, got 4"):
        choose_rows(table, folds, LABELS, 4, seed=0)


@settings(max_examples=40, deadline=None)
@given(
    limit=st.integers(10, 90),
    seed=st.integers(0, 9),
    plan=st.sampled_from(
        [
            FoldPlan(n=3, repeats=2),
            FoldPlan(kind="stratified", stratify="label", n=4),
            FoldPlan(kind="stratified-group", group="owner", stratify="step", bins=4, n=3),
            FoldPlan(kind="time", time="step", n=4, window=9),
            FoldPlan(kind="leave-groups-out", group="owner", leave=2),
        ]
    ),
)
def test_a_choice_is_valid_repeatable_and_knows_no_order(limit: int, seed: int, plan: FoldPlan) -> None:
    table = labelled({"a": 40, "b": 30, "c": 10}).assign(step=np.arange(80) % 20, owner=np.arange(80) % 5)
    folds = make_folds(table, plan)
    ids = choose_rows(table, folds, plan, limit, seed)
    assert len(ids) == min(limit, 80)
    assert verify(folds.restrict(ids), table.loc[ids], plan) == []
    shuffled = table.sample(frac=1, random_state=seed)
    assert set(choose_rows(shuffled, folds, plan, limit, seed)) == set(ids)


def test_a_few_rows_still_give_both_sides_of_every_fold_of_every_repeat() -> None:
    plan = FoldPlan(n=5, repeats=4)
    table = labelled({"a": 400})
    folds = make_folds(table, plan)
    for seed in range(5):
        ids = choose_rows(table, folds, plan, 14, seed)
        assert verify(folds.restrict(ids), table.loc[ids], plan) == []


def test_each_of_many_rare_classes_is_kept() -> None:
    table = labelled({"no": 800, "yes": 180, "once": 1, **dict.fromkeys("abcd", 4)})
    ids = choose_rows(table, make_folds(table, LABELS), LABELS, 40, seed=0)
    assert set(table["label"].loc[ids]) == set(table["label"])


def test_another_seed_chooses_other_rows() -> None:
    table = labelled({"a": 500, "b": 500})
    folds = make_folds(table, LABELS)
    assert set(choose_rows(table, folds, LABELS, 50, 0)) != set(choose_rows(table, folds, LABELS, 50, 1))


def test_a_table_of_other_rows_is_refused() -> None:
    table = labelled({"a": 50, "b": 50})
    folds = make_folds(table, LABELS)
    with pytest.raises(ValueError, match="lack a row: 'r0'"):
        choose_rows(table.iloc[1:], folds, LABELS, 20, 0)
    with pytest.raises(ValueError, match="lack a row: 'r0'"):
        verify(folds, table.iloc[1:], LABELS)


def test_verify_finds_rows_that_validate_twice_or_never() -> None:
    table = labelled({"a": 50, "b": 50})
    folds = make_folds(table, LABELS)
    one, fold = "r7", int((folds.roles[7] == VALID).argmax())
    twice = recast(folds, {(one, (fold + 1) % 5): VALID})
    assert verify(twice, table, LABELS) == ["repeat 0: 1 rows do not validate exactly once: 'r7'"]
    never = verify(recast(folds, {(one, fold): NEITHER}), table, LABELS)
    assert [problem.split(":")[0] for problem in never] == ["repeat 0", "1 rows are on neither side of some fold"]


def test_verify_finds_a_group_on_both_sides() -> None:
    table = pd.DataFrame({"owner": list("aabbcc")}, index=pd.Index(list("uvwxyz")))
    plan = FoldPlan(kind="leave-groups-out", group="owner")
    folds = make_folds(table, plan)
    assert verify(recast(folds, {("v", 0): TRAIN}), table, plan) == ["fold 0: 1 groups of 'owner' span both sides: 'a'"]
    (problem,) = verify(recast(folds, {("w", 0): VALID, ("x", 0): VALID}), table, plan)
    assert problem == "fold 0: more than leave=1 groups validate: 'a', 'b'"


def test_verify_finds_training_in_the_gap_the_future_and_before_the_window() -> None:
    table, plan = stepped()
    folds = make_folds(table, plan)
    assert verify(folds, table, plan) == []
    near = verify(recast(folds, {("10", 0): TRAIN}), table, plan)
    assert near == ["fold 0: 1 training rows break the gap 2 to the validation period 12 to 15: '10'"]
    assert "break the gap" in verify(recast(folds, {("18", 0): TRAIN}), table, plan)[0]
    twice = verify(recast(folds, {("13", 1): VALID}), table, plan)
    assert twice[0] == "repeat 0: 1 rows validate more than once: '13'"
    assert verify(recast(folds, {("00", 0): TRAIN}), table, plan) == ["fold 0: training rows span more than window=5"]
    blocks = FoldPlan(kind="blocked", n=4, time="step", gap=1)
    made = make_folds(table, blocks)
    assert verify(made, table, blocks) == []
    assert "break the gap" in verify(recast(made, {("05", 0): TRAIN}), table, blocks)[0]
    assert verify(recast(made, {("06", 0): TRAIN}), table, blocks) == []


def test_verify_finds_folds_that_differ_from_the_given_column() -> None:
    table = pd.DataFrame({"part": [0, 1, 0, 1]}, index=pd.Index(list("abcd")))
    plan = FoldPlan(kind="given", column="part")
    folds = make_folds(table, plan)
    assert verify(folds, table, plan) == []
    changed = table.assign(part=[0, 1, 1, 1])
    assert verify(folds, changed, plan)[0] == "fold 0: 1 rows differ from column 'part': 'c'"
