"""What the audit stands on: equal cells are equal numbers, copies are exact, intervals hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from folds import audit_rows
from folds.audit_columns import MOST, draw_rows, encode, share_columns
from folds.audit_rows import label_rows
from folds.audit_score import aim_at, auc_bounds, class_score, quantity_score

WORDS = st.sampled_from(["a", "b", "ab", "", "ä", None])
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -1.5, 2.0**40, np.nan, np.inf, -np.inf])
CELLS = st.lists(st.tuples(NUMBERS, NUMBERS, WORDS, WORDS, st.integers(-2, 2)), min_size=1, max_size=40)


def frame(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    """A column of every kind that a table may hold."""
    numbers, floats, words, classes, wholes = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "double": np.array(numbers, dtype=np.float64),
            "single": np.array(floats, dtype=np.float32),
            "text": pd.array(words, dtype="string[pyarrow]"),
            "class": pd.Categorical(classes),
            "path": [None if word is None else Path(word or "none") for word in words],
            "whole": np.array(wholes, dtype=np.int8),
            "nullable": pd.array(wholes, dtype="Int64"),
            "day": pd.to_datetime("2020-01-01") + pd.to_timedelta(wholes, unit="D"),
        }
    )


def keys(row: tuple[object, ...]) -> tuple[object, ...]:
    """A row as a dictionary would tell it from others, holes equal to each other."""
    return tuple(None if cell is None or cell != cell else cell for cell in row)


@settings(deadline=None, max_examples=50)
@given(CELLS, CELLS)
def test_rows_share_a_label_exactly_when_equal(ours, theirs):
    labels = label_rows(share_columns(frame(ours), frame(theirs), []))
    rows = [keys(row) for row in ours + theirs]
    same = np.array([[one == other for other in rows] for one in rows])
    expected = same & (same.sum(axis=1) > 1)[:, None]
    np.testing.assert_array_equal((labels[:, None] == labels) & (labels >= 0)[:, None], expected)


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_holes_are_alike_whatever_their_bits(kind):
    table = pd.DataFrame({"x": np.array([np.nan, -np.nan, 1.0, 2.0], dtype=kind)})
    assert np.signbit(table["x"][:2]).tolist() == [False, True]
    labels = label_rows(share_columns(table, table[:0], []))
    assert labels[0] == labels[1] >= 0 and labels[2] == labels[3] == -1


def test_rows_of_equal_hash_are_told_apart(monkeypatch):
    table = frame([(float(row // 2), 0.0, "a", "b", 1) for row in range(10)])
    columns = share_columns(table, table[:0], [])
    expected, seeds = label_rows(columns), []
    honest = audit_rows._hashes

    def colliding(columns, seed):
        seeds.append(seed)
        return np.zeros(10, dtype=np.uint64) if len(seeds) == 1 else honest(columns, seed)

    monkeypatch.setattr(audit_rows, "_hashes", colliding)
    np.testing.assert_array_equal(label_rows(columns), expected)
    assert seeds == [0, 1]


@settings(deadline=None, max_examples=50)
@given(CELLS)
def test_codes_keep_the_order_of_texts(rows):
    table = frame(rows)
    for name in ("text", "class"):
        codes = encode([table[name]])[0]
        known = table[name].notna().to_numpy()
        texts = table[name].astype(object)[known].to_numpy()
        np.testing.assert_array_equal(np.isnan(codes), ~known)
        expected = np.array([[one < other for other in texts] for one in texts]).reshape(len(texts), len(texts))
        np.testing.assert_array_equal(codes[known][:, None] < codes[known], expected)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (pd.Series(["a", "b"], dtype="category"), pd.Series(["b", "c", "a"], dtype="string[pyarrow]")),
        (pd.Series(["a", "b"], dtype="category"), pd.Series(["b", "c", "a"], dtype="category")),
        (pd.Series(["a", "b"], dtype=object), pd.Series(["b", "c", "a"], dtype="string[pyarrow]")),
        (pd.Series([1, 2], dtype=np.int8), pd.Series([2, np.nan, 1], dtype=np.float32)),
        (pd.Series([True, False]), pd.Series([0, 5, 1])),
        (pd.Series([1, 2], dtype="category"), pd.Series([2, 7, 1], dtype="category")),
        (pd.Series([1, 2], dtype="Int64"), pd.Series([2, None, 1], dtype="Int64")),
        (
            pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02"], utc=True)),
            pd.Series(pd.to_datetime(["2020-01-02", None, "2020-01-01"], utc=True)),
        ),
    ],
)
def test_equal_cells_of_other_types_are_equal_numbers(ours, theirs):
    one, other = encode([ours, theirs])
    assert one.dtype == other.dtype
    assert one[0] == other[2] and one[1] == other[0]
    assert other[1] not in one


def test_many_columns_are_judged_on_fewer_rows():
    table = pd.DataFrame(np.zeros((12_000, 400), dtype=np.int8))
    few = draw_rows(share_columns(table[[0]], table[[0]], []), 12_000, 500, seed=1)
    many = draw_rows(share_columns(table, table, []), 12_000, 12_000, seed=1)
    assert few.ranks.shape == (MOST + 500, 1)
    assert many.ranks.shape == (5000, 400)
    assert (np.diff(few.train) > 0).all()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=2, max_size=50))
def test_auc_agrees_with_the_share_of_pairs_in_order(rows):
    scores, labels = np.array([score for score, _ in rows], dtype=float), np.array([label for _, label in rows])
    ours = class_score(labels[:, None].astype(float), scores[:, None])
    if labels.all() or not labels.any():
        assert (ours.low, ours.high) == (0.0, 1.0)
        return
    gaps = scores[labels][:, None] - scores[~labels]
    assert ours.value == pytest.approx(((gaps > 0) + 0.5 * (gaps == 0)).mean())
    assert 0 <= ours.low <= ours.value + 1e-3 and ours.value - 1e-3 <= ours.high <= 1


@pytest.mark.parametrize(("shift", "truth"), [(0.0, 0.5), (1.0, 0.76025), (2.5, 0.96145)])
def test_interval_of_an_auc_holds_the_truth(shift, truth):
    rng = np.random.default_rng(0)
    held = []
    for _ in range(300):
        labels = np.arange(120) < 50
        score = class_score(labels[:, None].astype(float), (rng.standard_normal(120) + shift * labels)[:, None])
        held.append(score.low <= truth <= score.high)
    assert 0.92 < np.mean(held) < 0.999


def test_a_perfect_auc_of_few_rows_is_not_certain():
    few, many = auc_bounds(1.0, 5, 10), auc_bounds(1.0, 500, 1000)
    assert few[0] < 0.9 < 0.99 < many[0]
    assert few[1] == many[1] == 1.0


def test_r2_of_few_rows_is_less_certain():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(1000)
    noisy = truth + 0.2 * rng.standard_normal(1000)
    few, many = quantity_score(truth[:10], noisy[:10]), quantity_score(truth, noisy)
    assert many.low < many.value < many.high
    assert few.high - few.low > many.high - many.low
    assert quantity_score(truth, -truth).low == 0.0
    assert quantity_score(np.ones(9), np.ones(9)).low == 0.0


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (pd.Series([0, 1] * 10), 1),
        (pd.Series([True, False] * 10), 1),
        (pd.Series(range(100)), None),
        (pd.Series(range(12)), None),
        (pd.Series([1, 2, 3] * 10), 3),
        (pd.Series([f"breed {row % 40}" for row in range(400)], dtype="string[pyarrow]"), 20),
        (pd.Series([0.5] * 9), 0),
    ],
)
def test_what_is_told_of_a_target(cells, classes):
    aim = aim_at(cells)
    if classes == 0:
        assert aim is None
    else:
        assert aim is not None and aim.classes == (classes is not None)
        assert aim.truth.shape == (len(cells), classes or 1)
