"""LightGBM on scaled features, one engine per label, as tables have it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.contract import Values
from pipelines.learners.design import Columns
from pipelines.learners.engines import lightgbm
from pipelines.learners.engines.engine import Rows, Settings, Watch
from pipelines.learners.frozen.problem import Problem
from pipelines.learners.frozen.settings import FrozenSettings
from pipelines.learners.heads import Head, fit_head, problem_of
from pipelines.learners.tasks import Task

SEEN = "trees.json"
BINS = 255  # of a feature, where --param says nothing else
SHARE = 0.2  # of the features that each tree draws: neighbours among thousands say the same


@dataclass(frozen=True)
class Trees:
    """Boosted trees of each label."""

    heads: Sequence[Head]
    task: Task

    def predict(self, rows: np.ndarray) -> Values:
        """Scaled features (rows, width) -> values shaped as truth."""
        return self.task.values([head.predict(rows) for head in self.heads])


def fit(problem: Problem) -> None:
    """Boost for all rounds; nothing stops early, so no validation row is looked at."""
    learner = problem.learner
    columns = columns_of(problem.rows.width)
    whole = problem.rows.whole(learner.memory, "lightgbm", 3, histograms(learner, columns, len(problem.rows)))
    labels = learner.task.labels(problem.truth)
    seen = []
    for number, label in enumerate(labels.T):
        watch = Watch(problem.out, learner.rounds, "lightgbm", str(number) if labels.shape[1] > 1 else "")
        head = fit_head(Rows(whole, label), None, learner.task, columns, settings_of(learner), watch)
        head.fitted.save(problem.folder / f"label{number}{lightgbm.SUFFIX}")
        seen.append([int(each) for each in head.seen])
    (problem.folder / SEEN).write_text(json.dumps(seen) + "\n", encoding="utf-8")


def histograms(learner: FrozenSettings, columns: Columns, rows: int) -> int:
    """The bytes of what LightGBM keeps of each leaf: two sums for every bin of every feature."""
    chosen = lightgbm.params(problem_of(learner.task, range(len(learner.task.classes)), columns), settings_of(learner))
    bins = min(int(chosen.get("max_bin", BINS)), rows) + 1
    return int(chosen["num_leaves"]) * len(columns.names) * bins * 16


def load(folder: Path, learner: FrozenSettings, width: int) -> Trees:
    """What fit stored."""
    heads = []
    for number, seen in enumerate(json.loads((folder / SEEN).read_text(encoding="utf-8"))):
        problem = problem_of(learner.task, seen, columns_of(width))
        fitted = lightgbm.load(folder / f"label{number}{lightgbm.SUFFIX}", problem, learner.threads)
        heads.append(Head(fitted, tuple(seen), len(learner.task.classes)))
    return Trees(heads, learner.task)


def settings_of(learner: FrozenSettings) -> Settings:
    """The engine's settings."""
    return Settings(
        rounds=learner.rounds,
        patience=0,
        columns=SHARE,
        param=learner.param,
        threads=learner.threads,
        seed=learner.seed,
    )


def columns_of(width: int) -> Columns:
    """Names for so many features."""
    return Columns(tuple(f"feature_{number}" for number in range(width)), ())
