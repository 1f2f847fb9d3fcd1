"""The verbs that predict from finished runs: one run again, or several together."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from competitions.flags import parse
from competitions.registry import find_competition, starting_learner
from pipelines.blending import Method, blend_runs
from pipelines.loading import Tables, load_tables
from pipelines.options import Options
from pipelines.predicting import Trained, predict_test, submit_file
from pipelines.reopen import find_run, reopen
from pipelines.report import Report
from pipelines.run import settled
from pipelines.runfolder import RunFolder, read_json
from pipelines.stops import UsageError


@dataclasses.dataclass(frozen=True)
class PredictRequest:
    """What `podium predict` and `podium blend` take."""

    data: Path | None = None
    """Folder that holds this competition's files (default: data/<slug>)."""
    runs: Path = Path("runs")
    """Folder that holds all runs."""
    method: Method = "greedy"
    """How `podium blend` finds the runs' weights; `podium predict` gives them equal ones."""
    name: str = "blend"
    """What to call the blend."""
    quiet: bool = False
    """No progress on stderr."""
    json: bool = False
    """Print one JSON object as the last line of stdout."""


def predict(arguments: Sequence[str]) -> int:
    """Predict the test rows from finished runs and write the submission; nothing is trained."""
    names, request = _asked(arguments, "predict")
    folders = [find_run(name, request.runs) for name in names]
    if len(folders) > 1:
        return _blend(folders, dataclasses.replace(request, method="mean"))
    report = Report(request.quiet)
    trained, tables = _opened(folders[0], request, report)
    predicted = predict_test(trained, tables.test, tables.test_fingerprint, report)
    path = submit_file(trained, predicted, tables.sample)
    print(f"{path} ({len(tables.sample.ids):,} rows, checked) from {', '.join(trained.sources)}")
    if request.json:
        summary = {"competition": trained.competition.name, "run": folders[0].name, "submission": str(path)}
        print(json.dumps(summary))
    return 0


def blend(arguments: Sequence[str]) -> int:
    """Weigh runs on their out-of-fold predictions and write the blend's submission."""
    names, request = _asked(arguments, "blend")
    if len(names) < 2:
        raise UsageError(f"podium blend: expected two runs or more, got {', '.join(names)}")
    return _blend([find_run(name, request.runs) for name in names], request)


def _asked(arguments: Sequence[str], verb: str) -> tuple[list[str], PredictRequest]:
    names = []
    for argument in arguments:
        if argument.startswith("-"):
            break
        names.append(argument)
    (request,) = parse(list(arguments[len(names) :]), f"podium {verb} RUN [RUN ...]", PredictRequest())
    if not names:
        raise UsageError(f"podium {verb} RUN [RUN ...]: expected a run first, got none; `podium runs NAME` lists them")
    return names, request


def _opened(folder: RunFolder, request: PredictRequest, report: Report) -> tuple[Trained, Tables]:
    record = read_json(folder.record)
    competition = find_competition(record["competition"])
    options = Options(data=request.data, runs=request.runs, toy=record["toy"], experiment=record["experiment"])
    competition = settled(competition.with_learner(starting_learner(competition, options)), request.runs)
    trained = reopen(folder, competition, competition.learner)
    return trained, load_tables(competition, options, report)


def _blend(folders: Sequence[RunFolder], request: PredictRequest) -> int:
    report = Report(request.quiet)
    opened = [_opened(folder, request, report) for folder in folders]
    names = {trained.competition.name for trained, _ in opened}
    if len(names) > 1:
        raise UsageError(f"expected runs of one competition, got {', '.join(sorted(names))}")
    made = blend_runs([trained for trained, _ in opened], opened[0][1], request.method, request.name, report)
    print(made)
    if request.json:
        print(json.dumps(made.summary()))
    return 0
