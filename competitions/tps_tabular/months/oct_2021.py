"""oct-2021: yes or no from 285 anonymous columns, a million rows."""

from __future__ import annotations

from competitions.tps_tabular.goals import ranking
from competitions.tps_tabular.month import ALIKE, Month
from competitions.tps_tabular.toys.plain import Plain, numbered
from folds.plan import FoldPlan
from pipelines.learners.table import TableLearner

competition = Month(
    name="oct-2021",
    goal=ranking("target"),
    plan=FoldPlan(kind="stratified", stratify="target"),
    why=f"{ALIKE} Every fold gets the same share of ones.",
    learner=TableLearner(rounds=5000, rate=0.03, leaves=31, min_rows=500, columns=0.2, subsample=0.8),
    toy=Plain(target="target", floats=numbered("f", range(285)), rows=500, test_from=1_000_000),
).declare()
