"""aug-2021: a whole number of loss from 100 anonymous floats."""

from __future__ import annotations

from competitions.tps_tabular.goals import squared
from competitions.tps_tabular.month import ALIKE, Month
from competitions.tps_tabular.toys.plain import Plain, numbered
from folds.plan import FoldPlan
from pipelines.learners.table import TableLearner

competition = Month(
    name="aug-2021",
    goal=squared("loss"),
    plan=FoldPlan(kind="random"),
    why=ALIKE,
    learner=TableLearner(rounds=5000, rate=0.02, leaves=31, min_rows=100, columns=0.3, subsample=0.8),
    toy=Plain(
        target="loss",
        floats=numbered("f", range(100)),
        kind="whole",
        test_from=250_000,
    ),
).declare()
