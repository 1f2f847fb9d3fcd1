"""What a command may ask of the corridor, apart from the learner's own settings."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.budget import Clock, seconds_of
from pipelines.tracking.mode import Grouping, Mode


@dataclass(frozen=True, kw_only=True)
class Options:
    """Choices of one command; those marked as settings make another run."""

    data: Path | None = None
    """Folder that holds this competition's files (default: data/<slug>)."""
    runs: Path = Path("runs")
    """Folder that holds all runs."""
    folds: tuple[int, ...] = ()
    """Only these folds now, as in 0,1; the others can follow later."""
    limit: str = ""
    """Keep about this many training rows, for a quick pass; 30s: as many as an epoch takes in that time (a setting)."""
    budget: str = ""
    """Stop training after this long, as in 8h30m; the same command goes on later."""
    seeds: int = 1
    """Repeat each fit with this many seeds and average (a setting)."""
    full: Literal["no", "beside", "instead"] = "no"
    """Fit once on all rows too: beside the folds' models or instead of them (a setting)."""
    name: str = ""
    """What to call the run."""
    experiment: str = ""
    """Start from this named experiment of the competition."""
    fold_file: Path | None = None
    """Use these folds instead of the plan's (a setting)."""
    skip_broken: Path | None = None
    """List of image files to do without, a path a line: their test rows get the baseline's value (a setting)."""
    keep_maps: bool = False
    """Keep the test rows' maps too, 8 bits a pixel, so that averaging runs needs no model; says what that takes."""
    fresh: bool = False
    """Start the run over, dropping what it has."""
    toy: bool = False
    """Use small generated stand-in files instead of the real ones."""
    remake: bool = False
    """Make the plan's folds anew, replacing the stored file."""
    strict: bool = False
    """Stop when the leak audit finds something serious."""
    audit: bool = True
    """Look for leaks before training."""
    wandb: Mode = "auto"
    """Mirror the run to W&B; auto: online with a key (WANDB_API_KEY or netrc), else off."""
    wandb_runs: Grouping = "folds"
    """A W&B run per fold, grouped under the training run, or one for all with the folds as prefixes."""
    wandb_models: bool = False
    """Send the models to W&B too, as artifacts."""
    quiet: bool = False
    """No progress on stderr."""
    json: bool = False
    """Print one JSON object as the last line of stdout."""

    def __post_init__(self) -> None:
        if self.limit and not _is_limit(self.limit):
            raise ValueError(f"--limit: expected a number of rows above 0, or a time as in 30s, got {self.limit}")
        if self.budget:
            seconds_of(self.budget, "--budget")
        if self.seeds < 1:
            raise ValueError(f"--seeds: expected at least 1, got {self.seeds}")

    def clock(self, spent: float) -> Clock:
        """When training must stop, so many seconds after the command began."""
        return Clock(time.time() - spent + seconds_of(self.budget, "--budget")) if self.budget else Clock()

    @property
    def runs_root(self) -> Path:
        """Where runs go: toy runs stay apart from real ones."""
        return self.runs / "toy" if self.toy else self.runs


def _is_limit(text: str) -> bool:
    whole = text.lstrip("-").isdigit()
    return text.isdigit() and int(text) > 0 if whole else seconds_of(text, "--limit") > 0
