"""apr-2022: the state of a subject from 60 steps of 13 sensors, one row per sequence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from competitions.tps_tabular.goals import ranking
from competitions.tps_tabular.month import Month
from competitions.tps_tabular.toys import series
from folds.plan import FoldPlan
from pipelines.contract import Table
from pipelines.faults import shorten
from pipelines.learners.table import TableLearner
from pipelines.reading import read_table

SENSOR = "sensor_"

month = Month(
    name="apr-2022",
    id="sequence",
    goal=ranking("state"),
    plan=FoldPlan(kind="group", group="subject"),
    why=(
        "A subject has many sequences and habits of its own, and the test's subjects are others than train's, so the "
        "sequences of a subject stay together."
    ),
    learner=TableLearner(rounds=3000, rate=0.03, leaves=31, columns=0.3, drop=("subject",)),
    needs=("subject", "step"),
    files=("train.csv", "train_labels.csv", "test.csv", "sample_submission.csv"),
    toy=series.sequences,
)


def load(root: Path) -> tuple[Table, Table]:
    """The train and test tables, a row per sequence; train's states lie in a file of their own."""
    train, test = (sequences(month.find(root, file)) for file in ("train.csv", "test.csv"))
    path = month.find(root, "train_labels.csv")
    labels = read_table(path, month.id, exact=month.goal.targets)
    rows = labels.index.get_indexer(train.index)
    if (rows < 0).any():
        raise ValueError(
            f"expected a state for each sequence of train.csv in {path}, got none for "
            f"{shorten(train.index[rows < 0])}; download it again"
        )
    without = labels.index.difference(train.index, sort=False)
    if len(without):
        raise ValueError(
            f"expected the steps of each sequence of {path} in {month.find(root, 'train.csv')}, got none for "
            f"{shorten(without)}; download it again"
        )
    return train.assign(state=labels["state"].to_numpy()[rows]), test


def sequences(path: Path) -> Table:
    """A file of steps as one row per sequence: its subject, and the shape of each sensor over its own steps."""
    steps = month.require(read_table(path, "row", numbered=True, text=(month.id,)), path)
    numbers, ids = pd.factorize(steps[month.id])
    order = np.lexsort((steps["step"].to_numpy(), numbers))
    steps, numbers = steps.iloc[order], numbers[order]
    values = steps[[name for name in steps.columns if name.startswith(SENSOR)]].astype(np.float32)
    sensors = values.groupby(numbers)
    shapes = {
        "mean": sensors.mean(),
        "std": sensors.std(),
        "min": sensors.min(),
        "max": sensors.max(),
        "jump": sensors.diff().abs().groupby(numbers).mean(),  # from one step to the next
    }
    subject = steps["subject"].groupby(numbers).first()
    made = [part.add_suffix(f"_{name}").astype(np.float32) for name, part in shapes.items()]
    return pd.concat([subject, *made], axis=1).set_index(pd.Index(ids, name=month.id))


competition = month.declare(load)
