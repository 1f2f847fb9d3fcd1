"""What tests of `podium explain` share: the one run on the photos, and its page."""

from __future__ import annotations

from pipelines.explain.explain import Wanted, explain_run
from pipelines.loading import load_tables
from pipelines.options import Options
from pipelines.reopen import reopen
from pipelines.report import Report
from pipelines.runfolder import RunFolder
from tests.photos import photo_competition


def run_in(runs):
    """The only run of the photos."""
    (record,) = (runs / "photos").glob("*/run.json")
    return RunFolder(record.parent)


def drawn(raw, runs, **wanted):
    """The page of the one run in runs."""
    folder, competition = run_in(runs), photo_competition(runs / "cache")
    trained = reopen(folder, competition, competition.learner)
    report = Report(quiet=True)
    options = Options(data=raw, runs=runs)
    return explain_run(trained, lambda: load_tables(competition, options, report), Wanted(**wanted), report)
