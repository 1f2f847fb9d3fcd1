"""The verbs that predict from finished runs: one run again, or several together."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from competitions.flags import parse
from competitions.registry import find_competition, load_package, package_names, starting_learner
from competitions.requests import FilesRequest
from pipelines.blending import Blended, Method, blend_runs
from pipelines.contract import Competition
from pipelines.listing import find_list, listed_ids
from pipelines.loading import data_root, load_tables
from pipelines.map_blending import blend_maps
from pipelines.options import Options
from pipelines.predicting import Part, Trained, predict_test, submit_file
from pipelines.reopen import find_run, found_at, is_blend, reopen
from pipelines.report import Report
from pipelines.run import settled
from pipelines.runfolder import RunFolder, read_json
from pipelines.stops import UsageError
from pipelines.streaming import Job, Wanted, stream_test


@dataclasses.dataclass(frozen=True)
class PredictRequest(FilesRequest):
    """What `podium predict` and `podium blend` take."""

    method: Method = "greedy"
    """How `podium blend` finds the runs' weights; `podium predict` gives them equal ones."""
    name: str = "blend"
    """What to call the blend."""
    rows: Path | None = None
    """List of ids, one a line, here or in the data folder: predict only these test rows, the others keep
    sample_submission's cells (masks only)."""
    threshold: float | None = None
    """Use this threshold instead of the one that OOF chose (masks only)."""
    keep_maps: bool = False
    """Keep the test rows' maps too, 8 bits a pixel, so that averaging runs needs no model (masks only)."""
    json: bool = False
    """Print one JSON object as the last line of stdout."""


def predict(arguments: Sequence[str]) -> int:
    """Predict the test rows from finished runs and write the submission; nothing is trained."""
    names, request = _asked(arguments, "predict")
    folders = [find_run(name, request.runs) for name in names]
    if len(folders) > 1:
        return _blend(folders, dataclasses.replace(request, method="mean"))
    report = Report(request.quiet)
    with folders[0].lock():  # a run that goes on would be given the submission of the folds it has had so far
        trained, options = opened(folders[0], request.data, request.runs)
        wanted = _wanted(request, trained.competition, options)
        tables = load_tables(trained.competition, options, report)
        if trained.competition.shape is None:
            predicted = predict_test(trained, tables.test, tables.test_fingerprint, report)
            path = submit_file(trained, predicted, tables.sample)
        else:
            job = Job(parts=[Part(trained, tables)], folder=trained.folder, choice=trained.choice, wanted=wanted)
            path = stream_test(job, report)
    print(f"{path} ({len(tables.sample.ids):,} rows, checked) from {', '.join(trained.sources)}")
    if request.json:
        summary = {"competition": trained.competition.name, "run": folders[0].name, "submission": str(path)}
        print(json.dumps(summary))
    return 0


def blend(arguments: Sequence[str]) -> int:
    """Weigh runs on their out-of-fold predictions and write the blend's submission."""
    names, request = _asked(arguments, "blend")
    competition = names[0] if _is_competition(names[0]) else ""
    names = [f"{competition}/{Path(name).name}" for name in names[1:]] if competition else names
    if len(names) < 2:
        raise UsageError(f"podium blend: expected two runs or more, got {', '.join(names) or 'none'}")
    return _blend([find_run(name, request.runs) for name in names], request, competition)


def _is_competition(name: str) -> bool:
    package = name.split("/")[0]
    return package in package_names() and name in {each.name for each in load_package(package).competitions}


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


def _wanted(request: PredictRequest, competition: Competition, options: Options) -> Wanted:
    """Which rows, with which threshold; only maps are predicted so that either can be chosen afterwards."""
    path = None if request.rows is None else find_list(request.rows, data_root(competition, options))
    ids = () if path is None else listed_ids(path, competition.id)
    label = "" if path is None else path.name
    wanted = Wanted(rows=ids, label=label, threshold=request.threshold, keep_maps=request.keep_maps)
    if competition.shape is None and not (wanted.usual and not wanted.keep_maps):
        raise UsageError(
            f"--rows, --threshold, --keep-maps: expected a competition of masks, got {competition.name}; leave them out"
        )
    return wanted


def opened(folder: RunFolder, data: Path | None, runs: Path) -> tuple[Trained, Options]:
    """A run's models, and the options with which its tables are loaded."""
    record = read_json(folder.record)
    if is_blend(record):
        raise UsageError(f"{folder.root}: expected a run with models, got a blend of runs; name the runs themselves")
    competition = find_competition(record["competition"])
    options = Options(data=data or found_at(record), runs=runs, toy=record["toy"], experiment=record["experiment"])
    competition = settled(competition.with_learner(starting_learner(competition, options)), runs)
    return reopen(folder, competition, competition.learner), options


def blended(parts: Sequence[Part], wanted: Wanted, request: PredictRequest, report: Report) -> Blended:
    """The blend of runs whose values are numbers, or the mean of runs whose values are maps."""
    if parts[0].trained.competition.shape is None:
        return blend_runs(parts, request.method, request.name, report)
    return blend_maps(parts, wanted, request.name, report)


def with_tables(found: Sequence[tuple[Trained, Options]], report: Report) -> list[Part]:
    """Each run beside its tables, loaded once: two competitions under one slug see other files of the same rows."""
    seen = {trained.competition.name: (trained.competition, options) for trained, options in reversed(found)}
    tables = {name: load_tables(*known, report) for name, known in seen.items()}
    return [Part(trained, tables[trained.competition.name]) for trained, _ in found]


def _blend(folders: Sequence[RunFolder], request: PredictRequest, competition: str = "") -> int:
    report = Report(request.quiet)
    if len({folder.root.resolve() for folder in folders}) < len(folders):
        raise UsageError(f"expected every run once, got {', '.join(folder.name for folder in folders)}")
    with ExitStack() as held:
        for folder in folders:  # a run that goes on would change what is blended
            held.enter_context(folder.lock())
        made = _blended(folders, request, competition, report)
    print(made)
    if request.json:
        print(json.dumps(made.summary()))
    return 0


def _blended(folders: Sequence[RunFolder], request: PredictRequest, competition: str, report: Report) -> Blended:
    found = [opened(folder, request.data, request.runs) for folder in folders]
    slugs = {trained.competition.slug for trained, _ in found}
    if slugs != {find_competition(competition).slug if competition else min(slugs)}:
        names = sorted({trained.competition.name for trained, _ in found})
        raise UsageError(f"expected runs of {competition or 'one competition'}, got {', '.join(names)}")
    first = found[0][0].competition
    if first.shape is not None and request.method != "mean":
        raise UsageError(
            "podium blend: expected runs whose values are numbers, got maps: podium predict RUN RUN averages them"
        )
    wanted = _wanted(request, first, found[0][1])
    return blended(with_tables(found, report), wanted, request, report)
