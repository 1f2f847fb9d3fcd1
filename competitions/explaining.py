"""The verbs that show: pictures of a finished run, and a learning rate to start from."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from competitions.combining import opened
from competitions.flags import parse
from competitions.requests import FilesRequest
from competitions.verbs import named, understood
from pipelines.corridor import choose_folds, open_run
from pipelines.explain.explain import Wanted, explain_run
from pipelines.figures import check_plots
from pipelines.loading import Tables, load_tables
from pipelines.pictures import rate_plot
from pipelines.reopen import find_run
from pipelines.report import Report
from pipelines.run import settled
from pipelines.runfolder import RunFolder
from pipelines.stops import UsageError
from pipelines.tracking.mode import Mode, settle_mode
from pipelines.tracking.sending import send_rest


@dataclasses.dataclass(frozen=True)
class ExplainRequest(FilesRequest):
    """What `podium explain` takes."""

    fold: int | None = None
    """Only this fold."""
    count: int = 12
    """How many of the worst rows to draw; a quarter as many of the middle and of the best."""
    rows: tuple[str, ...] = ()
    """Ids of rows to draw beside these, as to compare two runs on the same images."""
    beside: str = ""
    """Another run, whose pictures of the same rows are drawn beside these, as of --fit-image crop and squash."""
    wandb: Mode = "auto"
    """Send the pictures to W&B; auto: online with a key (WANDB_API_KEY or netrc), else not."""
    json: bool = False
    """Print one JSON object as the last line of stdout."""

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"--count: expected at least 1, got {self.count}")


def explain(arguments: Sequence[str]) -> int:
    """Draw what a run learned; nothing is trained."""
    helped = arguments[:1] in (["--help"], ["-h"])
    name, rest = ("", list(arguments)) if helped else named(arguments, "explain", "RUN")
    (request,) = parse(rest, "podium explain RUN", ExplainRequest())  # ends here when it shows the flags
    settle_mode(request.wandb)  # what cannot be is refused before anything is drawn
    folder, report = find_run(name, request.runs), Report(request.quiet)
    trained, options = opened(folder, request.data, request.runs)

    def tables() -> Tables:
        return load_tables(trained.competition, options, report)

    other = opened(find_run(request.beside, request.runs), request.data, request.runs)[0] if request.beside else None
    page = explain_run(trained, tables, Wanted(request.fold, request.count, request.rows, other), report)
    print(page)
    send_rest(folder, request.wandb, report)
    if request.json:
        print(json.dumps({"competition": trained.competition.name, "run": folder.name, "page": str(page)}))
    return 0


def find_rate(arguments: Sequence[str]) -> int:
    """A short training on fold 0's training rows whose learning rate rises, and a rate to use."""
    competition, options = understood(arguments, "find-rate")
    competition = settled(competition, options.runs)
    learner: Any = competition.learner
    report = Report(options.quiet)
    if not hasattr(learner, "find_rate"):
        raise UsageError(
            f"podium find-rate {competition.name}: expected a learner that trains networks, got "
            f"{type(learner).__name__}; a short training says nothing about its rate, try values: --rate 0.05"
        )
    check_plots()
    if hasattr(learner, "check"):
        learner.check()
    tables = load_tables(competition, options, report)
    run = open_run(competition, options, tables, choose_folds(competition, options, tables, report), report)
    train, _ = run.sides(run.chosen[0])
    with tempfile.TemporaryDirectory() as place:
        out = RunFolder(Path(place)).fit(run.chosen[0], 0, report)
        out.prepare()
        curve = learner.find_rate(train, run.targets, out)
    path = rate_plot(run.folder)
    curve.plot(path)
    if curve.suggestion is None:
        raise ValueError(
            f"expected a loss that falls as the rate rises, got none that falls by more than it wavers in "
            f"{len(curve.rates)} steps: no suggestion; look at {path}, and keep --rate {learner.rate:g}"
        )
    rate = f"{curve.suggestion:.1e}"
    print(f"suggested learning rate {rate}: podium run {competition.name} ... --rate {rate}\ncurve in {path}")
    if options.json:
        print(json.dumps({"competition": competition.name, "rate": curve.suggestion, "plot": str(path)}))
    return 0
