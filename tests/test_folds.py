"""Every kind of split does what its plan says, on any table and in any order of its rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from folds.plan import FoldPlan
from folds.split import make_folds
from folds.store import VALID, Folds
from folds.verify import verify

PLANS = [
    FoldPlan(n=3, repeats=2),
    FoldPlan(kind="stratified", n=3, stratify="label"),
    FoldPlan(kind="stratified", n=3, stratify="amount", bins=3, repeats=2),
    FoldPlan(kind="group", n=3, group="owner"),
    FoldPlan(kind="stratified-group", n=3, group="owner", stratify="label", repeats=2),
    FoldPlan(kind="stratified-group", n=3, group="owner", stratify="amount", bins=3),
    FoldPlan(kind="time", n=2, time="day", gap="1D"),
    FoldPlan(kind="time", n=2, time="step", horizon=2, window=2, gap=1),
    FoldPlan(kind="blocked", n=3, time="step", gap=1),
    FoldPlan(kind="leave-groups-out", group="owner", leave=2),
    FoldPlan(kind="given", column="part"),
]


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(12, 40))
    order = draw(st.permutations(range(rows)))
    step = np.array(order) // 2
    return pd.DataFrame(
        {
            "label": draw(st.lists(st.sampled_from("abcd"), min_size=rows, max_size=rows)),
            "amount": draw(st.lists(st.floats(-9, 9), min_size=rows, max_size=rows)),
            "owner": [f"o{number % draw(st.integers(3, 9)) if number > 2 else number}" for number in range(rows)],
            "step": step,
            "day": pd.Timestamp("2020-02-20") + pd.to_timedelta(step, unit="D"),
            "part": [number % 4 - 1 for number in order],
        },
        index=pd.Index([f"r{number}" for number in range(rows)], name="id"),
    )


def classes(counts: dict[str, int]) -> pd.DataFrame:
    label = [name for name, count in counts.items() for _ in range(count)]
    return pd.DataFrame({"label": label}, index=pd.Index([f"{row:05}" for row in range(len(label))], name="Id"))


def validating(folds: Folds) -> list[set[str]]:
    return [set(folds.ids[folds.split(fold, folds.ids)[1]]) for fold in range(len(folds))]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.kind}-{plan.bins}-{plan.horizon}")
@settings(max_examples=15, deadline=None)
@given(table=tables(), seed=st.integers(0, 99))
def test_any_table_keeps_the_invariants_in_any_order(plan: FoldPlan, table: pd.DataFrame, seed: int) -> None:
    plan = replace(plan, seed=seed) if plan.kind in ("random", "stratified", "group", "stratified-group") else plan
    folds = make_folds(table, plan)
    assert verify(folds, table, plan) == []
    for fold in range(len(folds)):
        train, valid = folds.split(fold, table.index)
        assert len(train) and len(valid) and not set(train) & set(valid)
    shuffled = table.sample(frac=1, random_state=seed)
    again = make_folds(shuffled, plan)
    assert again.fingerprint == folds.fingerprint
    assert validating(again) == validating(folds)
    assert again.ids.equals(shuffled.index)


@settings(max_examples=30, deadline=None)
@given(
    labels=st.lists(st.sampled_from("abcdefg"), min_size=10, max_size=60),
    n=st.integers(2, 5),
    repeats=st.integers(1, 3),
)
def test_stratified_spreads_each_class_within_one_row(labels: list[str], n: int, repeats: int) -> None:
    table = pd.DataFrame({"label": labels}, index=pd.Index([f"r{row}" for row in range(len(labels))]))
    folds = make_folds(table, FoldPlan(kind="stratified", n=n, stratify="label", repeats=repeats))
    valid = folds.roles == VALID
    for repeat in range(repeats):
        assert (valid[:, folds.repeats == repeat].sum(axis=1) == 1).all()
    for label in "abcdefg":
        rows = table["label"].to_numpy() == label
        if rows.sum() >= n:
            spread = valid[rows].sum(axis=0)
            assert spread.max() - spread.min() <= 1


def test_stratified_without_rare_classes_is_exact() -> None:
    table = classes({"yes": 30, "no": 70})
    folds = make_folds(table, FoldPlan(kind="stratified", stratify="label"))
    for fold in range(5):
        counts = table["label"].iloc[folds.split(fold, table.index)[1]].value_counts()
        assert counts.to_dict() == {"no": 14, "yes": 6}
    assert folds.notes == ()


def test_repeats_and_seeds_draw_other_folds_and_a_repeat_is_the_next_seed() -> None:
    table = classes({"yes": 30, "no": 70})
    plan = FoldPlan(kind="stratified", stratify="label", n=4, repeats=2, seed=7)
    folds = make_folds(table, plan)
    assert len(folds) == 8
    assert folds.repeats.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    parts = validating(folds)
    assert parts[:4] != parts[4:]
    assert parts[4:] == validating(make_folds(table, replace(plan, repeats=1, seed=8)))


def test_bins_make_folds_of_like_means() -> None:
    amount = np.random.default_rng(0).exponential(size=500)
    table = pd.DataFrame({"amount": amount}, index=pd.Index([str(row) for row in range(500)]))
    means = {}
    for plan in (FoldPlan(), FoldPlan(kind="stratified", stratify="amount", bins=25)):
        folds = make_folds(table, plan)
        means[plan.kind] = np.std([amount[folds.split(fold, table.index)[1]].mean() for fold in range(5)])
    assert means["stratified"] < means["random"] / 3


def test_bins_share_equal_values_and_stand_a_constant() -> None:
    table = pd.DataFrame({"amount": [1.0] * 90 + [2.0] * 10}, index=pd.Index([str(row) for row in range(100)]))
    folds = make_folds(table, FoldPlan(kind="stratified", stratify="amount", bins=10))
    assert [int((folds.roles[90:, fold] == VALID).sum()) for fold in range(5)] == [2] * 5
    constant = make_folds(table.assign(amount=1.0), FoldPlan(kind="stratified", stratify="amount", bins=10))
    assert [len(part) for part in validating(constant)] == [20] * 5


def test_a_class_of_one_row_validates_once_and_is_named() -> None:
    # dec-2021's Cover_Type in small: class 5 has one row, class 4 is merely rare
    table = classes({"1": 4, "2": 601, "4": 15, "5": 1})
    folds = make_folds(table, FoldPlan(kind="stratified", stratify="label"))
    assert sum(len(part) for part in validating(folds)) == len(table)
    assert len(folds.notes) == 1
    assert folds.notes[0].endswith("class (rows): 1 (4), 5 (1)")
    rare = table["label"].isin(["1", "5"]).to_numpy()
    assert (folds.roles[rare] == VALID).sum(axis=0).tolist() == [1] * 5
    assert folds.never_valid == 0
    alone = make_folds(classes({"2": 600, "4": 15, "5": 1}), FoldPlan(kind="stratified", stratify="label"))
    assert alone.notes[0].endswith("class (rows): 5 (1)")
    assert alone.never_valid == 0


def test_groups_of_unequal_size_fill_folds_evenly() -> None:
    rng = np.random.default_rng(1)
    owner = rng.choice(60, p=rng.dirichlet(np.ones(60)), size=3000)
    table = pd.DataFrame({"owner": owner}, index=pd.Index([str(row) for row in range(3000)]))
    for seed in range(3):
        sizes = [len(part) for part in validating(make_folds(table, FoldPlan(kind="group", group="owner", seed=seed)))]
        assert max(sizes) - min(sizes) < 60


def test_groups_of_distinct_sizes_still_differ_between_seeds() -> None:
    owner = np.repeat(np.arange(20), np.arange(20, 40))
    table = pd.DataFrame({"owner": owner}, index=pd.Index([str(row) for row in range(len(owner))]))
    plan = FoldPlan(kind="group", group="owner", repeats=2)
    parts = validating(make_folds(table, plan))
    assert sorted(map(sorted, parts[:5])) != sorted(map(sorted, parts[5:]))


def test_stratified_group_keeps_cars_whole_and_areas_alike() -> None:
    # carvana: 318 cars of 16 views; a car's mask area is nearly one value
    rng = np.random.default_rng(2)
    car = np.repeat(np.arange(318), 16)
    area = rng.normal(0.21, 0.04, 318)[car]
    table = pd.DataFrame({"car": car, "area": area}, index=pd.Index([f"{row}.jpg" for row in range(len(car))]))
    folds = make_folds(table, FoldPlan(kind="stratified-group", group="car", stratify="area", bins=10))
    parts = [folds.split(fold, table.index)[1] for fold in range(5)]
    assert sorted(len(np.unique(car[part])) for part in parts) == [63, 63, 64, 64, 64]
    assert np.ptp([area[part].mean() for part in parts]) < 0.003
    edges = np.quantile(area, np.linspace(0, 1, 11)[1:-1])
    spread = np.array([np.bincount(np.searchsorted(edges, area[part], "right"), minlength=10) for part in parts])
    assert np.ptp(spread, axis=0).max() <= 16  # one car


def test_stratified_group_is_no_worse_than_scikit_learn() -> None:
    from sklearn.model_selection import StratifiedGroupKFold

    rng = np.random.default_rng(3)
    owner = rng.integers(0, 50, 1500)
    label = (rng.random(1500) < rng.random(50)[owner]).astype(int)
    table = pd.DataFrame({"owner": owner, "label": label}, index=pd.Index([f"{row:04}" for row in range(1500)]))
    ours, theirs = [], []
    for seed in range(5):
        folds = make_folds(table, FoldPlan(kind="stratified-group", group="owner", stratify="label", seed=seed))
        ours.append(np.std([label[folds.split(fold, table.index)[1]].sum() for fold in range(5)]))
        splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        theirs.append(np.std([label[valid].sum() for _, valid in splitter.split(label, label, owner)]))
    assert np.mean(ours) <= np.mean(theirs)


def test_three_against_two_product_codes() -> None:
    codes = list("ABCDE") * 4
    table = pd.DataFrame({"product_code": codes}, index=pd.Index([str(row) for row in range(20)]))
    folds = make_folds(table, FoldPlan(kind="leave-groups-out", group="product_code", leave=2))
    left = [set(table.loc[sorted(part), "product_code"]) for part in validating(folds)]
    assert left == [set(pair) for pair in combinations("ABCDE", 2)]
    assert ((folds.roles == VALID).sum(axis=1) == 4).all()


def test_given_column_is_taken_as_it_is() -> None:
    part = [0, 1, 2, -1, 0, 1]
    table = pd.DataFrame({"kfold": part}, index=pd.Index(list("abcdef")))
    folds = make_folds(table, FoldPlan(kind="given", column="kfold"))
    assert validating(folds) == [{"a", "e"}, {"b", "f"}, {"c"}]
    assert folds.never_valid == 1
    assert folds.split(2, table.index)[0].tolist() == [0, 1, 3, 4, 5]
