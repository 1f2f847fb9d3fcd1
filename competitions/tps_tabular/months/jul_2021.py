"""jul-2021: three pollutants from five drifting sensors, hour by hour; the test is the three months that follow."""

from __future__ import annotations

import numpy as np

from competitions.tps_tabular.goals import squared_logs
from competitions.tps_tabular.month import Month, times
from competitions.tps_tabular.toys.series import air
from folds.plan import FoldPlan
from pipelines.contract import Table
from pipelines.learners.table import TableLearner


def mark(table: Table) -> Table:
    """The row with its id as a time."""
    return table.assign(time=times(table.index.to_series(), "%Y-%m-%d %H:%M:%S"))


def features(table: Table) -> Table:
    """The row with its hour, as a number and as a place on the clock, and its weekday.

    No month: training knows each month once, so a month names the row's neighbours and says nothing of another year.
    """
    hour, weekday = table["time"].dt.hour, table["time"].dt.day_of_week
    angle = 2 * np.pi * hour / 24
    return table.drop(columns="time").assign(
        hour=hour.astype(np.int8),
        hour_sin=np.sin(angle).astype(np.float32),
        hour_cos=np.cos(angle).astype(np.float32),
        weekday=weekday.astype(np.int8),
    )


competition = Month(
    name="jul-2021",
    id="date_time",
    goal=squared_logs("target_carbon_monoxide", "target_benzene", "target_nitrogen_oxides"),
    plan=FoldPlan(kind="time", n=4, time="time", gap="1D"),
    why=(
        "The test is the three months after train, and the sensors drift: each fold learns from the past and forecasts "
        "the two months that follow. Shuffled folds know the hours before and after each row; a month column shines "
        "there and fails on the test. Even blocks that leave the future in training flatter."
    ),
    learner=TableLearner(features=features, rounds=2000, rate=0.03, leaves=15, columns=0.7, subsample=0.8),
    mark=mark,
    toy=air,
).declare()
