"""The command line in a child: forked from a process that has imported everything and computed nothing.

A fork of the test process itself would inherit OpenMP's pool without its threads and hang in its first parallel loop.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from competitions.cli import main

LONGEST = 900  # seconds; what takes so long hangs
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
    child.join(LONGEST)
    if child.exitcode is None:
        child.kill()
        raise AssertionError(f"a child did not end within {LONGEST} s")
    return child.exitcode


def kill_at(seconds: float) -> None:
    """In a child: it is killed once it has used so many seconds of its own, however busy the machine."""
    threading.Thread(target=_kill_at, args=(seconds,), daemon=True).start()


def _kill_at(seconds: float) -> None:
    while time.process_time() < seconds:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)


def _command(chatter: Path, arguments: list[str], before: Callable[[], None] | None) -> None:
    with chatter.open("w") as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        if before is not None:
            before()
        code = main(arguments)
    os._exit(code)
