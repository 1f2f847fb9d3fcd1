"""aug-2022: which part fails, for products that training has never seen."""

from __future__ import annotations

import numpy as np

from competitions.tps_tabular.goals import ranking
from competitions.tps_tabular.month import Month
from competitions.tps_tabular.toys.rows import parts
from features.imputer import LinearImputer
from folds.plan import FoldPlan
from pipelines.contract import Table
from pipelines.learners.table import TableLearner

MEASURED = tuple(f"measurement_{number}" for number in range(3, 17))
SOURCES = MEASURED[:7]  # measurement_17 follows 3 to 9, with slopes that differ from product to product
FEW = ("product_code", "loading", "attribute_0", "measurement_0", "measurement_1", "measurement_2", "measurement_17")


def features(table: Table) -> Table:
    """Few columns, as each more costs score on unseen products: loading, gaps, area, and a mean of the measurements."""
    return table[[*FEW, *SOURCES]].assign(
        loading=np.log(table["loading"]).astype(np.float32),  # it is log-normal
        empty_3=table["measurement_3"].isna().astype(np.int8),
        empty_5=table["measurement_5"].isna().astype(np.int8),
        area=table["attribute_2"].astype(np.int16) * table["attribute_3"].astype(np.int16),
        mean_3_to_16=table[list(MEASURED)].mean(axis=1).astype(np.float32),
    )


competition = Month(
    name="aug-2022",
    goal=ranking("failure"),
    plan=FoldPlan(kind="leave-groups-out", group="product_code", leave=2),
    why=(
        "The test holds products that train has none of, so a fold validates on products it has not learned from: each "
        "pair of the five once. Shuffled folds reward models that know their products, and those fail on the test."
    ),
    learner=TableLearner(
        model="linear",
        strength=10_000,
        features=features,
        encoders=(LinearImputer("measurement_17", SOURCES, by="product_code"),),
        drop=("product_code", *SOURCES),
    ),
    experiments={"boosted": TableLearner(features=features, rate=0.02, leaves=7, drop=("product_code",))},
    needs=(*FEW, "attribute_2", "attribute_3", *MEASURED),
    toy=parts,
).declare()
