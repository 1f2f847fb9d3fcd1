"""sep-2021: yes or no from 118 anonymous floats; how many of a row's cells are empty says most."""

from __future__ import annotations

import numpy as np
import pandas as pd

from competitions.tps_tabular.goals import ranking
from competitions.tps_tabular.month import ALIKE, Month
from competitions.tps_tabular.toys.plain import Plain, numbered
from folds.plan import FoldPlan
from pipelines.contract import Table
from pipelines.learners.table import TableLearner


def features(table: Table) -> Table:
    """The row's cells and how many of them are empty."""
    empty = table.isna().sum(axis=1).astype(np.int16)
    return pd.concat([table, empty.rename("empty")], axis=1)


competition = Month(
    name="sep-2021",
    goal=ranking("claim"),
    plan=FoldPlan(kind="stratified", stratify="claim"),
    why=f"{ALIKE} Every fold gets the same share of claims.",
    learner=TableLearner(features=features, rounds=5000, rate=0.03, leaves=31, min_rows=200, columns=0.3),
    toy=Plain(target="claim", floats=numbered("f", range(1, 119)), missing=0.016, rows=700, test_from=957_919),
).declare()
