"""feb-2022: ten bacteria by the ten-base histogram of their genome; a third of the rows are copies of another."""

from __future__ import annotations

import numpy as np
import pandas as pd

from competitions.tps_tabular.goals import class_name
from competitions.tps_tabular.month import Month
from competitions.tps_tabular.toys.rows import BACTERIA, bacteria
from folds.plan import FoldPlan
from pipelines.contract import Table
from pipelines.learners.table import TableLearner


def mark(table: Table) -> Table:
    """The row with a number that rows of the same histogram share."""
    histogram = table.drop(columns="target", errors="ignore").astype(np.float32)  # one type, whatever the other rows
    copy = pd.util.hash_pandas_object(histogram, index=False).rename("copy")
    return pd.concat([table, copy], axis=1)


competition = Month(
    name="feb-2022",
    id="row_id",
    goal=class_name("target", BACTERIA),
    plan=FoldPlan(kind="stratified-group", group="copy", stratify="target"),
    why=(
        "More than a third of the training rows are exact copies of another; a copy on the other side of a fold is an "
        "answer given away, so rows of the same histogram stay together. Within that, each class is spread evenly."
    ),
    learner=TableLearner(rounds=2000, rate=0.05, leaves=31, columns=0.3, drop=("copy",)),
    mark=mark,
    toy=bacteria,
).declare()
