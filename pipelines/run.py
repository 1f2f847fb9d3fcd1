"""One run as every stage sees it: whose it is, what it reads, where it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from folds.store import Folds
from pipelines.contract import Competition, Learner, Table, Targets
from pipelines.identity import Identity
from pipelines.loading import Tables
from pipelines.options import Options
from pipelines.report import Report
from pipelines.runfolder import FoldFolder, RunFolder, read_json


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

    def sides(self, fold: int) -> tuple[Table, Table]:
        """The training rows of a fold, outside rows included, and its validation rows."""
        train, valid = self.folds.split(fold, self.rows.index)
        return self.joined(self.rows.iloc[train]), self.rows.iloc[valid]

    @property
    def rows(self) -> Table:
        """The training rows that the folds cover: all of them, or those that --limit keeps."""
        train = self.tables.train
        if len(self.folds.ids) == len(train):
            return train
        return train.iloc[np.sort(train.index.get_indexer(self.folds.ids))]

    def joined(self, train: Table) -> Table:
        """Training rows and the outside rows that join them."""
        if self.tables.extra is None:
            return train
        import pandas as pd

        return pd.concat([train, self.tables.extra])

    def fits(self, fold: int | str) -> list[FoldFolder]:
        """The fits of one fold, a seed each."""
        return [self.folder.fit(fold, seed, self.report) for seed in range(self.options.seeds)]

    def finished(self) -> list[int]:
        """The folds whose out-of-fold predictions are on disk."""
        return [fold for fold in range(len(self.folds)) if self.folder.fold_oof(fold).exists()]

    @property
    def sources(self) -> tuple[str, ...]:
        """The parts of the run whose models predict: finished folds, the fit on all rows, or both."""
        folds = [f"fold{fold}" for fold in self.finished()] if self.options.full != "instead" else []
        full = ["full"] if self.options.full != "no" and len(self.done("full")) == self.options.seeds else []
        return (*folds, *full)

    def done(self, fold: int | str) -> list[dict[str, Any]]:
        """What the finished fits of a fold left: found settings and seconds."""
        return [read_json(out.done) for out in self.fits(fold) if out.whole]


def with_seed(learner: Learner, seed: int) -> Learner:
    """The same learner, drawing from another seed."""
    return replace(learner, seed=seed)  # type: ignore[type-var]  # a learner is a dataclass by contract
