"""mar-2021: yes or no from 19 categories, some of many levels, and 11 floats, all anonymous."""

from __future__ import annotations

from competitions.tps_tabular.goals import ranking
from competitions.tps_tabular.month import ALIKE, Month
from competitions.tps_tabular.toys.plain import Plain, numbered
from folds.plan import FoldPlan
from pipelines.learners.table import TableLearner

competition = Month(
    name="mar-2021",
    goal=ranking("target"),
    plan=FoldPlan(kind="stratified", stratify="target"),
    why=f"{ALIKE} Every fold gets the same share of ones.",
    learner=TableLearner(rounds=5000, rate=0.03, leaves=31, min_rows=100, columns=0.3, l2=10),
    toy=Plain(
        target="target",
        letters={f"cat{number}": "ABCDEFGHIJKLMNOPQRSTU"[: 2 + number] for number in range(19)},
        floats=numbered("cont", range(11)),
    ),
).declare()
