"""jan-2022: daily sales of three products in two stores of three countries; the test is the year that follows."""

from __future__ import annotations

from functools import partial

from competitions.tps_tabular.goals import percent
from competitions.tps_tabular.month import Month
from competitions.tps_tabular.sales import SERIES, features, mark
from competitions.tps_tabular.toys.series import Sales
from folds.plan import FoldPlan
from pipelines.learners.seasonal import SeasonalLearner
from pipelines.learners.table import TableLearner

CYCLES = {"Kaggle Mug": 1, "Kaggle Hat": 1, "Kaggle Sticker": 1}  # years of a product's season

competition = Month(
    name="jan-2022",
    id="row_id",
    goal=percent("num_sold", SeasonalLearner(time="date", keys=SERIES, period="364D")),
    plan=FoldPlan(kind="time", n=3, time="date", horizon="365D"),
    why=(
        "The test is the year after train (Kaggle's public board its first quarter, the private one the rest), so each "
        "fold forecasts a whole year from the years before it. Shuffled folds know the days around each row."
    ),
    learner=TableLearner(
        model="linear", min_rows=1, strength=0.01, weight="weight", features=partial(features, cycles=CYCLES)
    ),
    experiments={"boosted": TableLearner(rate=0.03, weight="weight", features=partial(features, cycles=CYCLES))},
    needs=("date", *SERIES),
    mark=partial(mark, until="2019-01-01"),
    toy=Sales(
        countries=("Finland", "Norway"),
        stores=("KaggleMart", "KaggleRama"),
        products=("Kaggle Mug", "Kaggle Hat"),
        first="2015-01-01",
        test_from=26_298,
    ),
).declare()
