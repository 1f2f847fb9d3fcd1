"""`podium demo`: every competition on its toy files, in one process, ending with a table."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from competitions.flags import parse
from competitions.overview import columns
from competitions.registry import find_competition, load_package, package_names, starting_learner
from competitions.requests import Request
from pipelines.corridor import run_competition
from pipelines.options import Options
from pipelines.report import Report, took


@dataclasses.dataclass(frozen=True)
class DemoRequest(Request):
    """What `podium demo` takes."""

    fresh: bool = True
    """Start every run over, so that all of it is shown."""


def demo(arguments: Sequence[str]) -> int:
    """Run all featured competitions on toy files and show what they reach."""
    (request,) = parse(arguments, "podium demo", DemoRequest())
    report = Report(request.quiet)
    rows = [("competition", "metric", "score", "baseline", "seconds", "submission")]
    for name in (each for package in package_names() for each in load_package(package).featured):
        start = time.monotonic()
        competition = find_competition(name)
        options = Options(toy=True, runs=request.runs, quiet=request.quiet, fresh=request.fresh, wandb="off")
        competition = competition.with_learner(starting_learner(competition, options))
        options = dataclasses.replace(options, folds=competition.demo_folds)
        outcome = run_competition(competition, options, report)
        report.line(f"{name}: {took(time.monotonic() - start)}\n")
        scores = outcome.scores
        score, blank = f"{scores.model.value:.5f} ± {scores.model.se:.5f}", f"{scores.baseline:.5f}"
        seconds = f"{time.monotonic() - start:.0f}"
        rows.append((name, competition.metric.name, score, blank, seconds, str(outcome.submission)))
    print(columns(rows))
    return 0
