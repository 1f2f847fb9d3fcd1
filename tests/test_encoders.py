"""Features fitted on training rows."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.encoders import Categories, LinearImputer, TargetMean

ENCODERS = {
    "categories": Categories(),
    "numbered categories": Categories(("shelf",)),
    "imputer": LinearImputer("length", ("width", "height"), by="city", rows=5),
    "target mean": TargetMean(("city", "shelf"), smooth=3.0),
}


def draw_table(seed: int = 0, rows: int = 60) -> pd.DataFrame:
    draws = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "city": draws.choice(["Bern", "Lima", "Oslo"], rows),
            "shelf": draws.integers(0, 3, rows),
            "width": draws.normal(size=rows),
            "height": draws.normal(size=rows),
        },
        index=pd.Index([f"row{number}" for number in range(rows)], name="id"),
    )
    table["length"] = 2 * table["width"] - table["height"] + 10 * (table["city"] == "Oslo")
    return table


def truth_of(table: pd.DataFrame, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (len(table), 1))


def gaps(table: pd.DataFrame) -> pd.DataFrame:
    holed = table.astype({"city": object, "shelf": float})
    holed.iloc[::7, 0] = None
    holed.iloc[::5, 1] = np.nan
    holed.iloc[::4, 4] = np.nan
    holed.iloc[::9, 2] = np.nan
    return holed


@pytest.mark.parametrize("name", ENCODERS)
def test_state_is_json_that_gives_the_same_feature_back(name):
    table = gaps(draw_table())
    encoder = ENCODERS[name]
    fitted = encoder.fit(table, truth_of(table))
    loaded = encoder.load(json.loads(json.dumps(fitted.state())))
    other = gaps(draw_table(seed=5))
    pd.testing.assert_frame_equal(fitted.apply(other), loaded.apply(other))


@pytest.mark.parametrize("name", ENCODERS)
@settings(max_examples=15)
@given(seed=st.integers(0, 50), cut=st.integers(1, 29))
def test_rows_are_encoded_alone_as_among_others(name, seed, cut):
    table = gaps(draw_table())
    fitted = ENCODERS[name].fit(table, truth_of(table))
    other = gaps(draw_table(seed=seed, rows=30))
    parts = pd.concat([fitted.apply(other.iloc[:cut]), fitted.apply(other.iloc[cut:])])
    pd.testing.assert_frame_equal(fitted.apply(other), parts)


@pytest.mark.parametrize("kind", ["object", "category", "string[pyarrow]"])
def test_categories_are_numbered_by_frequency_and_strange_ones_are_missing(kind):
    train = pd.DataFrame({"city": ["Lima", "Oslo", "Oslo", "Bern", None]}).astype({"city": kind})
    fitted = Categories().fit(train, np.empty(5))
    assert fitted.state() == {"city": ["Oslo", "Bern", "Lima"]}
    other = pd.DataFrame({"city": ["Bern", "Rome", None, "Oslo"]}).astype({"city": kind})
    coded = fitted.apply(other)["city"]
    assert coded.dtype == np.float32
    np.testing.assert_array_equal(coded, [1, np.nan, np.nan, 0])


def test_whole_numbers_are_the_same_categories_where_gaps_make_them_floats():
    fitted = Categories(("shelf",)).fit(pd.DataFrame({"shelf": [3, 3, 7]}), np.empty(3))
    np.testing.assert_array_equal(fitted.apply(pd.DataFrame({"shelf": [7.0, np.nan, 3.0]}))["shelf"], [1, np.nan, 0])


def test_a_column_of_two_kinds_is_refused_by_name():
    with pytest.raises(ValueError, match=r"column 'city': expected text or numbers.*convert it"):
        Categories().fit(pd.DataFrame({"city": ["Oslo", 3]}), np.empty(2))


@pytest.mark.parametrize(
    ("name", "needed"),
    [("categories", "city"), ("numbered categories", "shelf"), ("imputer", "height"), ("target mean", "shelf")],
)
def test_a_missing_column_is_named(name, needed):
    table = draw_table()
    fitted = ENCODERS[name].fit(table, truth_of(table))
    with pytest.raises(ValueError, match=f"expected columns '{needed}'"):
        fitted.apply(table.drop(columns=needed))


def test_gaps_are_filled_by_the_own_groups_line_and_by_the_pooled_one_for_a_strange_group():
    table = draw_table(rows=300)
    fitted = LinearImputer("length", ("width", "height"), by="city").fit(table, np.empty(300))
    other = draw_table(seed=3)
    known = other["length"].copy()
    other.loc[other.index[:40], "length"] = np.nan
    filled = fitted.apply(other)["length"]
    np.testing.assert_allclose(filled, known)
    np.testing.assert_array_equal(filled.iloc[40:], known.iloc[40:])
    strange = other.assign(city="Rome", length=np.nan)
    pooled = LinearImputer("length", ("width", "height")).fit(table, np.empty(300)).apply(strange)["length"]
    np.testing.assert_array_equal(fitted.apply(strange)["length"], pooled)


def test_a_missing_source_counts_as_its_mean():
    table = draw_table(rows=300)
    fitted = LinearImputer("length", ("width",)).fit(table, np.empty(300))
    blank = pd.DataFrame({"length": [np.nan], "width": [np.nan]})
    assert fitted.apply(blank)["length"].iloc[0] == pytest.approx(table["length"].mean())


def test_a_column_without_any_value_cannot_be_imputed():
    table = draw_table().assign(length=np.nan)
    with pytest.raises(ValueError, match="'length', got none in 60 rows"):
        LinearImputer("length", ("width",)).fit(table, np.empty(60))


def test_target_means_are_drawn_to_the_mean_of_all():
    table = pd.DataFrame({"city": ["Oslo"] * 3 + ["Bern"] * 5 + [None] * 2})
    truth = np.array([1, 1, 1, 0, 0, 0, 0, 1, 0, 1])[:, None]
    fitted = TargetMean(("city",), smooth=2.0).fit(table, truth)
    got = fitted.apply(pd.DataFrame({"city": ["Oslo", "Bern", "Rome", None]}))["city_mean"]
    np.testing.assert_allclose(got, [(3 + 2 * 0.5) / 5, (1 + 2 * 0.5) / 7, 0.5, 0.5])


def test_target_means_of_several_targets_have_a_column_each():
    table = draw_table()
    truth = np.eye(3, dtype=np.uint8)[np.arange(60) % 3]
    made = TargetMean(("city",)).fit(table, truth).apply(table)
    np.testing.assert_allclose(made[["city_mean_0", "city_mean_1", "city_mean_2"]].sum(axis=1), 1)


@settings(max_examples=30)
@given(row=st.integers(0, 59), change=st.floats(-1e3, 1e3))
def test_no_training_row_sees_its_own_target(row, change):
    table, truth = draw_table(), truth_of(draw_table()).astype(float)
    encoder = TargetMean(("city", "shelf"))
    changed = truth.copy()
    changed[row] += change
    before, after = (encoder.fit(table, each).apply_crossed(table).iloc[row] for each in (truth, changed))
    pd.testing.assert_series_equal(before, after)


def test_crossed_means_carry_no_signal_that_is_not_there():
    draws = np.random.default_rng(0)
    table = pd.DataFrame({"city": [f"city{number}" for number in draws.integers(0, 200, 1000)]})
    truth = draws.normal(size=(1000, 1))
    fitted = TargetMean(("city",), smooth=1.0).fit(table, truth)
    leaking = np.corrcoef(fitted.apply(table)["city_mean"], truth[:, 0])[0, 1]
    crossed = np.corrcoef(fitted.apply_crossed(table)["city_mean"], truth[:, 0])[0, 1]
    assert leaking > 0.3
    assert abs(crossed) < 0.1


def test_crossed_means_are_for_the_rows_of_fit_only():
    table = draw_table()
    fitted = TargetMean(("city",)).fit(table, truth_of(table))
    with pytest.raises(ValueError, match="use apply"):
        fitted.apply_crossed(table.iloc[::-1])
    with pytest.raises(ValueError, match="use apply"):
        TargetMean(("city",)).load(fitted.state()).apply_crossed(table)


@pytest.mark.parametrize("wrong", [{"smooth": 0.0}, {"folds": 1}])
def test_target_means_refuse_settings_that_would_leak_or_divide_by_nothing(wrong):
    with pytest.raises(ValueError, match="smooth above 0 and at least 2 folds"):
        TargetMean(("city",), **wrong)
