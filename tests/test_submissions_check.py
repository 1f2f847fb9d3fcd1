"""What the checker refuses in memory, before anything is written: each refusal names the first ids and what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from submissions.check import check_rows
from submissions.rules import Rules
from submissions.sample import read_sample
from submissions.verdict import SubmissionError

IDS = ["007", "8", "9", "10"]
GOOD = np.array([0.1, 0.2, 0.3, 0.4])


def sample_of(root, ids=IDS, columns=("target",), value="0.5"):
    lines = [",".join(["id", *columns]), *(",".join([id, *[value] * len(columns)]) for id in ids)]
    (root / "sample_submission.csv").write_text("\n".join(lines) + "\n")
    return read_sample(root / "sample_submission.csv")


@pytest.fixture
def sample(tmp_path):
    return sample_of(tmp_path)


def refused(ids, target, sample, rules=None):
    with pytest.raises(SubmissionError) as refusal:
        check_rows(ids, {"target": target}, sample, rules or Rules())
    return refusal.value


def test_a_good_submission_passes(sample):
    verdict = check_rows(sample.ids, {"target": GOOD}, sample, Rules(low=0, high=1))
    assert (verdict.rows, verdict.warnings, verdict.digest) == (4, (), "")
    assert check_rows(IDS, {"target": pd.Series(GOOD)}, sample, Rules()).rows == 4


@pytest.mark.parametrize(
    ("ids", "kinds", "words"),
    [
        (["007", "8", "9"], {"rows", "missing ids"}, ["expected 4 rows, got 3", "none of 1 (10)"]),
        (["007", "8", "9", "10", "11"], {"rows", "extra ids"}, ["got 1 more (11)", "drop those rows"]),
        (["007", "8", "9", "11"], {"missing ids", "extra ids"}, ["none of 1 (10)", "got 1 more (11)"]),
        (["007", "8", "9", "9"], {"missing ids", "duplicate ids"}, ["got 1 of them again (9)"]),
        (["8", "007", "9", "10"], {"order"}, ["2 ids in other places (row 1: 8, not 007)", "sort the rows"]),
        (["a", "b", "c", "d"], {"competition"}, ["got a, b, c and none of", "another competition"]),
        ([7, 8, 9, 10], {"missing ids", "extra ids"}, ["(007)", "leading zeros are lost", "dtype=str"]),
        (["0007", "08", "09", "010"], {"missing ids", "extra ids"}, ["leading zeros too many"]),
        (["007.0", "8.0", "9.0", "10.0"], {"missing ids", "extra ids"}, ["ids became decimals"]),
        (["007.jpg", "8.jpg", "9.jpg", "10.jpg"], {"missing ids", "extra ids"}, ["a file ending too many"]),
        ([" 007", "8 ", " 9", "10 "], {"missing ids", "extra ids"}, ["spaces around the ids"]),
        ([], {"rows", "missing ids"}, ["expected 4 rows, got 0", "none of 4 (007, 8, 9, 10)"]),
    ],
)
def test_ids_are_those_of_sample_submission_in_its_order(sample, ids, kinds, words):
    error = refused(ids, GOOD[[0] * len(ids)] + np.arange(len(ids)), sample)
    assert error.kinds == kinds
    assert all(each in str(error) for each in words), str(error)


def test_other_hints_for_ids(tmp_path):
    sample = sample_of(tmp_path, ["Aa.jpg", "Bb.jpg", "Cc.jpg", "Dd.jpg"])
    assert "the file ending is lost" in str(refused(["Aa", "Bb", "Cc", "Dd"], GOOD, sample))
    assert "upper and lower case" in str(refused(["aa.jpg", "bb.jpg", "cc.jpg", "dd.jpg"], GOOD, sample))


def test_only_the_first_ids_are_named_and_the_rest_counted(tmp_path):
    sample = sample_of(tmp_path, [f"a{number}" for number in range(1000)])
    text = str(refused(sample.ids[500:], np.arange(500.0), sample))
    assert "none of 500 (a0, a1, a2, a3, a4, ...)" in text


@pytest.mark.parametrize(
    ("target", "rules", "kind", "words"),
    [
        (
            [0.1, np.nan, 0.3, np.nan],
            {},
            "missing",
            "expected a value in every row, got 2 missing ones (8: 'nan'",
        ),
        ([0.1, None, 0.3, 0.4], {}, "missing", "8: 'None'"),
        ([0.1, np.inf, -np.inf, 0.4], {}, "infinite", "got 2 infinite ones (8: 'inf', 9: '-inf')"),
        (["0.1", "0,2", "0.3", "x"], {}, "number", "got 2 cells that are none (8: '0,2', 10: 'x'); write 0.5, not 0,5"),
        (["0.1", "1_0", "\N{ARABIC-INDIC DIGIT THREE}", " 4"], {}, "number", "got 3 cells that are none"),
        ([True, False, True, False], {}, "number", "007: 'True'"),
        (
            [0.1, -0.2, 0.3, 1.4],
            {"low": 0, "high": 1},
            "range",
            "from 0 to 1, got 2 outside (8: '-0.2', 10: '1.4')",
        ),
        ([1.0, 2.0, 3.0, 4.0], {"integer": True}, "decimal", "written like 3.0 (007: '1.0'"),
        (
            ["1", "2.0", "3", "4e0"],
            {"integer": True},
            "decimal",
            "got 2 written like 3.0 (8: '2.0', 10: '4e0')",
        ),
        ([1.5, 2.5, 3.5, 4.5], {"integer": True}, "fraction", "got 4 fractions (007: '1.5'"),
        (
            ["cat", "dog", "Dog", "cat"],
            {"labels": ("cat", "dog")},
            "label",
            "cat, dog, got 1 other labels (9: 'Dog')",
        ),
        (["cat", "dog", "", "cat"], {"labels": ("cat", "dog")}, "missing", "9: ''"),
        ([1.0, 2.0, 1.0, 2.0], {"labels": ("1", "2")}, "label", "007: '1.0'"),
        (["1 1", None, "2 2", "3 1"], {"text": True}, "text", "8: 'None'"),
        ([0.3, 0.3, 0.3, 0.3], {}, "constant", "expected values that differ between rows, got 0.3 in all"),
        (["1 1"] * 4, {"text": True}, "constant", "got 1 1 in all"),
        ([0.5, 0.5, 0.5, 0.5], {"constant": True}, "sample", "the values of sample_submission itself"),
    ],
)
def test_cells_keep_to_the_rules(sample, target, rules, kind, words):
    mixed = any(isinstance(cell, str) or cell is None for cell in target)
    error = refused(IDS, np.array(target, dtype=object if mixed else None), sample, Rules(**rules))
    assert error.kinds == {kind}
    assert words in str(error), str(error)


def test_integers_and_labels_that_are_fine(sample):
    check_rows(IDS, {"target": np.array([1, 2, 3, 1], dtype=np.uint8)}, sample, Rules(integer=True, low=1, high=3))
    check_rows(IDS, {"target": np.array([1, 2, 2, 1])}, sample, Rules(labels=("1", "2")))
    check_rows(IDS, {"target": np.array(["a", "b", "b", "a"])}, sample, Rules(labels=("a", "b")))
    check_rows(IDS, {"target": np.array(["1 2", "", "3 4", ""], dtype=object)}, sample, Rules(text=True))
    check_rows(IDS, {"target": np.full(4, 0.25)}, sample, Rules(constant=True))


def test_one_row_cannot_vary(tmp_path):
    assert check_rows(["1"], {"target": np.array([3.0])}, sample_of(tmp_path, ["1"]), Rules()).rows == 1


def test_all_problems_are_listed_at_once(sample):
    error = refused(["8", "007", "9"], np.array([np.nan, 2.0, np.inf]), sample, Rules(low=0, high=1))
    assert error.kinds == {"rows", "missing ids", "missing", "range", "infinite"}
    assert str(error).count("\n  - ") == 5


def test_a_long_list_of_problems_is_cut(tmp_path):
    columns = [f"class_{number}" for number in range(30)]
    sample = sample_of(tmp_path, columns=columns)
    with pytest.raises(SubmissionError, match="and 10 more") as refusal:
        check_rows(IDS, {name: np.array([0.1, np.nan, 0.3, 0.4]) for name in columns}, sample, Rules())
    assert len(refusal.value.problems) == 30


@pytest.mark.parametrize(
    ("cells", "kinds", "words"),
    [
        ({}, {"columns"}, "expected cells of ['target'], got []"),
        ({"target": GOOD, "other": GOOD}, {"columns"}, "got ['target', 'other']"),
        ({"Target": GOOD}, {"columns"}, "got ['Target']"),
        ({"target": GOOD[:3]}, {"cells"}, "target: expected a cell for each of 4 ids, got shape (3,)"),
        ({"target": GOOD.reshape(4, 1)}, {"cells"}, "got shape (4, 1)"),
    ],
)
def test_columns_are_those_of_sample_submission(sample, cells, kinds, words):
    with pytest.raises(SubmissionError) as refusal:
        check_rows(IDS, cells, sample, Rules())
    assert refusal.value.kinds == kinds
    assert words in str(refusal.value)


def test_what_is_probably_a_mistake_is_a_warning(tmp_path):
    sample = sample_of(tmp_path, columns=("a", "b"))
    cells = {"a": np.array([0, 1, 1, 0]), "b": np.array([1, 1, 1, 1])}
    for rules in (Rules(low=0, high=1), Rules()):  # of probabilities, and of ranks
        warnings = check_rows(IDS, cells, sample, rules, trained={"a": (0.2, 0.9)}).warnings
        assert "all values are 0 or 1: a metric of probabilities or ranks wants the probabilities" in warnings
    assert warnings == (
        "b is 1.0 in every row",
        "all values are 0 or 1: a metric of probabilities or ranks wants the probabilities",
        "a leaves the range of training: 0 to 1, in training 0.2 to 0.9",
    )


@given(target=st.lists(st.floats(), min_size=4, max_size=4), low=st.floats(-1, 0), high=st.floats(0, 1))
def test_numbers_pass_exactly_when_finite_within_bounds_and_not_all_equal(sample_in, target, low, high):
    fits = all(low <= number <= high for number in target) and len(set(target)) > 1
    rules = Rules(low=low, high=high)
    for cells in (np.array(target), np.array([repr(number) for number in target], dtype=object)):
        try:
            check_rows(IDS, {"target": cells}, sample_in, rules)
        except SubmissionError:
            assert not fits
        else:
            assert fits


@pytest.fixture(scope="module")
def sample_in(tmp_path_factory):
    return sample_of(tmp_path_factory.mktemp("sample"))
