"""apr-2021: who survives on a synthetic Titanic of 100,000 passengers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from competitions.tps_tabular.goals import yes_or_no
from competitions.tps_tabular.month import Month
from competitions.tps_tabular.toys.rows import passengers
from folds.plan import FoldPlan
from pipelines.contract import Table
from pipelines.learners.table import TableLearner

TEXTS = ("Name", "Ticket", "Cabin")


def features(table: Table) -> Table:
    """The row with what its texts hold (title, deck, kind and number of the ticket), its family and its fare."""
    family = 1 + table["SibSp"].astype(np.int16) + table["Parch"].astype(np.int16)
    ticket = table["Ticket"].str.extract(r"^(?P<kind>.*?)(?P<number>\d*)$")
    made = {
        "title": table["Name"].str.extract(r",\s*(\w+)\.", expand=False),  # the original's; the copies have few
        "deck": table["Cabin"].str[:1],
        "ticket_kind": ticket["kind"].str.replace(r"[./\s]", "", regex=True).str.upper(),
        "ticket_number": pd.to_numeric(ticket["number"]).astype(np.float64),
        "family": family,
        "fare_each": (table["Fare"] / family).astype(np.float32),
    }
    return table.drop(columns=list(TEXTS)).assign(**made)


competition = Month(
    name="apr-2021",
    id="PassengerId",
    goal=yes_or_no("Survived"),
    plan=FoldPlan(kind="stratified", stratify="Survived"),
    why=(
        "Rows are independent draws; every fold gets the same share of survivors. The test's passengers differ from "
        "train's, which no split of train can show: expect the board below the folds."
    ),
    learner=TableLearner(features=features, rounds=2000, rate=0.03, leaves=31, min_rows=50, columns=0.5),
    needs=(*TEXTS, "SibSp", "Parch", "Fare"),
    text=TEXTS,
    toy=passengers,
).declare()
