"""jan-2021: a number from 14 anonymous floats; hardly anything separates the teams."""

from __future__ import annotations

from competitions.tps_tabular.goals import squared
from competitions.tps_tabular.month import ALIKE, Month
from competitions.tps_tabular.toys.plain import Plain, numbered
from folds.plan import FoldPlan
from pipelines.learners.table import TableLearner

competition = Month(
    name="jan-2021",
    goal=squared("target"),
    plan=FoldPlan(kind="random"),
    why=ALIKE,
    learner=TableLearner(rounds=5000, rate=0.02, leaves=127, min_rows=100, columns=0.4),
    toy=Plain(target="target", floats=numbered("cont", range(1, 15)), kind="number"),
).declare()
