"""nov-2021: yes or no from 100 anonymous floats; its labels are noisy by construction."""

from __future__ import annotations

from competitions.tps_tabular.goals import ranking
from competitions.tps_tabular.month import ALIKE, Month
from competitions.tps_tabular.toys.plain import Plain, numbered
from folds.plan import FoldPlan
from pipelines.learners.table import TableLearner

competition = Month(
    name="nov-2021",
    goal=ranking("target"),
    plan=FoldPlan(kind="stratified", stratify="target"),
    why=f"{ALIKE} Every fold gets the same share of ones.",
    learner=TableLearner(rounds=5000, rate=0.02, leaves=15, min_rows=500, columns=0.2, subsample=0.8, l2=10),
    toy=Plain(target="target", floats=numbered("f", range(100)), test_from=600_000),
).declare()
