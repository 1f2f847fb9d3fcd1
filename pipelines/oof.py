"""Gather the finished folds' out-of-fold predictions and score them, the baseline beside the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.contract import Ids, Metric, Values
from pipelines.fitting import LOOKS, predict_stand_in
from pipelines.predictions import Predictions, read_predictions, write_predictions
from pipelines.run import Run
from pipelines.runfolder import Kind
from pipelines.scoring import Comparison, Entries, Score, compare, neutral_score, plain_score, row_groups, score_oof


@dataclass(frozen=True)
class Oof:
    """All entries of the finished folds: whose they are, where they come from and what was predicted."""

    ids: Ids
    entries: Entries
    arrays: dict[str, np.ndarray]


@dataclass(frozen=True)
class Scores:
    """The model's score, the baseline's on the same folds, each seed's own, and the model's with a single view."""

    model: Score
    baseline: float
    seeds: tuple[float, ...]
    plain: Score | None = None
    blind: Score | None = None
    columns: Comparison | None = None  # the model against itself with its columns at their means
    neutral: float | None = None  # with the choice that knows nothing; None where a metric chooses nothing

    @property
    def seed_spread(self) -> float | None:
        """Standard deviation over seeds; None with one seed."""
        return float(np.std(self.seeds, ddof=1)) if len(self.seeds) > 1 else None

    def summary(self) -> dict[str, Any]:
        """What run.json keeps."""
        choice = self.model.choice
        return {
            "score": self.model.value,
            "score_se": self.model.se,
            "interval": list(self.model.interval),
            "fold_scores": list(self.model.fold_scores),
            "fold_spread": self.model.fold_spread,
            "optimistic": self.model.optimistic,
            "rows": self.model.rows,
            "never": self.model.never,
            "seeds": list(self.seeds),
            "seed_spread": self.seed_spread,
            "baseline": self.baseline,
            "neutral": self.neutral,
            "plain": None if self.plain is None else self.plain.value,
            "blind": None if self.blind is None else self.blind.value,
            "choice": None if choice is None else np.asarray(choice).tolist(),
        }


def score_run(run: Run) -> Scores:
    """Score what the finished folds predicted, or what stands in for them, and keep it in oof.parquet."""
    folds = run.finished()
    kind: Kind = "oof"
    if not folds:
        fold, kind = predict_stand_in(run)
        folds = [fold]
    oof = gather(run, folds, kind)
    marks = {**run.marks, "finished": ",".join(map(str, run.finished()))}
    places = {"fold": oof.entries.fold[:, None], "repeat": oof.entries.repeat[:, None]}
    write_predictions(run.folder.oof, Predictions(oof.ids, {**places, **oof.arrays}, marks))
    truth = _truth(run, oof)
    own = _kept(run.competition.metric, truth, oof.arrays, "")
    model, neutral = _scored(run, oof, own), neutral_score(run.competition.metric, own, oof.entries)
    seeds = [_seed_score(run, oof, truth, seed) for seed in range(run.options.seeds)] if run.options.seeds > 1 else []
    blank = gather(run, folds, "baseline", oof)
    nothing = _kept(run.competition.metric, truth, blank.arrays, "")
    baseline = plain_score(run.competition.metric, nothing, blank.entries)
    looks = {name: _kept(run.competition.metric, truth, oof.arrays, f"{name}_") for name in LOOKS if _has(oof, name)}
    scored = {name: _scored(run, oof, kept) for name, kept in looks.items()}
    worth = None
    if "blind" in looks:
        worth = compare(run.competition.metric, own, looks["blind"], oof.entries, row_groups(oof.arrays, oof.entries))
    return Scores(model, baseline, tuple(seeds), columns=worth, neutral=neutral, **scored)


def gather(run: Run, folds: Sequence[int], kind: Kind = "oof", beside: Oof | None = None) -> Oof:
    """All entries of these folds, in the folds' order; beside: those of the same folds by another model."""
    parts = [read_predictions(run.folder.fold_oof(fold, kind)) for fold in folds]
    for fold, part in zip(folds, parts, strict=True):
        if {name: part.marks.get(name) for name in run.marks} != run.marks:
            raise ValueError(
                f"{run.folder.fold_oof(fold, kind)}: expected predictions of this run, got another's; use --fresh"
            )
    rows = run.rows
    ids = parts[0].ids.append([part.ids for part in parts[1:]]).rename(rows.index.name)
    arrays = {name: np.concatenate([part.arrays[name] for part in parts]) for name in parts[0].arrays}
    if beside is not None and beside.ids.equals(ids):
        return Oof(beside.ids, beside.entries, arrays)
    places: np.ndarray = np.repeat(np.asarray(folds, np.int32), [len(part.ids) for part in parts])
    repeat = run.folds.repeats[places].astype(np.int32)
    return Oof(ids, Entries(rows.index.get_indexer(ids), places, repeat, len(rows)), arrays)


def _has(oof: Oof, look: str) -> bool:
    return any(name.startswith(f"{look}_") for name in oof.arrays)


def _truth(run: Run, oof: Oof) -> Values | None:
    if "kept" in oof.arrays:
        return None
    truth: Values = run.targets.values(run.rows)[oof.entries.row]
    return truth


def _kept(metric: Metric, truth: Values | None, arrays: dict[str, np.ndarray], label: str) -> np.ndarray:
    return arrays[f"{label}kept"] if truth is None else metric.keep(truth, arrays[f"{label}prediction"])


def _seed_score(run: Run, oof: Oof, truth: Values | None, seed: int) -> float:
    return _scored(run, oof, _kept(run.competition.metric, truth, oof.arrays, f"seed{seed}_")).value


def _scored(run: Run, oof: Oof, kept: np.ndarray) -> Score:
    return score_oof(run.competition.metric, kept, oof.entries, row_groups(oof.arrays, oof.entries))
