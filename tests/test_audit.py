"""The leak audit through its one door: clean tables are left in peace, broken folds and odd tables are not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from folds.audit import Audit, audit
from folds.plan import FoldPlan
from folds.split import make_folds
from folds.store import Folds
from tests.audit_tables import STRATIFIED, copied, found, ids, kinds, only, tables


@pytest.mark.parametrize("seed", range(6))
def test_clean_tables_have_nothing_serious(seed):
    result = found(*tables(seed=seed))
    assert not result.serious, result.text()
    assert kinds(result) == {"ids", "shift"}
    assert "look alike" in only(result, "shift").text
    assert result.text().endswith("no serious leak found")


def test_same_seed_same_findings():
    train, test = tables()
    assert found(train, test) == found(train, test)


def test_tables_are_left_unchanged():
    train, test = tables(rows=100)
    before = train.copy(), test.copy()
    found(train, test)
    pd.testing.assert_frame_equal(train, before[0])
    pd.testing.assert_frame_equal(test, before[1])


def test_rows_without_folds_are_refused():
    train, test = tables(rows=100)
    with pytest.raises(ValueError, match="expected the 90 ids of the folds"):
        audit(train, test, ["target"], make_folds(train[:90], STRATIFIED), STRATIFIED)


def test_folds_in_another_order_are_aligned():
    train, test = tables(rows=100)
    folds = make_folds(train, STRATIFIED)
    turned = folds.align(train.index[::-1])
    assert audit(train, test, ["target"], turned, STRATIFIED) == audit(train, test, ["target"], folds, STRATIFIED)


def test_groups_on_both_sides_are_serious():
    train, test = tables()
    train["house"] = test["house"] = np.arange(len(train)) // 5
    plan = FoldPlan(kind="group", group="house")
    assert not found(train, test, plan).serious
    random = make_folds(train, FoldPlan())
    finding = only(audit(train, test, ["target"], random, plan), "sides")
    assert finding.serious and "'house'" in finding.text and "span" in finding.text


def test_training_after_validation_is_serious():
    train, test = tables()
    days = pd.date_range("2020-01-01", periods=len(train) * 2, freq="h")
    train["day"], test["day"] = days[: len(train)], days[len(train) :]
    plan = FoldPlan(kind="time", time="day", gap="2h", n=3)
    assert not found(train, test, plan).serious
    close = make_folds(train, FoldPlan(kind="time", time="day", n=3))
    finding = only(audit(train, test, ["target"], close, plan), "sides")
    assert finding.serious and "gap" in finding.text


def test_many_broken_folds_are_one_finding():
    train, test = tables()
    train["house"] = test["house"] = np.arange(len(train)) // 5
    plan = FoldPlan(kind="group", group="house")
    result = audit(train, test, ["target"], make_folds(train, FoldPlan(n=9)), plan)
    assert only(result, "sides").numbers["problems"] == 9
    assert "and 6 more" in only(result, "sides").text


def test_references_are_no_features():
    train, test = tables(rows=300)
    for table, folder in ((train, "train"), (test, "test")):
        table["photo"] = [Path(folder) / f"{id}.jpg" for id in table.index]
    result = found(train, test)
    assert not result.serious and "look alike" in only(result, "shift").text


def test_the_same_file_twice_is_a_copy():
    train = pd.DataFrame({"photo": [Path(f"{row // 2}.jpg") for row in range(200)]}, index=ids(200))
    test = pd.DataFrame({"photo": [Path(f"test/{row}.jpg") for row in range(60)], "meta": 1}, index=ids(60, 200))
    train["meta"], train["target"] = 1, np.arange(200) // 2 % 2
    assert only(found(train, test, FoldPlan()), "copies").serious


def test_tables_without_columns():
    train, test = tables(rows=50)
    result = found(train[["target"]], test[[]])
    assert kinds(result) == {"ids"}


def test_masks_as_targets_are_left_alone():
    train, test = tables(rows=100)
    train["target"] = [Path(f"masks/{id}.gif") for id in train.index]
    assert "answer" not in kinds(found(train, test, FoldPlan()))


@pytest.mark.parametrize("seed", range(3))
def test_tiny_tables(seed):
    result = found(*tables(rows=20, seed=seed), FoldPlan(n=2))
    assert not result.serious, result.text()
    assert "too few" in only(result, "shift").text


def test_a_target_of_one_value_has_no_answer():
    train, test = tables(rows=100)
    train["target"] = 1
    assert not found(train, test).serious


def test_test_without_rows():
    train, test = tables(rows=100)
    assert not found(train, test[:0]).serious


def test_audit_travels_as_json():
    train, test = tables()
    train = copied(train)
    result = found(train, test)
    again = Audit.from_json(json.loads(json.dumps(result.to_json(), allow_nan=False)))
    assert again == result and again.text() == result.text() and again.serious
    assert again.text().startswith("SERIOUS: ")


@pytest.mark.parametrize("content", [{}, {"findings": [{"kind": "copies"}]}, {"findings": 3}])
def test_other_json_is_refused(content):
    with pytest.raises(ValueError, match="delete the stored audit"):
        Audit.from_json(content)


def test_folds_of_few_rows_each():
    train, test = tables(rows=60)
    train["target"] = np.arange(60) % 2
    roles = np.where(np.eye(60, dtype=bool), 2, 1).astype(np.uint8)  # leave one out: 60 folds
    folds = Folds(ids=train.index, roles=roles, repeats=np.zeros(60, dtype=np.int64), recipe={})
    train["hint"], test["hint"] = train["target"] * 3.5, 0.0
    assert only(audit(train, test, ["target"], folds, FoldPlan()), "answer").serious


def test_a_column_without_a_value_in_either_table():
    train, test = tables(rows=200)
    result = found(train.assign(empty=np.float32(np.nan)), test.assign(empty=np.float32(np.nan)))
    assert only(result, "shift").text.startswith("train and test look alike")
