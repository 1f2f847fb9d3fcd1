"""dec-2021: forest cover of seven classes, two of them all but absent, four million rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from competitions.tps_tabular.goals import class_number
from competitions.tps_tabular.month import Month
from competitions.tps_tabular.toys.rows import forest
from folds.plan import FoldPlan
from pipelines.contract import Table
from pipelines.learners.table import TableLearner

HILLSHADES = ("Hillshade_9am", "Hillshade_Noon", "Hillshade_3pm")
AWAY, DOWN = "Horizontal_Distance_To_Hydrology", "Vertical_Distance_To_Hydrology"


def features(table: Table) -> Table:
    """The row with angles and shades back in their range, and its distance to water along both axes and straight."""
    away, down = table[AWAY].to_numpy(np.float32), table[DOWN].to_numpy(np.float32)
    repaired = {name: table[name].clip(0, 255).astype(np.uint8) for name in HILLSHADES}  # of the eight-bit scale
    repaired["Aspect"] = table["Aspect"].astype(np.int16) % 360  # -33 and 327 degrees are one direction
    made = {"Manhattan_To_Hydrology": np.abs(away) + np.abs(down), "Euclid_To_Hydrology": np.hypot(away, down)}
    return pd.concat([table.assign(**repaired), pd.DataFrame(made, index=table.index)], axis=1)


competition = Month(
    name="dec-2021",
    id="Id",
    goal=class_number("Cover_Type", tuple(range(1, 8))),
    plan=FoldPlan(kind="stratified", stratify="Cover_Type"),
    why=(
        "Rows are independent draws; every fold gets each class's share. Class 5 has a single row: a class with fewer "
        "rows than folds cannot be in each, so it is spread with its like and counts where it falls."
    ),
    learner=TableLearner(features=features, rounds=2000, rate=0.1, leaves=127, min_rows=50, patience=50),
    needs=("Aspect", *HILLSHADES, AWAY, DOWN),
    toy=forest,
    places={"1st": 0.95672, "gold": 0.95660, "silver": 0.95658, "bronze": 0.95658, "median": 0.95342},
).declare()
