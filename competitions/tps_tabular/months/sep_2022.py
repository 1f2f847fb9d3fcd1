"""sep-2022: daily sales of four products in two stores of six countries; the test is the year that follows."""

from __future__ import annotations

from functools import partial

from competitions.tps_tabular.goals import percent
from competitions.tps_tabular.month import Month
from competitions.tps_tabular.sales import SERIES, features, mark
from competitions.tps_tabular.toys.series import Sales
from folds.plan import FoldPlan
from pipelines.learners.seasonal import SeasonalLearner
from pipelines.learners.table import TableLearner

CYCLES = {  # years of a product's season
    "Kaggle Advanced Techniques": 1,
    "Kaggle Getting Started": 1,
    "Kaggle Recipe Book": 1,
    "Kaggle for Kids: One Smart Goose": 2,  # even and odd years differ
}

competition = Month(
    name="sep-2022",
    id="row_id",
    goal=percent("num_sold", SeasonalLearner(time="date", keys=SERIES, period="364D")),
    plan=FoldPlan(kind="time", n=2, time="date", horizon="365D"),
    why=(
        "The test is the year after train (Kaggle's public board its first quarter, the private one the rest), so each "
        "fold forecasts a whole year from the years before it. At least two come before: a product differs in even and "
        "odd years."
    ),
    learner=TableLearner(
        model="linear",
        min_rows=1,
        strength=0.01,
        weight="weight",
        features=partial(features, cycles=CYCLES),
    ),
    experiments={"boosted": TableLearner(rate=0.03, weight="weight", features=partial(features, cycles=CYCLES))},
    needs=("date", *SERIES),
    mark=partial(mark, until="2021-01-01"),
    toy=Sales(
        countries=("Belgium", "Poland"),
        stores=("KaggleMart", "KaggleRama"),
        products=("Kaggle Recipe Book", "Kaggle for Kids: One Smart Goose"),
        first="2017-01-01",
        cycle=2,
        test_from=70_128,
    ),
).declare()
