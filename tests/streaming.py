"""A process that writes a submission in a stream and is killed at each of its system calls in turn.

Run as `python -m tests.streaming FOLDER NAME...` it forks the writers: numpy is imported once, and no threads are.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from submissions.rules import Masks, Rules
from submissions.sample import Sample, read_sample
from submissions.stream import continue_submission

SIDE = 1000
RULES = Rules(masks=Masks(shape=(SIDE, SIDE), order="rows"))
ROWS = 270  # of 2,200 characters: three blocks
CALLS = ("write", "fsync", "replace", "ftruncate")


def make_sample(root: Path) -> Sample:
    """A sample_submission with masks' ids."""
    ids = [f"{row:05d}.jpg" for row in range(ROWS)]
    (root / "sample_submission.csv").write_text("".join(["img,rle_mask\n", *(f"{id},1 1\n" for id in ids)]))
    return read_sample(root / "sample_submission.csv")


@cache
def cell(id: str) -> str:
    """The code of a row, a few thousand characters that only its id decides."""
    starts = np.arange(0, SIDE * SIDE - SIDE, 4000) + np.random.default_rng(int(id[:5])).integers(1, SIDE)
    return " ".join(f"{start} {int(id[:5]) % 7 + 1}" for start in np.unique(starts))


def write(root: Path, name: str, step: int = 7, fingerprint: str = "run, test, choice") -> str:
    """Write what is not written yet, so many rows at a time; the file's digest."""
    sample = read_sample(root / "sample_submission.csv")
    with continue_submission(root / name, sample, RULES, fingerprint) as writer:
        for start in range(writer.written, len(sample), step):
            ids = sample.texts[start : start + step]
            writer.append(ids, {"rle_mask": np.array([cell(id) for id in ids], dtype=object)})
    assert writer.verdict is not None
    return writer.verdict.digest


def die_at(call: int) -> None:
    """Kill this process at its so-manieth call that changes a file; a write gets half way."""
    count = 0

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any) -> Any:
            nonlocal count
            count += 1
            if count == call:
                if real is write_bytes:
                    write_bytes(given[0], bytes(given[1])[: len(given[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given)

        return counted

    write_bytes = os.write
    for name in CALLS:
        setattr(os, name, dying(getattr(os, name)))


def in_fork(work: Callable[[], object]) -> int:
    """The work in a child; how it ended, as a wait status."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1]


def kill_and_go_on(root: Path, name: str) -> None:
    """Kill a writer at its first call, the one that goes on at its second, and so on until one comes through."""
    call = 1
    while status := in_fork(lambda: (die_at(call), write(root, name, step=call % 9 + 1))):  # noqa: B023 (called at once)
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        call += 1


def kill_once_each(root: Path, name: str) -> None:
    """Kill a writer at one call and let the next one finish, for every call there is."""
    whole, status, call = b"", 1, 0
    while status:
        call += 1
        for left in (name, f".draft.{name}", f".{name}.journal"):
            (root / left).unlink(missing_ok=True)
        status = in_fork(lambda: (die_at(call), write(root, name)))  # noqa: B023 (called at once)
        placed = (root / name).stat().st_ino if (root / name).exists() else 0
        write(root, name, step=31)
        assert placed in (0, (root / name).stat().st_ino), "a file in place was made again"
        assert (root / name).read_bytes() == (whole or (root / name).read_bytes())
        whole = (root / name).read_bytes()
        print(name, "is made", flush=True)


if __name__ == "__main__":
    for each in sys.argv[2:]:
        kill_once_each(Path(sys.argv[1]), each)
        kill_and_go_on(Path(sys.argv[1]), f"again-{each}")
