"""Splits in time: what validates, what trains before it, and what the gap leaves out."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from folds.plan import FoldPlan
from folds.split import make_folds
from folds.store import Folds
from folds.verify import verify


def steps(values: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"step": values}, index=pd.Index([f"r{row}" for row in range(len(values))], name="id"))


def sides(folds: Folds, table: pd.DataFrame, column: str = "step") -> list[tuple[list, list]]:
    """The sorted times of each fold's two sides."""
    cells = table[column].to_numpy()
    return [
        tuple(sorted(set(cells[side].tolist())) for side in folds.split(fold, table.index))
        for fold in range(len(folds))
    ]


def test_forward_folds_train_on_all_of_the_past_before_the_gap() -> None:
    table = steps(list(range(10)) * 2)
    folds = make_folds(table, FoldPlan(kind="time", n=2, time="step", horizon=3, gap=1))
    assert sides(folds, table) == [([0, 1, 2], [4, 5, 6]), ([0, 1, 2, 3, 4, 5], [7, 8, 9])]
    assert folds.never_valid == 8


def test_a_window_slides() -> None:
    table = steps(list(range(10)))
    folds = make_folds(table, FoldPlan(kind="time", n=2, time="step", horizon=2, gap=1, window=3))
    assert sides(folds, table) == [([2, 3, 4], [6, 7]), ([4, 5, 6], [8, 9])]


def test_without_a_horizon_the_rows_are_divided_evenly() -> None:
    table = steps([float(value) for value in range(12)])
    folds = make_folds(table, FoldPlan(kind="time", n=3, time="step"))
    assert [valid for _, valid in sides(folds, table)] == [[3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert folds.never_valid == 3


def test_blocks_train_on_both_sides_but_not_near() -> None:
    table = steps(list(range(9)))
    folds = make_folds(table, FoldPlan(kind="blocked", n=3, time="step", gap=1))
    expected = [([4, 5, 6, 7, 8], [0, 1, 2]), ([0, 1, 7, 8], [3, 4, 5]), ([0, 1, 2, 3, 4], [6, 7, 8])]
    assert sides(folds, table) == expected


def test_dates_as_text_dates_and_zones_give_the_same_folds() -> None:
    days = pd.date_range("2015-01-01", "2018-12-31", freq="D")
    ids = pd.Index([f"{row:04}" for row in range(len(days))])
    plan = FoldPlan(kind="time", n=2, time="day", horizon="365D", gap="28D")
    columns = {
        "dates": days,
        "zoned": days.tz_localize("UTC"),
        "nanoseconds": days.astype("datetime64[ns]"),
        "text": days.strftime("%Y-%m-%d"),
        "text with time": days.strftime("%Y-%m-%d %H:%M:%S"),
        "mixed offsets": [
            day.strftime("%Y-%m-%dT00:00:00+00:00" if day.day % 2 else "%Y-%m-%dT09:00:00+09:00") for day in days
        ],
        "python": [date(day.year, day.month, day.day) for day in days],
        "categorical": pd.Categorical(days.strftime("%Y-%m-%d")),
    }
    prints = {}
    for name, column in columns.items():
        table = pd.DataFrame({"day": column}, index=ids)
        folds = make_folds(table, plan)
        assert verify(folds, table, plan) == []
        prints[name] = folds.fingerprint
    assert set(prints.values()) == {prints["dates"]}
    valid = days[folds.split(1, ids)[1]]
    assert (valid.min(), valid.max()) == (pd.Timestamp("2018-01-01"), pd.Timestamp("2018-12-31"))
    train = days[folds.split(1, ids)[0]]
    assert train.max() == pd.Timestamp("2017-12-03")  # 28 days are left out: 4 to 31 December


@settings(max_examples=40, deadline=None)
@given(
    times=st.lists(st.floats(0, 100), min_size=30, max_size=60, unique=True),
    gap=st.floats(0, 8),
    window=st.sampled_from([0, 40.0]),
)
def test_no_training_row_is_within_the_gap(times: list[float], gap: float, window: float) -> None:
    table = steps([0.0, 50.0, 68.0, 75.0, 85.0, 95.0, 101.0, *times])  # a row in every period and before it
    folds = make_folds(table, FoldPlan(kind="time", n=3, time="step", gap=gap, window=window, horizon=10))
    for fold, (train, valid) in enumerate(sides(folds, table)):
        assert train[-1] < valid[0] - gap
        assert not window or train[0] >= valid[0] - gap - window
        low = 101 - (3 - fold) * 10
        assert valid == sorted({value for value in table["step"] if low < value <= low + 10})


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"horizon": 5, "n": 3}, "expected training rows in fold 0"),
        ({"horizon": 3, "n": 2, "gap": 20}, "expected training rows in fold 0"),
        ({"horizon": 0.1, "n": 3}, "expected validating rows in fold 0"),
        ({"n": 9}, "expected validating rows in fold"),
        ({"horizon": "3D"}, "a number in its unit"),
        ({"gap": -1}, "of at least 0"),
        ({"gap": float("nan")}, "of at least 0"),
    ],
)
def test_a_plan_that_the_times_do_not_bear(plan: dict, words: str) -> None:
    table = steps([0, 0, 0, 0, 0, 2, 4, 6, 8, 10])
    with pytest.raises(ValueError, match=words):
        make_folds(table, FoldPlan(kind="time", time="step", **plan))


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (7, "a duration such as"),
        ("7", 'with its unit, such as "7D"'),
        ("a week", "as a duration"),
        ("-7D", "at least 0"),
        ("nat", "as a duration"),
    ],
)
def test_a_span_of_dates_has_a_unit(span: object, words: str) -> None:
    table = pd.DataFrame(
        {"day": pd.date_range("2020-01-01", periods=30)}, index=pd.Index([str(row) for row in range(30)])
    )
    with pytest.raises(ValueError, match=words):
        make_folds(table, FoldPlan(kind="time", n=2, time="day", horizon="5D", gap=span))


def test_a_cell_that_is_no_date_is_named() -> None:
    table = pd.DataFrame({"day": ["2020-01-01", "01.02.2020", "2020-01-03"]}, index=pd.Index(list("abc")))
    with pytest.raises(ValueError, match=r"got '01.02.2020' at ids 'b'"):
        make_folds(table, FoldPlan(kind="blocked", n=2, time="day"))
    with pytest.raises(ValueError, match=r"finite numbers in time column 'step', got inf at ids 'r1'"):
        make_folds(steps([0.0, np.inf, 2.0]), FoldPlan(kind="blocked", n=2, time="step"))
