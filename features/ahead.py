"""An ordered parallel map in bounded memory: threads make what is needed next, ahead of time."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

import numpy as np

# glibc hands a large block back to the system when it is freed, and pays a page fault for each 4 kB of the next one:
# 1 ms of 9 per decoded photo. Once a block of this size has been freed, it keeps that much (its limit is 32 MiB).
KEPT = 31 << 20

Item = TypeVar("Item")
Made = TypeVar("Made")
Say: TypeAlias = Callable[[str], None]  # takes a line for the user
Steps: TypeAlias = Callable[[Iterable[Any], int, str], Iterator[Any]]  # (items, total, what) -> items, with progress


def silent(items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
    """The items, no progress shown."""
    return iter(items)


def to_stderr(line: str) -> None:
    """Show a line to the user, apart from results."""
    print(line, file=sys.stderr)


def ahead(work: Callable[[Item], Made], items: Iterable[Item], workers: int, depth: int = 0) -> Iterator[Made]:
    """work(item) of each item in order, at most depth of them (4 a worker by default) waiting; 0 workers: no threads.

    Threads, not processes: reading, hashing, decoding and warping all release the interpreter's lock, results need
    no copying, and an error or Ctrl-C arrives where the results are read.
    """
    import cv2

    if workers < 1:
        yield from map(work, items)
        return
    cv2.setNumThreads(0)  # one thread for an image is faster than all threads for each, by 15 % on one core
    np.empty(KEPT, np.uint8)  # freed at once
    pool = ThreadPoolExecutor(workers, thread_name_prefix="ahead")
    waiting: deque[Future[Made]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= (depth or 4 * workers):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
