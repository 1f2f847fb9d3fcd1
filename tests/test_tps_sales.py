"""The sales months: holidays, seasons, weights and whole numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from competitions.tps_tabular.months import jan_2022, sep_2022
from competitions.tps_tabular.sales import days_since, holidays, mark

TEXT = pd.StringDtype("pyarrow")


def test_holidays_are_the_countrys_own_and_move_with_easter():
    assert pd.Timestamp("2018-04-02") in holidays("Poland", [2018])  # Easter Monday
    assert pd.Timestamp("2018-06-23") in holidays("Sweden", [2018])  # Midsummer
    assert pd.Timestamp("2018-05-17") in holidays("Norway", [2018])
    assert pd.Timestamp("2018-05-17") not in holidays("Sweden", [2018])
    assert len(holidays("Atlantis", [2018])) == 0


def test_days_after_a_holiday_are_counted_over_the_turn_of_the_year():
    date = pd.Series(pd.to_datetime(["2018-01-02", "2018-05-20", "2018-05-20"]))
    since = days_since(date, pd.Series(["Spain", "Norway", "Spain"]))
    assert since.columns[since.iloc[0] == 1].tolist() == ["holiday_1", "holiday_8"]  # New Year, Christmas
    assert since["holiday_3"].tolist() == [0, 1, 0]  # May 17


def test_sales_seasons_belong_to_one_product_and_have_its_cycle():
    date = ["2019-03-01", "2020-02-29", "2021-03-01"]  # a year apart each, by 365.25 days
    goods = "Kaggle for Kids: One Smart Goose"
    table = pd.DataFrame({"date": date, "country": "Italy", "store": "KaggleMart", "product": goods}, dtype=TEXT)
    made = sep_2022.competition.learner.features(mark(table, "2021-01-01"))
    assert not made.filter(like="Kaggle Recipe Book ").any(axis=None)
    swing = made[f"{goods} sin1"]
    assert swing[0] == pytest.approx(-swing[1], abs=0.02)
    assert swing[0] == pytest.approx(swing[2], abs=0.02)
    assert made["series"].tolist() == ["Italy KaggleMart " + goods] * 3
    assert made["turn"].tolist() == [""] * 3
    assert "date" not in made


def test_sales_weights_grow_by_the_year():
    table = pd.DataFrame({"date": ["2017-01-01", "2018-01-01", "2019-01-01"]}, dtype=TEXT)
    weight = mark(table, "2019-01-01", growth=4.0)["weight"]
    assert weight.tolist() == pytest.approx([1 / 16, 1 / 4, 1], rel=2e-3)


def test_sales_are_submitted_whole_where_that_scores_better():
    goal = jan_2022.competition
    values = np.array([[99.6], [100.4]])
    assert goal.encode(values, np.array([1.0]))["num_sold"].tolist() == [100, 100]
    assert goal.encode(values, np.array([0.0]))["num_sold"].tolist() == [99.6, 100.4]
