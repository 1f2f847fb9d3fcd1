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
from functools import partial
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

from competitions.cli import main


class Ended(NamedTuple):
    """How a child ended, and all it said."""

    code: int
    said: str


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


def together(folder: Path, *commands: tuple[object, ...], before: Callable[[], None] | None = None) -> list[Ended]:
    """Commands that begin at the same moment, each in a child."""
    gate = FORKS.Barrier(len(commands))
    chatter = [folder / f"chatter {number}" for number in range(len(commands))]
    children = [
        start(path, *each, before=partial(_wait, gate, before)) for path, each in zip(chatter, commands, strict=True)
    ]
    return [Ended(finish(child), path.read_text()) for child, path in zip(children, chatter, strict=True)]


def _wait(gate: Barrier, before: Callable[[], None] | None) -> None:
    if before is not None:
        before()
    gate.wait(LONGEST)


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
