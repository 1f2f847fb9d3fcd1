"""may-2021: one of 4 classes from 50 anonymous counts, mostly noise."""

from __future__ import annotations

from competitions.tps_tabular.goals import probabilities
from competitions.tps_tabular.month import ALIKE, Month
from competitions.tps_tabular.toys.plain import Plain, numbered
from folds.plan import FoldPlan
from pipelines.learners.table import TableLearner

CLASSES = numbered("Class_", range(1, 5))

competition = Month(
    name="may-2021",
    goal=probabilities("target", CLASSES),
    plan=FoldPlan(kind="stratified", stratify="target"),
    why=f"{ALIKE} Every fold gets each class's share.",
    learner=TableLearner(rounds=2000, rate=0.02, leaves=15, min_rows=100, columns=0.3, subsample=0.8),
    toy=Plain(
        target="target",
        counts=numbered("feature_", range(50)),
        kind="classes",
        classes=4,
        sample=dict.fromkeys(CLASSES, 0.25),
        test_from=100_000,
    ),
).declare()
