"""The command line in a child: forked from a process that has imported everything and computed nothing.

A fork of the test process itself would inherit OpenMP's pool without its threads and hang in its first parallel loop.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from competitions.cli import main

FORKS = multiprocessing.get_context("forkserver")
HEAVY = ["lightgbm", "pyarrow.parquet", "pipelines.learners.image_fit", "pipelines.learners.mask_fit"]
FORKS.set_forkserver_preload(["competitions.cli", "competitions.verbs", *HEAVY, "tests.forking", "tests.photos"])


def start(chatter: Path, *arguments: object, before: Callable[[], None] | None = None) -> BaseProcess:
    """The command in a child, its output in chatter; before runs in the child first."""
    child = FORKS.Process(target=_command, args=(chatter, [str(each) for each in arguments], before))
    child.start()
    return child


def finish(child: BaseProcess) -> int:
    """Wait for a child; its exit code."""
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def _command(chatter: Path, arguments: list[str], before: Callable[[], None] | None) -> None:
    with chatter.open("w") as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        if before is not None:
            before()
        code = main(arguments)
    os._exit(code)
