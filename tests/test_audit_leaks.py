"""Planted leaks are found: copies, columns that hold the answer, a test table unlike train."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from folds.plan import FoldPlan
from tests.audit_tables import copied, found, ids, kinds, only, tables


def test_copies_across_folds_are_serious():
    train, test = tables()
    train = copied(train)
    finding = only(found(train, test), "copies")
    assert finding.serious and 40 < finding.numbers["rows"] <= 80
    assert finding.numbers["conflicting"] == 0
    assert set(finding.ids) <= set(train.index[:80])


def test_copies_with_another_target_are_counted():
    train, test = tables()
    train = copied(train)
    train.iloc[40:80, train.columns.get_loc("target")] ^= 1
    finding = only(found(train, test, FoldPlan()), "copies")
    assert finding.numbers["conflicting"] == finding.numbers["rows"] > 0


def test_copies_kept_together_span_nothing():
    train, test = tables()
    train = copied(train)
    train["house"] = test["house"] = np.arange(len(train)) % 40
    train["house"] = np.where(np.arange(len(train)) < 80, train["house"], np.arange(len(train)))
    assert "copies" not in kinds(found(train, test, FoldPlan(kind="group", group="house")))


def test_rows_shared_with_test_are_told_and_not_serious():
    train, test = tables()
    test = pd.concat([train[10:17].drop(columns="target"), test[7:]]).set_axis(test.index)
    finding = only(found(train, test), "test copies")
    assert not finding.serious
    assert finding.numbers == {"rows": 7, "test_rows": 7}
    assert finding.ids == tuple(train.index[10:13])


def test_coarse_columns_repeat_without_a_leak():
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"a": rng.integers(0, 2, 400), "b": rng.integers(0, 3, 400)}, index=ids(400))
    test = train.set_axis(ids(400, 400))
    train["target"] = rng.integers(0, 2, 400)
    finding = only(found(train, test), "copies")
    assert not finding.serious and "coarse" in finding.text
    assert not only(found(train, test[:3]), "copies").serious  # so few test rows say nothing: chance does


@pytest.mark.parametrize("leak", ["renamed", "noisy", "holes", "text"])
def test_a_column_that_holds_the_answer_is_serious(leak):
    train, test = tables(rows=2000)
    rng = np.random.default_rng(1)
    answer = train["target"].to_numpy()
    train["hint"], test["hint"] = {
        "renamed": (np.where(answer, -5, 7), rng.choice([-5, 7], len(test))),
        "noisy": (answer + rng.normal(0, 0.1, len(answer)), rng.random(len(test))),
        "holes": (np.where(answer, np.nan, rng.random(len(answer))), rng.random(len(test))),
        "text": (
            pd.array(np.where(answer, "yes", "no"), dtype="string[pyarrow]"),
            rng.choice(["yes", "no"], len(test)),
        ),
    }[leak]
    finding = only(found(train, test), "answer")
    assert finding.serious and "'hint'" in finding.text and list(finding.numbers) == ["hint"]
    assert ("cells are missing" in finding.text) == (leak == "holes")


def test_a_likely_column_is_no_answer():
    train, test = tables(rows=2000)
    rng = np.random.default_rng(1)
    train["hint"] = train["target"] + rng.normal(0, 0.35, len(train))  # AUC about 0.98
    test["hint"] = rng.random(len(test))
    assert not only(found(train, test), "answer").serious


@pytest.mark.parametrize("rows", [20, 3000])
def test_a_monotone_copy_of_a_quantity_is_serious(rows):
    train, test = tables(rows=rows)
    rng = np.random.default_rng(2)
    train["income"], train["price"] = rng.lognormal(0, 3, rows), rng.random(rows)
    train["logged"], test["logged"] = np.log(train["income"]).astype(np.float32), np.float32(0)
    finding = only(found(train, test, FoldPlan(), ["income", "price"]), "answer")
    assert finding.serious and "'logged'" in finding.text and "'income'" in finding.text


def test_one_of_several_classes_is_no_answer_all_of_them_are():
    train, test = tables(rows=1500)
    rng = np.random.default_rng(3)
    target = rng.integers(0, 5, len(train))
    train["target"] = pd.array(np.array(["ant", "bee", "cat", "dog", "elk"])[target], dtype="string[pyarrow]")
    train["bees"], test["bees"] = target == 1, False
    assert not found(train, test).serious
    train["code"], test["code"] = 10 - target, 0
    finding = only(found(train, test), "answer")
    assert finding.serious and "'code'" in finding.text and "'bees'" not in finding.text


def test_a_file_sorted_by_its_target_is_a_note():
    train, test = tables()
    train = train.sort_values("target", kind="stable")
    notes = [finding for finding in found(train, test).findings if finding.kind == "order"]
    assert notes and not any(finding.serious for finding in notes)
    assert "position" in notes[0].text
    by_id = train.set_axis(ids(len(train)))
    assert "the id" in only(found(by_id.sample(frac=1, random_state=0), test), "order").text


def test_a_column_that_tells_test_is_named():
    train, test = tables()
    test["f3"] += 1
    finding = only(found(train, test), "shift")
    assert "differs" in finding.text and "'f3'" in finding.text and "'f4'" not in finding.text
    assert 0.55 < finding.numbers["low"] < finding.numbers["auc"] < finding.numbers["high"] < 1
    assert not finding.serious


def test_a_gulf_is_serious_where_folds_ignore_it():
    train, test = tables()
    train["years"], test["years"] = np.linspace(0, 1, len(train)), np.linspace(1, 2, len(test))
    assert only(found(train, test), "shift").serious
    train["hour"], test["hour"] = np.arange(len(train)), np.arange(len(test))
    assert "'years'" in only(found(train, test, FoldPlan(kind="blocked", time="hour")), "shift").text
    assert not found(train, test, FoldPlan(kind="blocked", time="hour")).serious


def test_new_values_in_test_ask_for_groups():
    train, test = tables()
    train["code"] = pd.array(np.array(list("ABCDE"))[np.arange(len(train)) % 5], dtype="string[pyarrow]")
    test["code"] = pd.array(np.array(list("FGHI"))[np.arange(len(test)) % 4], dtype="string[pyarrow]")
    assert "5 of 5 values of 'code' in train never appear in test" in only(found(train, test), "groups").text
    left = found(train, test, FoldPlan(kind="leave-groups-out", group="code", leave=2))
    assert "5 of 5 groups" in only(left, "groups").text
    assert "look alike" in only(left, "shift").text  # the group itself is no evidence


def test_times_of_test_are_told():
    train, test = tables()
    train["day"] = pd.date_range("2020-01-01", periods=len(train))
    test["day"] = pd.date_range("2022-01-01", periods=len(test))
    plan = FoldPlan(kind="blocked", time="day")
    finding = only(found(train, test, plan), "times")
    assert "from 2020-01-01" in finding.text and "come" in finding.text
    assert finding.numbers["later"] == 1.0


@pytest.mark.parametrize(
    ("start", "step", "expected"), [(1000, 1, "outside"), (0, 1, "train ids too"), (1, 2, "mixed")]
)
def test_ids_tell_how_test_was_cut(start, step, expected):
    train, test = tables(rows=100)
    train = train.set_axis(pd.Index([str(2 * row) for row in range(100)], name="id"))
    test = test.set_axis(pd.Index([str(start + step * row) for row in range(100)], name="id"))
    assert expected in only(found(train, test), "ids").text
