"""From what sets one month apart to a competition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from competitions.tps_tabular.goals import Goal
from folds.plan import FoldPlan
from pipelines.contract import Competition, Table
from pipelines.faults import shorten
from pipelines.learners.table import TableLearner, identity
from pipelines.reading import find_file, read_table

FAMILY = "tps_tabular"
ALIKE = "Rows are independent draws and the test is drawn like train, so any row may validate."


@dataclass(frozen=True, kw_only=True)
class Month:
    """One Tabular Playground Series month: its files, its goal, its folds and the learner that does best on them."""

    name: str  # may-2022
    goal: Goal
    plan: FoldPlan
    why: str  # these folds
    toy: Callable[[Path], None]
    id: str = "id"
    learner: TableLearner = field(default_factory=TableLearner)
    needs: tuple[str, ...] = ()  # columns that plan, features or learner name
    text: tuple[str, ...] = ()  # columns that are text even where all cells look like numbers
    mark: Callable[[Table], Table] = identity  # adds, row by row, what the plan or the baseline names
    experiments: Mapping[str, TableLearner] = field(default_factory=dict)
    files: tuple[str, ...] = ("train.csv", "test.csv", "sample_submission.csv")
    places: Mapping[str, float] = field(default_factory=dict)  # lines of the private leaderboard

    @property
    def slug(self) -> str:
        """Kaggle's name of the month."""
        return f"tabular-playground-series-{self.name}"

    def load(self, root: Path) -> tuple[Table, Table]:
        """The train and test tables, indexed by id."""
        with ThreadPoolExecutor(2) as pool:  # parsing releases the interpreter's lock
            train = pool.submit(self.read, root, "train.csv", self.goal.targets)
            test = pool.submit(self.read, root, "test.csv")
            return train.result(), test.result()

    def read(self, root: Path, file: str, targets: tuple[str, ...] = ()) -> Table:
        """One file's rows, a row each."""
        path = self.find(root, file)
        table = read_table(path, self.id, exact=targets, text=self.text)
        try:
            return self.mark(self.require(table, path))
        except CellError as error:
            raise ValueError(f"{path}, {error}") from error

    def find(self, root: Path, file: str) -> Path:
        """One of the month's files."""
        return find_file(root, file, slug=self.slug, files=self.files)

    def require(self, table: Table, path: Path) -> Table:
        """The table, which has the columns that the month needs."""
        absent = [name for name in self.needs if name not in table.columns]
        if absent:
            raise ValueError(
                f"expected columns {shorten(absent)} in {path}, got {shorten(table.columns)}; "
                f"is this the file of {self.slug}?"
            )
        return table

    def declare(self, load: Callable[[Path], tuple[Table, Table]] | None = None) -> Competition:
        """The month as a competition; a load of its own for files of another shape."""
        goal, learner = self.goal, replace(self.learner, task=self.goal.task)
        experiments = {name: replace(each, task=goal.task) for name, each in self.experiments.items()}
        return Competition(
            name=f"{FAMILY}/{self.name}",
            slug=self.slug,
            id=self.id,
            targets=goal.targets,
            load=load or self.load,
            truth=goal.task.truth,
            plan=self.plan,
            metric=goal.metric,
            learner=learner,
            encode=goal.encode,
            toy=self.toy,
            baseline=goal.baseline,
            rules=goal.rules,
            experiments={**experiments, "toy": small(learner)},
            files=self.files,
            why=self.why,
            places=self.places,
        )


class CellError(ValueError):
    """Cells that are not written as they should be; who reads the file adds its name."""


def times(cells: pd.Series, form: str) -> pd.Series:
    """Texts as the times that they are in this form."""
    found = pd.to_datetime(cells, format=form, errors="coerce")
    odd = cells[found.isna()]
    if len(odd):
        shown = shorten([f"{cell} ({id})" for id, cell in odd.head(3).items()])
        raise CellError(
            f"column {cells.name!r}: expected times written like {pd.Timestamp(2015, 12, 31, 18).strftime(form)}, got "
            f"{len(odd)} others, first {shown}: did a spreadsheet save it? Download it again"
        )
    return found


def small(learner: TableLearner) -> TableLearner:
    """The learner at the size of a toy: fewer, larger steps, and penalties meant for many rows cut down."""
    rows, strength = min(learner.min_rows, 20), min(learner.strength, 500.0)
    return replace(learner, rounds=100, patience=20, rate=0.1, threads=1, min_rows=rows, strength=strength)
