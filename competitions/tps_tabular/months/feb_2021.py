"""feb-2021: a number from 10 categories and 14 floats, all anonymous."""

from __future__ import annotations

from competitions.tps_tabular.goals import squared
from competitions.tps_tabular.month import ALIKE, Month
from competitions.tps_tabular.toys.plain import Plain, numbered
from folds.plan import FoldPlan
from pipelines.learners.table import TableLearner

competition = Month(
    name="feb-2021",
    goal=squared("target"),
    plan=FoldPlan(kind="random"),
    why=ALIKE,
    learner=TableLearner(rounds=5000, rate=0.02, leaves=63, min_rows=100, columns=0.3),
    toy=Plain(
        target="target",
        letters={f"cat{number}": "ABCDEFG"[: 2 + number // 2] for number in range(10)},
        floats=numbered("cont", range(14)),
        kind="number",
    ),
).declare()
