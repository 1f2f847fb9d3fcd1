"""The baselines that know nothing: a constant, the last value, the last season."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contract import Targets
from pipelines.learners import constant
from pipelines.learners.constant import ConstantLearner
from pipelines.learners.seasonal import SeasonalLearner
from pipelines.learners.tasks import Regression
from pipelines.metrics import METRICS
from tests.learning import TOYS, FolderOut, predict

NUMBER = Targets(("sold",), Regression().truth, METRICS["mae"])


def table_of(**columns):
    rows = pd.DataFrame(columns)
    rows.index = pd.Index([f"row{number}" for number in range(len(rows))], name="id")
    return rows


@pytest.mark.parametrize("toy", TOYS)
@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_a_constant_is_the_statistic_of_the_training_rows(toy, statistic, tmp_path, monkeypatch):
    toy = TOYS[toy]()
    train, valid = toy.sides
    learner, out = ConstantLearner(statistic=statistic), FolderOut(tmp_path)
    expected = getattr(np, statistic)(toy.targets.values(train), axis=0)
    for cells in (constant.CELLS, 7):  # all at once, and a row or two at a time
        monkeypatch.setattr(constant, "CELLS", cells)
        model = learner.fit(train, valid, toy.targets, out)
        np.testing.assert_allclose(predict(learner, model, valid), np.tile(expected, (len(valid), 1)))
        np.testing.assert_array_equal(predict(learner, learner.load(out), valid), predict(learner, model, valid))
    assert model.found == {}


def test_a_constant_map_is_the_mean_of_maps_a_few_files_at_a_time(tmp_path):
    maps = np.random.default_rng(0).integers(0, 2, (20, 6, 5), dtype=np.uint8)
    paths = []
    for number, each in enumerate(maps):
        paths.append(tmp_path / f"{number}.npy")
        np.save(paths[-1], each)
    table = table_of(image=paths, mask=paths)
    targets = Targets(("mask",), lambda cells: np.stack([np.load(path) for path in cells["mask"]]), METRICS["mae"])
    learner = ConstantLearner()
    model = learner.fit(table, None, targets, FolderOut(tmp_path / "fold"))
    chunks = list(learner.inputs(table))
    assert max(len(ids) for ids, _ in chunks) <= 8
    prediction = predict(learner, model, table)
    assert prediction.shape == (20, 6, 5)
    np.testing.assert_allclose(prediction[7], maps.mean(axis=0), rtol=1e-6)


def test_a_constant_needs_rows_a_known_statistic_and_its_file(tmp_path):
    with pytest.raises(ValueError, match="--statistic: expected one of mean, median, got 'mode'"):
        ConstantLearner(statistic="mode")
    with pytest.raises(ValueError, match="expected training rows, got none"):
        ConstantLearner().fit(table_of(sold=[1.0]).iloc[:0], None, NUMBER, FolderOut(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"constant\.npy: expected a fitted model"):
        ConstantLearner().load(FolderOut(tmp_path))


def test_baselines_import_no_heavy_library():
    program = "import sys, pipelines.learners.constant, pipelines.learners.seasonal; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "lightgbm", "sklearn", "scipy"} & set(loaded)


def sales(start="2020-01-01", days=28, shops=("east", "west")):
    """Sales with a weekly pattern, 100 more in the west."""
    dates = pd.date_range(start, periods=days)
    parts = [
        table_of(shop=[shop] * days, date=dates, sold=dates.day_of_week + 100.0 * (shop == "west")) for shop in shops
    ]
    rows = pd.concat(parts)
    rows.index = pd.Index(rows["shop"] + "-" + rows["date"].dt.strftime("%Y%m%d"), name="id")
    return rows


def forecast(learner, train, rows, folder):
    out = FolderOut(Path(folder))
    model = learner.fit(train, rows, NUMBER, out)
    prediction = predict(learner, model, rows)
    np.testing.assert_array_equal(predict(learner, learner.load(out), rows), prediction)
    return prediction[:, 0]


@pytest.mark.parametrize("days", [3, 40])
def test_a_weekly_series_is_repeated_as_far_as_is_asked(days, tmp_path):
    learner = SeasonalLearner(time="date", keys=("shop",), period="7D")
    future = sales(start="2020-01-29", days=days)
    prediction = forecast(learner, sales().sample(frac=1, random_state=0), future, tmp_path)
    np.testing.assert_array_equal(prediction, future["sold"])


def test_without_a_period_the_last_value_is_repeated(tmp_path):
    learner = SeasonalLearner(time="date", keys=("shop",))
    future = sales(start="2020-02-01", days=5)
    prediction = forecast(learner, sales(), future, tmp_path)
    np.testing.assert_array_equal(prediction, np.where(future["shop"] == "west", 101.0, 1.0))  # a Tuesday


def test_only_rows_before_the_own_time_count(tmp_path):
    rows = sales()
    learner = SeasonalLearner(time="date", keys=("shop",))
    same_day = forecast(learner, rows, rows[rows["date"] == "2020-01-10"], tmp_path)
    np.testing.assert_array_equal(same_day, [3.0, 103.0])  # Thursday's, not the Friday itself
    first = forecast(learner, rows, rows[rows["date"] == "2020-01-01"], tmp_path)
    np.testing.assert_allclose(first, rows["sold"].mean())  # nothing lies before


@settings(max_examples=20, deadline=None)
@given(day=st.integers(0, 27), change=st.floats(-1e3, 1e3), period=st.sampled_from([0, "7D"]))
def test_later_training_rows_never_change_a_prediction(day, change, period, tmp_path_factory):
    rows = sales()
    moment = pd.Timestamp("2020-01-01") + pd.Timedelta(days=day)
    asked = rows[rows["date"] == moment]
    changed = rows.assign(sold=rows["sold"].where(rows["date"] < moment, rows["sold"] + change))
    learner = SeasonalLearner(time="date", keys=("shop",), period=period)
    before, after = (forecast(learner, each, asked, tmp_path_factory.mktemp("fold")) for each in (rows, changed))
    if day:
        np.testing.assert_array_equal(before, after)


def test_a_hole_is_filled_from_the_season_before_it_and_a_lone_moment_by_the_last_value(tmp_path):
    rows = sales()
    holed = rows[~rows["date"].between("2020-01-20", "2020-01-26")]
    learner = SeasonalLearner(time="date", keys=("shop",), period="7D")
    future = sales(start="2020-01-29", days=7)
    np.testing.assert_array_equal(forecast(learner, holed, future, tmp_path), future["sold"])
    noon = future.assign(date=future["date"] + pd.Timedelta("12h")).iloc[:1]
    np.testing.assert_array_equal(forecast(learner, rows, noon, tmp_path), [1.0])


def test_an_unseen_series_gets_the_mean_of_all(tmp_path):
    learner = SeasonalLearner(time="date", keys=("shop",), period="7D")
    prediction = forecast(learner, sales(), sales(start="2020-02-01", days=2, shops=("north",)), tmp_path)
    np.testing.assert_allclose(prediction, sales()["sold"].mean())


@pytest.mark.parametrize("kind", [object, "category", "string[pyarrow]"])
def test_keys_may_be_of_any_type_and_several(kind, tmp_path):
    def doubled(rows):
        both = pd.concat([rows.assign(product=1), rows.assign(product=2, sold=rows["sold"] + 1000)])
        both.index = pd.Index([f"row{number}" for number in range(len(both))], name="id")
        return both.astype({"shop": kind})

    learner = SeasonalLearner(time="date", keys=("shop", "product"), period="7D")
    future = doubled(sales(start="2020-01-29", days=3))
    np.testing.assert_array_equal(forecast(learner, doubled(sales()), future, tmp_path), future["sold"])


def test_one_series_over_numbers_and_equal_moments_averaged(tmp_path):
    rows = table_of(hour=[0, 1, 2, 3, 3], sold=[5.0, 6.0, 7.0, 8.0, 10.0])
    learner = SeasonalLearner(time="hour", period=4)
    future = table_of(hour=[4, 7, 9], sold=[0.0, 0.0, 0.0])
    np.testing.assert_array_equal(forecast(learner, rows, future, tmp_path), [5.0, 9.0, 6.0])


@pytest.mark.parametrize(
    ("settings", "change", "message"),
    [
        ({"period": 364}, {}, "--period: expected a duration such as 364D, the times are dates, got 364"),
        ({"time": "day", "period": "7D"}, {"day": 1}, "--period: expected a number, the times are numbers, got '7D'"),
        ({}, {"date": "2020-01-01"}, "column 'date': expected dates or numbers, got"),
        ({}, {"date": pd.NaT}, "column 'date': expected a time in every row, got none in rows east-20200101"),
        ({"keys": ("country",)}, {}, "SeasonalLearner: expected columns 'country', got shop, date, sold"),
    ],
)
def test_what_is_no_series_is_refused(settings, change, message, tmp_path):
    learner = SeasonalLearner(**{"time": "date", "keys": ("shop",), **settings})
    with pytest.raises(ValueError, match=message):
        learner.fit(sales().assign(**change), None, NUMBER, FolderOut(tmp_path))


def test_a_period_goes_forward():
    for period in (-7, "-7D"):
        with pytest.raises(ValueError, match="--period: expected 0 or more"):
            SeasonalLearner(time="date", period=period)
