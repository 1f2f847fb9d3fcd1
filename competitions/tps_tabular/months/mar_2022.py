"""mar-2022: congestion of 65 roads every 20 minutes; the test is the half-day that follows."""

from __future__ import annotations

import numpy as np

from competitions.tps_tabular.goals import absolute
from competitions.tps_tabular.month import Month, times
from competitions.tps_tabular.toys.series import traffic
from folds.plan import FoldPlan
from pipelines.contract import Table
from pipelines.learners.seasonal import SeasonalLearner
from pipelines.learners.table import TableLearner

ROAD = ("x", "y", "direction")


def mark(table: Table) -> Table:
    """The row with its time as a time."""
    return table.assign(time=times(table["time"], "%Y-%m-%d %H:%M:%S"))


def features(table: Table) -> Table:
    """The row with its road as one category, the time of day and of the week, and whether people work."""
    time, kind = table["time"], table["direction"].dtype
    road = table["x"].astype(kind) + " " + table["y"].astype(kind) + " " + table["direction"]
    return table.drop(columns="time").assign(
        road=road,
        minute=(time.dt.hour * 60 + time.dt.minute).astype(np.int16),
        weekday=time.dt.day_of_week.astype(np.int8),
        working=(time.dt.day_of_week < 5).astype(np.int8),
    )


competition = Month(
    name="mar-2022",
    id="row_id",
    goal=absolute("congestion", SeasonalLearner(time="time", keys=ROAD, period="7D")),
    plan=FoldPlan(kind="time", n=7, time="time", horizon="1D"),
    why=(
        "The test is the half-day after the last training row: each of the last seven days is forecast from all days "
        "before it, so that every weekday counts once."
    ),
    learner=TableLearner(
        features=features,
        leaves=63,
        min_rows=50,
        param=("objective=mae",),  # what the metric is; the mean of a skewed hour is not its median
    ),
    needs=("time", *ROAD),
    mark=mark,
    toy=traffic,
).declare()
