"""--limit as a number of rows: given so, or as the time that an epoch may take."""

from __future__ import annotations

import tempfile
from pathlib import Path

from folds.store import TRAIN, Folds
from pipelines.budget import seconds_of
from pipelines.contract import Competition, Targets
from pipelines.loading import Tables
from pipelines.options import Options
from pipelines.report import Report, took
from pipelines.runfolder import RunFolder, changing
from pipelines.settings import settings_fingerprint
from pipelines.stops import UsageError
from pipelines.training.crew import started


def limit_rows(competition: Competition, options: Options, tables: Tables, folds: Folds, report: Report) -> int:
    """How many rows --limit keeps; a time is measured once and remembered, so that the same command is the same run."""
    if options.limit.isdigit():
        return int(options.limit)
    seconds = seconds_of(options.limit, "--limit")
    path = options.runs_root / competition.name / "limits.json"
    key = f"{seconds:g} s of {settings_fingerprint(competition.learner)}"
    how = "as measured before"
    with changing(path) as known:  # a command that starts at the same time waits, or it would be another run
        if key not in known:
            trained = measure(competition, seconds, tables, report)
            share = float((folds.roles == TRAIN).mean())  # of all rows, those that an epoch of a fold trains on
            known[key] = min(len(tables.train), max(1, round(trained / share)))
            how = "measured now"
        rows = int(known[key])
    if rows >= len(tables.train):
        report.line(f"limit {options.limit}: all {len(tables.train):,} rows, whose epochs are no longer, {how}")
    else:
        kept = f"{rows:,} of {len(tables.train):,} rows"
        report.line(f"limit {options.limit}: {kept}, for epochs of about {took(seconds)}, {how}")
    return rows


def measure(competition: Competition, seconds: float, tables: Tables, report: Report) -> int:
    """The training rows of an epoch that takes so many seconds."""
    learner = competition.learner
    if not hasattr(learner, "rows_in"):
        raise ValueError(
            f"--limit: expected a number of rows for {type(learner).__name__}, got a time; it cannot tell how long its "
            "rows take: --limit 5000"
        )
    if started():  # a measuring rank 0 would wait for the others, who wait for it
        raise UsageError(
            "--limit: expected a number of rows under torchrun, got a time; measure it once without torchrun"
        )
    targets = Targets(competition.targets, competition.truth, competition.metric)
    with tempfile.TemporaryDirectory() as folder:
        out = RunFolder(Path(folder)).fit("probe", 0, report)
        out.prepare()
        rows: int = learner.rows_in(seconds, tables.train, targets, out)
    return rows
