"""One run as every stage sees it: whose it is, what it reads, where it writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from folds.store import Folds
from pipelines.budget import Clock
from pipelines.contract import Competition, Learner, Model, Table, Targets
from pipelines.identity import Identity
from pipelines.loading import Tables
from pipelines.options import Options
from pipelines.report import Report
from pipelines.runfolder import FoldFolder, RunFolder, read_json

KEPT = {"cache_dir": "images", "feature_dir": "features"}  # settings that name a folder, and what it is called


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything the stages of one run share; nothing in it changes while it goes on."""

    competition: Competition
    options: Options
    tables: Tables
    folds: Folds
    folder: RunFolder
    identity: Identity
    report: Report
    clock: Clock = field(default_factory=Clock)

    @property
    def targets(self) -> Targets:
        """What learners may know of the targets."""
        return Targets(self.competition.targets, self.competition.truth, self.competition.metric)

    @property
    def chosen(self) -> Sequence[int]:
        """The folds this command works on."""
        return self.options.folds or range(len(self.folds))

    @property
    def marks(self) -> dict[str, str]:
        """What travels with every prediction of this run."""
        return {"run": self.identity.fingerprint, "folds": self.folds.fingerprint}

    def learner(self, seed: int) -> Learner:
        """The learner of the seed with that number."""
        first = self.competition.learner
        return with_seed(first, first.seed + seed)

    def sides(self, fold: int, columns: Sequence[str] = ()) -> tuple[Table, Table]:
        """The training rows of a fold, outside rows included, and its validation rows; all columns, or these alone."""
        rows = self.rows[list(columns)] if columns else self.rows
        train, valid = self.folds.split(fold, rows.index)
        return self.joined(rows.iloc[train]), rows.iloc[valid]

    @property
    def rows(self) -> Table:
        """The training rows that the folds cover: all of them, or those that --limit keeps."""
        train = self.tables.train
        if len(self.folds.ids) == len(train):
            return train
        return train.iloc[np.sort(train.index.get_indexer(self.folds.ids))]

    @property
    def limit(self) -> int:
        """Rows that --limit keeps; 0: all."""
        return len(self.folds.ids) if self.options.limit else 0

    def joined(self, train: Table) -> Table:
        """Training rows and the outside rows that join them."""
        if self.tables.extra is None:
            return train
        import pandas as pd

        return pd.concat([train, self.tables.extra[list(train.columns)]])

    def fits(self, fold: int | str) -> list[FoldFolder]:
        """The fits of one fold, a seed each."""
        fits = [self.folder.fit(fold, seed, self.report) for seed in range(self.options.seeds)]
        return [replace(out, clock=self.clock) for out in fits]

    def finished(self) -> list[int]:
        """The folds whose out-of-fold predictions are on disk."""
        return [fold for fold in range(len(self.folds)) if self.folder.fold_oof(fold).exists()]

    @property
    def complete(self) -> bool:
        """Whether all that this command asked for is fitted."""
        full = self.options.full == "no" or len(self.done("full")) == self.options.seeds
        return full and set(self.chosen) <= set(self.finished())

    @property
    def sources(self) -> tuple[str, ...]:
        """The parts of the run whose models predict: finished folds, the fit on all rows, or both."""
        full = ["full"] if self.options.full != "no" and len(self.done("full")) == self.options.seeds else []
        if full and self.options.full == "instead":
            return ("full",)
        return (*(f"fold{fold}" for fold in self.finished()), *full) or self.stand_in

    @property
    def stand_in(self) -> tuple[str, ...]:
        """What predicts while no fold is finished: a checkpoint, else the baseline."""
        begun = [fold for fold in self.chosen if begun_models(self.competition.learner, self.fits(fold))]
        if begun:
            return (f"checkpoint{begun[0]}",)
        judged = [fold for fold in self.chosen if self.folder.fold_oof(fold, "baseline").exists()]
        return tuple(f"baseline{fold}" for fold in judged[:1])

    def done(self, fold: int | str) -> list[dict[str, Any]]:
        """What the finished fits of a fold left: found settings and seconds."""
        return [read_json(out.done) for out in self.fits(fold) if out.whole]


def begun_models(learner: Learner, fits: Sequence[FoldFolder]) -> list[Callable[[], Model]]:
    """Ways to load what the fits of an unfinished fold have: whole models, and the best of those being made."""
    whole = [partial(learner.load, out) for out in fits if out.whole]
    if not hasattr(learner, "provisional"):
        return [*whole]
    return [*whole, *(partial(learner.provisional, out) for out in fits if not out.whole and out.begun)]


def settled(competition: Competition, runs: Path) -> Competition:
    """The competition with a learner that keeps images and features under the folder of all runs, unless told where."""
    learner = competition.learner
    unsaid = {name: runs / "cache" / place for name, place in KEPT.items() if getattr(learner, name, runs) is None}
    if not unsaid:
        return competition
    return competition.with_learner(replace(learner, **unsaid))  # type: ignore[type-var]  # a learner is a dataclass


def with_seed(learner: Learner, seed: int) -> Learner:
    """The same learner, drawing from another seed."""
    return replace(learner, seed=seed)  # type: ignore[type-var]  # a learner is a dataclass by contract
