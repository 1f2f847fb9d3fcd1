"""What tests of learners share: a fold's folder, toy tables with a signal, and the score of a fit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.contract import Learner, Model, Table, Targets, Values, average
from pipelines.learners.tasks import Binary, Multiclass, Regression, Task
from pipelines.metrics import METRICS


@dataclass
class FolderOut:
    """A fold's folder that writes what is logged to metrics.jsonl and counts the steps shown."""

    folder: Path
    shown: dict[str, int] = field(default_factory=dict)

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "metrics.jsonl").open("a") as lines:
            lines.write(json.dumps({"step": step, **numbers}) + "\n")

    def say(self, text: str) -> None:
        self.shown[text] = 0

    def steps(self, items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
        self.shown[what] = 0
        for item in items:
            self.shown[what] += 1
            yield item

    def logged(self) -> list[dict[str, float]]:
        return [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]

    def files(self) -> dict[str, bytes]:
        """The model's files; the curve is no part of it."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.name != "metrics.jsonl"}


@dataclass(frozen=True)
class Toy:
    """A table to learn from, and how to judge."""

    task: Task
    names: tuple[str, ...]
    metric: str
    table: Table

    @property
    def targets(self) -> Targets:
        return Targets(self.names, self.task.truth, METRICS[self.metric])

    @property
    def sides(self) -> tuple[Table, Table]:
        cut = len(self.table) * 3 // 4
        return self.table.iloc[:cut], self.table.iloc[cut:]


def draw_columns(rows: int = 800, seed: int = 0) -> Table:
    """Numbers with gaps and a column of text, indexed by id."""
    draws = np.random.default_rng(seed)
    ids = pd.Index([f"row{number:04}" for number in range(rows)], name="id")
    table = pd.DataFrame({f"number_{letter}": draws.normal(size=rows) for letter in "abc"}, index=ids)
    table["whole"] = draws.integers(0, 5, rows)
    table["city"] = draws.choice(["Bern", "Kyiv", "Lima", "Oslo"], rows)
    table.iloc[::17, 2] = np.nan
    table.iloc[::23, 4] = None
    return table


def signal(table: Table) -> np.ndarray:
    return 2 * table["number_a"].to_numpy() + table["whole"].to_numpy() + 3.0 * (table["city"] == "Oslo").to_numpy()


def binary_toy() -> Toy:
    table = draw_columns()
    return Toy(Binary(), ("target",), "auc", table.assign(target=(signal(table) > 2.5).astype(int)))


def multiclass_toy() -> Toy:
    table = draw_columns()
    classes = np.array(["low", "middle", "high"])[np.digitize(signal(table), [1.5, 4.0])]
    return Toy(Multiclass(("low", "middle", "high")), ("target",), "log_loss", table.assign(target=classes))


def regression_toy() -> Toy:
    table = draw_columns()
    return Toy(Regression(), ("target",), "rmse", table.assign(target=signal(table)))


def several_toy() -> Toy:
    table = draw_columns()
    gas = {"gas_one": np.exp(signal(table) / 4), "gas_two": np.exp(-table["number_b"]) * 3, "gas_three": table["whole"]}
    return Toy(Regression(link="log1p"), tuple(gas), "rmsle", table.assign(**gas))


TOYS = {"binary": binary_toy, "multiclass": multiclass_toy, "regression": regression_toy, "several": several_toy}


def predict(learner: Learner, model: Model, table: Table) -> Values:
    """The values of a table's rows, in its order."""
    parts = list(average([model], learner.inputs(table)))
    assert [id for ids, _ in parts for id in ids] == list(table.index)
    return np.concatenate([values for _, values in parts])
