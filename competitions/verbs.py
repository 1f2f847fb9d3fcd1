"""The verbs that walk the corridor: run, train, predict, blend, folds."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

from competitions.choosing import experiment_with, other_flags, refuse_idle
from competitions.flags import parse
from competitions.registry import find_competition, starting_learner
from competitions.requests import FilesRequest
from folds.plan import FoldPlan, Kind, check_plan, of_kind
from pipelines.contract import Competition
from pipelines.corridor import choose_folds, folds_folder, run_competition
from pipelines.foldfile import fold_path
from pipelines.leaks import audit_folds, heed
from pipelines.loading import load_tables
from pipelines.options import Options
from pipelines.outcome import Outcome, describe_folds, describe_outcome
from pipelines.report import Report
from pipelines.stops import UsageError
from pipelines.twins import audit_twins, has_images


def run(arguments: Sequence[str]) -> int:
    """From raw files to a checked submission."""
    competition, options = understood(arguments, "run")
    show(run_competition(competition, options, Report(options.quiet)))
    return 0


def train(arguments: Sequence[str]) -> int:
    """Fit the folds and score them, no submission."""
    competition, options = understood(arguments, "train")
    show(run_competition(competition, options, Report(options.quiet), predict=False))
    return 0


def folds(arguments: Sequence[str]) -> int:
    """Make or show a competition's folds, by its plan as the flags change it."""
    name, rest = named(arguments, "folds")
    competition = find_competition(name)
    request, plan = parse(rest, f"podium folds {name}", FoldsRequest(), starting_plan(competition.plan, rest))
    try:
        check_plan(plan)
    except ValueError as error:
        raise UsageError(f"podium folds {name}: {error}") from None
    declared, competition = competition, dataclasses.replace(competition, plan=plan)
    said = {name: getattr(request, name) for name in ("data", "runs", "toy", "remake", "skip_broken")}
    options = Options(**said)
    report = Report(request.quiet)
    tables = load_tables(competition, options, report)
    made = choose_folds(competition, options, tables, report)
    path = fold_path(folds_folder(competition, options), plan)
    print(describe_folds(made, path))
    if plan != declared.plan:
        print(f"use them: podium run {name}{' --toy' * request.toy} --fold-file {shlex.quote(str(path))}")
    elif competition.why:
        print(f"why: {competition.why}")
    if request.audit or request.strict:
        folder = folds_folder(competition, options)
        found = audit_folds(competition, tables, made, folder)
        if has_images(tables):
            cache = request.runs / "cache" / "images"
            found = found.joined(audit_twins(competition, tables.readable, made, folder, cache, report))
        print(found.text())
        heed(found, Report(quiet=True), request.strict)
    return 0


def starting_plan(declared: FoldPlan, rest: Sequence[str]) -> FoldPlan:
    """The plan whose fields the flags change: the declared one, made one of the kind that they choose."""
    kind = _flag(rest, "--kind")
    return of_kind(declared, cast(Kind, kind)) if kind in get_args(Kind) else declared


@dataclasses.dataclass(frozen=True)
class FoldsRequest(FilesRequest):
    """What `podium folds` takes beside the plan's own fields."""

    toy: bool = False
    """Use small generated stand-in files instead of the real ones."""
    audit: bool = False
    """Look for leaks."""
    strict: bool = False
    """Look for leaks, and exit 3 when the audit finds something serious."""
    remake: bool = False
    """Make the folds anew, replacing the stored file."""
    skip_broken: Path | None = None
    """List of image files to do without, a path a line, as `podium run` takes it; the stored folds keep their rows."""


def understood(arguments: Sequence[str], verb: str) -> tuple[Competition, Options]:
    """The competition a command names, its learner as the flags set it, and the options."""
    name, rest = named(arguments, verb)
    competition = find_competition(name)
    early = _early(rest)
    experiment = early.experiment or experiment_with(competition, rest, starting_learner(competition, early), early.toy)
    learner = starting_learner(competition, dataclasses.replace(early, experiment=experiment))
    start = Options(experiment=experiment)
    options, chosen = parse(rest, f"podium {verb} {name}", start, learner, about=other_flags(competition, learner))
    refuse_strange_params(name, learner, chosen)
    refuse_idle(chosen, rest)
    return competition.with_learner(chosen), options


def refuse_strange_params(name: str, declared: Any, chosen: Any) -> None:
    """Refuse another engine with the settings that a competition declares for its own one."""
    param, model = getattr(declared, "param", ()), getattr(declared, "model", "")
    if param and param == chosen.param and model != chosen.model:
        raise UsageError(
            f"--model {chosen.model}: expected --param beside it, as {name} declares {', '.join(param)} for {model}, "
            f"got none; --param '' drops that"
        )


def named(arguments: Sequence[str], verb: str, what: str = "NAME") -> tuple[str, list[str]]:
    """The name right after the verb, and the rest."""
    if list(arguments[:1]) in (["-h"], ["--help"]):
        print(f"usage: podium {verb} {what} [flags]; `podium {verb} {what} --help` lists them, `podium` the names")
        raise SystemExit(0)
    if not arguments or arguments[0].startswith("-"):
        got = arguments[0] if arguments else "nothing"
        raise UsageError(
            f"podium {verb} {what} [flags]: expected {what} right after the verb, got {got}; `podium` lists the "
            f"competitions, `podium {verb} {what} --help` all flags"
        )
    return arguments[0], list(arguments[1:])


def _early(rest: Sequence[str]) -> Options:
    """The two flags that decide which learner the other flags are about."""
    return Options(experiment=_flag(rest, "--experiment"), toy="--toy" in rest)


def _flag(rest: Sequence[str], flag: str) -> str:
    """What a flag is given, before all flags are known; "" where it is not."""
    given = ""
    for argument, following in zip(rest, [*rest, ""][1:], strict=True):
        if argument.partition("=")[0] == flag:
            given = argument.partition("=")[2] or following
    return given


def show(outcome: Outcome) -> None:
    """The result on stdout; as JSON in its last line when asked."""
    print(describe_outcome(outcome))
    if outcome.run.options.json:
        print(json.dumps(outcome.summary()))
