"""What one process at a time may hold, a lock file or a run's folder; the system frees it when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from pipelines.stops import BusyError
from submissions.place import LOCK, claim, locked

ASKED = 50  # times, 10 ms apart: who only asks whether a run is held holds it for a moment


@contextmanager
def alone(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock file; another process is refused in these words."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(path, wait=False))
        except BlockingIOError:
            raise BusyError(busy) from None
        yield


@contextmanager
def holding(root: Path) -> Iterator[None]:
    """Hold a run's folder, made where there is none; refuse when a live process holds it."""
    with _claimed(root) as lock:
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_held(root: Path) -> bool:
    """Whether a live process holds a run's folder."""
    with suppress(FileNotFoundError), (root / LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # several may ask at once
        except BlockingIOError:
            return True
    return False


def _claimed(root: Path) -> IO[str]:
    for _ in range(ASKED):
        with suppress(BlockingIOError):
            return claim(root, wait=False)
        time.sleep(0.01)
    holder = ""
    with suppress(FileNotFoundError):
        holder = (root / LOCK).read_text(encoding="utf-8").strip()
    raise BusyError(
        f"{root}: expected a free run, got one held by process {holder or '?'}; "
        "wait for it, stop it, or give this run another --name"
    )
