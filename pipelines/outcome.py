"""What a command has to show for itself, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from folds.store import TRAIN, VALID, Folds
from pipelines.oof import Scores
from pipelines.predicting import sources_text
from pipelines.run import Run

STEERING = {"keep": "best", "schedule": "plateau"}  # settings of networks that heed the validation rows


@dataclass(frozen=True)
class Outcome:
    """A run, what it is worth, and the submission it wrote, if it did."""

    run: Run
    scores: Scores
    submission: Path | None

    def summary(self) -> dict[str, Any]:
        """What --json prints; numbers that are not defined are null."""
        scores = {name: _plain(value) for name, value in self.scores.summary().items()}
        return {
            "competition": self.run.competition.name,
            "run": self.run.folder.name,
            "metric": self.run.competition.metric.name,
            **scores,
            "folds": self.run.finished(),
            "sources": list(self.run.sources),
            "submission": None if self.submission is None else str(self.submission),
        }


def describe_outcome(outcome: Outcome) -> str:
    """The result as a person reads it."""
    run, scores = outcome.run, outcome.scores
    metric, model = run.competition.metric, scores.model
    direction = "higher" if metric.higher_is_better else "lower"
    lines = [
        ("run", str(run.folder.root)),
        (metric.name, f"{model.value:.5f} ± {model.se:.5f} (standard error; {direction} is better)"),
        ("folds", _spread(model.fold_scores, model.fold_spread)),
    ]
    if scores.seed_spread is not None:
        lines.append(("seeds", _spread(scores.seeds, scores.seed_spread)))
    if model.choice is not None:
        shown = np.round(np.asarray(model.choice, dtype=float), 4).tolist()
        without = f", without a choice {scores.neutral:.5f}" if scores.neutral is not None else ""
        lines.append(("choice", f"{shown}, judged on other folds; on its own rows {model.optimistic:.5f}{without}"))
    lines.append(("baseline", f"{scores.baseline:.5f} on the same folds"))
    if model.never:
        lines.append(("rows", f"{model.rows:,} validated, {model.never:,} never do"))
    if scores.plain is not None:
        gain = model.value - scores.plain.value
        views = f"{getattr(run.competition.learner, 'views', 'several')}: {gain:+.5f} over a single view"
        lines.append(("views", f"{views} ({scores.plain.value:.5f})"))
    if scores.blind is not None:
        names = ", ".join(getattr(run.competition.learner, "columns", ()))
        lines.append(("columns", f"{names}: {scores.columns}; with all at their means {scores.blind.value:.5f}"))
    if not run.complete:
        lines.append(("stopped", f"the score and the submission are of {sources_text(run.sources)}"))
    if len(run.finished()) < len(run.folds):
        lines.append(("unfinished", f"{len(run.finished())} of {len(run.folds)} folds; the rest can follow"))
    if flags := steered_by(run):
        lines.append(("note", f"fits were steered by their own validation rows ({flags}): a little optimistic"))
    if outcome.submission is not None:
        lines.append(("submission", f"{outcome.submission} ({len(run.tables.sample.ids):,} rows, checked)"))
    width = max(len(name) for name, _ in lines)
    return "\n".join([run.competition.name, *(f"  {name:<{width}}  {text}" for name, text in lines)])


def _spread(scores: Sequence[float], spread: float) -> str:
    """Scores side by side, with their standard deviation where two or more are defined."""
    shown = "  ".join(f"{score:.5f}" for score in scores)
    return shown if np.isnan(spread) else f"{shown}  (sd {spread:.5f})"


def steered_by(run: Run) -> str:
    """The settings by which the validation rows that a score is made on also steered the fits; empty: none."""
    learner = run.competition.learner
    flags = [f"--{name} {value}" for name, value in STEERING.items() if getattr(learner, name, "") == value]
    found = any(fit["found"] for fold in run.finished() for fit in run.done(fold))  # a linear model finds no rounds
    if found and (patience := getattr(learner, "patience", 0)):
        flags.append(f"--patience {patience}")
    return ", ".join(flags)


def describe_folds(folds: Folds, path: Path) -> str:
    """How many rows each fold trains and validates."""
    lines = [f"{path}  fingerprint {folds.fingerprint[:12]}", "fold  repeat      train      valid"]
    for fold in range(len(folds)):
        counts = [(folds.roles[:, fold] == role).sum() for role in (TRAIN, VALID)]
        lines.append(f"{fold:>4}  {folds.repeats[fold]:>6}  {counts[0]:>9,}  {counts[1]:>9,}")
    lines.append(f"rows that never validate: {folds.never_valid:,} of {len(folds.ids):,}")
    return "\n".join([*lines, *(f"note: {note}" for note in folds.notes)])


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
