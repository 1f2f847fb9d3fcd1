"""Folds side by side: a process for each device, each with folds of its own."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeAlias

from pipelines.contract import Learner
from pipelines.training.crew import started

Work: TypeAlias = Callable[[str, Sequence[int]], None]  # (device, folds) -> these folds are fitted there


def devices_of(learner: Learner) -> list[str]:
    """The devices that folds are spread over: those the setting lists, else all visible cards."""
    if hasattr(learner, "embed"):  # what needs a device is made before any fold, once
        return []
    named = getattr(learner, "device", "")
    if "," in named:
        return [part.strip() for part in named.split(",")]
    if named != "auto" or started():  # torchrun: all cards train one network
        return []
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]


def spread(work: Work, folds: Sequence[int], devices: Sequence[str]) -> None:
    """Fit folds on several devices at once; an error is raised when the others have come to their end."""
    import cloudpickle  # a competition holds functions that pickle cannot name

    shares = [(device, folds[number :: len(devices)]) for number, device in enumerate(devices[: len(folds)])]
    # Fresh processes, not forks: neither CUDA nor OpenMP survives one.
    server = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(len(shares), mp_context=server, initializer=_end_with_parent) as pool:
        fits = [pool.submit(_call, cloudpickle.dumps(partial(work, *share))) for share in shares]
        try:
            for fit in as_completed(fits):
                fit.result()
        except BrokenProcessPool:
            raise ValueError(
                f"expected folds to be fitted on {', '.join(device for device, _ in shares)} at once, got a process "
                "that was killed, most often for lack of memory; the same command goes on, and with "
                f"--device {shares[0][0]} it fits one fold after the other"
            ) from None


def _end_with_parent() -> None:
    """A process whose parent was killed stops: the next command would write to the same folders."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _call(work: bytes) -> None:
    import cloudpickle

    try:
        cloudpickle.loads(work)()
    except ValueError as error:  # its own kind may not survive the way back
        raise ValueError(str(error)) from error
