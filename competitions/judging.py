"""The verbs that judge: any submission file, and any competition."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

from competitions.flags import parse
from competitions.registry import find_competition, load_package, package_names
from competitions.verbs import named
from pipelines.check_competition import check_competition as checks_of
from pipelines.contract import Competition
from pipelines.loading import data_root, find_sample
from pipelines.options import Options
from pipelines.report import Report
from pipelines.stops import UsageError
from submissions.check import check_file
from submissions.rules import Rules
from submissions.sample import read_sample


@dataclasses.dataclass(frozen=True)
class CheckRequest:
    """What `podium check` takes."""

    competition: str = ""
    """The competition that the file is for."""
    data: Path | None = None
    """Folder that holds this competition's files (default: data/<slug>)."""
    runs: Path = Path("runs")
    """Folder that holds all runs."""
    toy: bool = False
    """Judge against the toy files' sample_submission."""
    sample: Path | None = None
    """A sample_submission to judge by, when it does not lie in the data folder."""


def check(arguments: Sequence[str]) -> int:
    """Judge any submission file by a competition's rules and its sample_submission."""
    name, rest = named(arguments, "check", "FILE")
    (request,) = parse(rest, "podium check FILE", CheckRequest())
    if not request.competition:
        raise UsageError("podium check FILE --competition NAME: expected the competition the file is for, got none")
    competition = find_competition(request.competition)
    if not Path(name).is_file():
        raise FileNotFoundError(f"{name}: expected a submission to judge, got no file; check the path")
    root = data_root(competition, Options(data=request.data, runs=request.runs, toy=request.toy))
    sample = request.sample or find_sample(competition, root, Report())
    verdict = check_file(Path(name), read_sample(sample), rules_for(competition, root, request.toy))
    for warning in verdict.warnings:
        print(f"note: {warning}")
    print(f"{name}: fit to submit to {competition.slug}, {verdict.rows:,} rows")
    return 0


def rules_for(competition: Competition, root: Path, toy: bool) -> Rules:
    """What cells must keep to; toy masks are of another size than those that the competition declares."""
    if not toy or competition.shape is None:
        return competition.rules
    _, test = competition.load(root)
    return competition.rules.sized(competition.shape(test))


def check_competition(arguments: Sequence[str]) -> int:
    """The contract's checks on one competition, or on all of a family."""
    name, rest = named(arguments, "check-competition")
    if rest:
        raise UsageError(f"podium check-competition NAME: expected one name and no flags, got {' '.join(rest)} too")
    family = load_package(name).competitions if name in package_names() else (find_competition(name),)
    failed = sum(_failures(competition) for competition in family)
    print(f"{failed} failed" if failed else "all checks passed")
    return 1 if failed else 0


def _failures(competition: Competition) -> int:
    """How many checks a competition fails, each shown as it is made."""
    failed, last = 0, ""
    with tempfile.TemporaryDirectory(prefix="podium-check-") as folder:
        for done in checks_of(competition, Path(folder), Report(quiet=True)):
            failed += bool(done.problem)
            print(f"{'FAILED' if done.problem else 'ok    '} {competition.name}: {done.what}", flush=True)
            if done.problem:
                print(f"       {'as above' if done.problem == last else done.problem}", flush=True)
                last = done.problem
    return failed
