"""Truth of target cells, labels for engines, values back, and cells of a submission."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipelines.learners.tasks import Binary, Multiclass, Regression


def cells(*values, name="target"):
    ids = pd.Index([f"row{number}" for number in range(len(values))], name="id")
    return pd.DataFrame({name: list(values)}, index=ids)


@pytest.mark.parametrize("kind", ["int64", "uint8", "float64", "Int64", "bool"])
def test_binary_truth_is_0_and_1_whatever_the_type(kind):
    truth = Binary().truth(cells(1, 0, 1).astype(kind))
    assert truth.dtype == np.uint8
    np.testing.assert_array_equal(truth, [[1], [0], [1]])


def test_binary_has_a_column_per_target():
    both = cells(1, 0).assign(other=[0, 0])
    np.testing.assert_array_equal(Binary().truth(both), [[1, 0], [0, 0]])
    np.testing.assert_array_equal(
        Binary().values([np.array([0.1, 0.2]), np.array([0.3, 0.4])]), [[0.1, 0.3], [0.2, 0.4]]
    )


@pytest.mark.parametrize("classes", [(1, 2, 7), ("ant", "bee", "cat")])
@pytest.mark.parametrize("kind", [object, "category", None])
def test_classes_become_one_hot_and_come_back_as_labels(classes, kind):
    task = Multiclass(classes)
    column = cells(classes[2], classes[0], classes[0])
    truth = task.truth(column.astype(kind) if kind else column)
    assert truth.dtype == np.uint8
    np.testing.assert_array_equal(truth, [[0, 0, 1], [1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(task.labels(truth), [[2], [0], [0]])
    label = task.encode_label("target")(truth.astype(float), None)["target"]
    assert label.tolist() == [classes[2], classes[0], classes[0]]


def test_classes_read_as_floats_are_the_same_classes():
    np.testing.assert_array_equal(Multiclass((1, 2)).truth(cells(2.0, 1.0)), [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("task", "column", "message"),
    [
        (Binary(), cells(1, 0, 2, np.nan), "'target': expected one of 0, 1 .* 2 rows, first row2: 2.0, row3: nan"),
        (Binary(), cells("1", "0"), "2 rows, first row0: '1'.*the column is text"),
        (Multiclass((1, 2)), cells(1, 2, 5), "expected one of 1, 2 in every row, got others in 1 rows, first row2: 5"),
        (Multiclass(("ant", "bee")), cells("ant", None), "expected one of 'ant', 'bee' .* first row1: (None|nan)"),
        (Regression(), cells(1.0, np.nan, np.inf), "expected a number in every row, got others in 2 rows, first row1"),
        (Regression(), cells("1.5", "2"), "'target': expected numbers, got (object|str), first row0: '1.5'"),
        (Regression(link="log"), cells(1.0, 0.0), r"expected a number above 0 .* first row1: 0.0"),
        (Regression(link="log1p"), cells(0.0, -0.5), r"expected 0 or more in every row, .* first row1: -0.5"),
    ],
)
def test_bad_targets_are_named_by_their_ids(task, column, message):
    with pytest.raises(ValueError, match=message):
        task.truth(column)


def test_one_bad_target_of_several_is_the_one_that_is_named():
    both = cells(1.0, 2.0).assign(other=[3.0, np.nan])
    with pytest.raises(ValueError, match=r"target 'other': .* 1 rows, first row1: nan"):
        Regression().truth(both)


def test_multiclass_takes_one_column():
    with pytest.raises(ValueError, match=r"one target column, got \['target', 'other'\]"):
        Multiclass((0, 1)).truth(cells(1, 0).assign(other=[0, 0]))


@pytest.mark.parametrize("classes", [(), ("ant",), ("ant", "ant")])
def test_classes_are_at_least_two_each_once(classes):
    with pytest.raises(ValueError, match="at least two classes"):
        Multiclass(classes)


def test_an_unknown_link_is_refused():
    with pytest.raises(ValueError, match="expected a link of identity, log, log1p, got 'sqrt'"):
        Regression(link="sqrt")


@given(truth=arrays.arrays(np.float64, (4, 3), elements=st.floats(1e-3, 1e6)))
@pytest.mark.parametrize("link", ["identity", "log", "log1p"])
def test_links_lead_there_and_back(link, truth):
    task = Regression(link=link)
    np.testing.assert_allclose(task.values(list(task.labels(truth).T)), truth, rtol=1e-9)


def test_log1p_never_predicts_below_0():
    np.testing.assert_array_equal(Regression(link="log1p").values([np.array([-3.0, 0.0])]), [[0.0], [0.0]])


def test_probabilities_and_values_are_written_under_their_names():
    values = np.array([[0.2, 0.8], [0.6, 0.4]])
    for task in (Binary(), Multiclass(("ant", "bee"))):
        columns = task.encode_probability("one", "two")(values, None)
        assert {name: column.tolist() for name, column in columns.items()} == {"one": [0.2, 0.6], "two": [0.8, 0.4]}
    with pytest.raises(ValueError, match=r"expected values \(rows, 1\) for one, got \(2, 2\)"):
        Binary().encode_probability("one")(values, None)


def test_labels_follow_the_choice():
    values = np.array([[0.3], [0.5], [0.7]])
    encode = Binary().encode_label("target")
    assert encode(values, None)["target"].tolist() == [0, 1, 1]
    assert encode(values, np.array([0.6]))["target"].tolist() == [0, 0, 1]
    assert encode(values, np.array([[0.2], [0.6], [0.8]]))["target"].tolist() == [1, 0, 0]
    shares = np.array([[0.6, 0.4], [0.9, 0.1]])
    encode = Multiclass(("ant", "bee")).encode_label("target")
    assert encode(shares, np.array([1.0, 2.0]))["target"].tolist() == ["bee", "ant"]


def test_numbers_are_rounded_where_the_choice_says_so_or_the_column_is_whole():
    values = np.array([[1.6], [2.4]])
    assert Regression().encode_value("sold")(values, None)["sold"].tolist() == [1.6, 2.4]
    assert Regression().encode_value("sold")(values, np.array([1.0]))["sold"].tolist() == [2.0, 2.0]
    whole = Regression().encode_whole("sold")(values, None)["sold"]
    assert whole.dtype == np.int64
    assert whole.tolist() == [2, 2]
