"""The verb that selects: which frozen backbones are worth laying side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence

from competitions.verbs import understood
from pipelines.broken import check_files
from pipelines.corridor import choose_folds, open_run
from pipelines.loading import load_tables
from pipelines.report import Report
from pipelines.run import settled
from pipelines.selecting import select_backbones
from pipelines.stops import UsageError


def select(arguments: Sequence[str]) -> int:
    """Add backbones one by one by their OOF score; prints the steps and draws the curve."""
    competition, options = understood(arguments, "select")
    learner, report = competition.learner, Report(options.quiet)
    backbones = getattr(learner, "backbones", ())
    if len(backbones) < 2:
        got = f"only {backbones[0]}" if backbones else f"a learner without any ({type(learner).__name__})"
        raise UsageError(
            f"podium select {competition.name}: expected two backbones or more to select from, got {got}; "
            f"podium select {competition.name} --head svr --backbones a,b,c"
        )
    competition = settled(competition, options.runs)
    tables = load_tables(competition, options, report)
    run = open_run(competition, options, tables, choose_folds(competition, options, tables, report), report)
    check_files(run, predict=False)
    made, folder = select_backbones(run)
    best = ",".join(made.best.backbones)
    print(made.table())
    print("the choice was made on these scores: the best is a little optimistic")
    print(f"curve in {folder / 'curve.png'}\npodium run {competition.name} ... --backbones {best}")
    if options.json:
        steps = [{"added": step.backbones[-1], "score": step.score, "score_se": step.se} for step in made.steps]
        shown = {"competition": competition.name, "backbones": list(made.best.backbones), "steps": steps}
        print(json.dumps({**shown, "curve": str(folder / "curve.png")}))
    return 0
