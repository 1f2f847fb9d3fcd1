"""The verb that brings a competition's files: `podium data`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from competitions.flags import parse
from competitions.registry import find_competition
from competitions.requests import FilesRequest
from competitions.verbs import named
from pipelines.kaggle.client import connect
from pipelines.kaggle.fetching import Fetch
from pipelines.kaggle.refusals import KaggleError
from pipelines.loading import data_root, write_toy
from pipelines.options import Options
from pipelines.report import Report

UNASKED = ("credentials", "offline")  # what kind of error says nothing of the files


@dataclasses.dataclass(frozen=True)
class DataRequest(FilesRequest):
    """What `podium data` takes."""

    toy: bool = False
    """Write the small generated stand-in files; nothing is downloaded."""
    all: bool = False
    """Download what the competition does not need too."""
    force: bool = False
    """Download everything anew, replacing what is there."""


def data(arguments: Sequence[str]) -> int:
    """Download a competition's files, check their sizes and unpack what is needed; a second call has nothing to do."""
    name, rest = named(arguments, "data")
    competition = find_competition(name)
    (request,) = parse(rest, f"podium data {name}", DataRequest())
    report = Report(request.quiet)
    root = data_root(competition, Options(data=request.data, runs=request.runs, toy=request.toy))
    if request.toy:
        there = root.exists()
        write_toy(competition, root, report)
        print(f"{competition.name}: toy files {'are there already' if there else 'written'}: {root}")
        return 0
    fetch = Fetch(competition, root, report, everything=request.all, force=request.force)
    if fetch.complete():
        print(f"{competition.name}: everything is there in its size, nothing to do: {root}")
        return 0
    try:
        print(f"{competition.name}: {fetch.bring(connect(say=report.line))}")
    except KaggleError as error:
        if error.kind not in UNASKED or request.force or request.all or not fetch.unpacked():
            raise
        print(f"{competition.name}: the files are there, their sizes not compared with Kaggle's: {error}")
    return 0
