"""What mirroring to W&B costs an epoch of 10 s that logs 200 steps: all its CPU time, more than training loses."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pipelines.report import Report
from pipelines.tracking.mirror import Job
from pipelines.tracking.tracker import Tracker
from tests.bench.harness import Result, seconds
from tests.tracked import make_folder, until

EPOCH, EPOCHS = 10.0, 3  # seconds; how many are measured
STEPS = 200  # logged in an epoch
TICK = os.sysconf("SC_CLK_TCK")


def results() -> Iterator[Result]:
    """Milliseconds an epoch, start-up apart, offline; and how long a command waits for the mirror at its end."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        kept = make_folder(Path(folder))
        out = kept.fit(0, 0, Report(quiet=True))
        plain = min(seconds(lambda: out.log(0, {"loss": 0.0})) for _ in range(50))
        start = time.perf_counter()
        tracker = Tracker(Job(str(kept.root), "offline"), Report(quiet=True))
        begun = time.perf_counter() - start
        until(lambda: (kept.tracking / "fold0.journal").exists())
        time.sleep(2)
        epochs, logging = [], []
        for epoch in range(EPOCHS):
            before, taken = spent(tracker.child.pid), 0.0
            for step in range(STEPS):
                numbers = dict.fromkeys(("loss", "rate", "auc", "valid", "norm"), step / 7)
                taken += seconds(lambda step=epoch * STEPS + step + 1, numbers=numbers: out.log(step, numbers))
                time.sleep(EPOCH / STEPS)
            epochs.append(1000 * (spent(tracker.child.pid) - before))
            logging.append(1000 * taken)
        ending = seconds(lambda: tracker.stop("done"))
    note = f"of {1000 * EPOCH:.0f} ms; {STEPS} log calls take {statistics.median(logging):.3g} ms with or without W&B"
    yield Result("wandb_epoch", min(epochs), "ms", "<=100", (min(epochs), max(epochs)), note)
    note = f"a single log call {1e6 * plain:.0f} us"
    yield Result("wandb_start", 1000 * begun, "ms", "<=1000", None, f"until training goes on; {note}")
    yield Result("wandb_end", ending, "s", "<=10", None, "until W&B has the last step, offline")


def spent(mirror: int) -> float:
    """CPU seconds of the mirror and its children so far."""
    family = {mirror}
    total = 0.0
    for path in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda path: int(path.parent.name)):
        try:
            number, rest = int(path.parent.name), path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if number in family or int(rest[1]) in family:
            family.add(number)
            total += (int(rest[11]) + int(rest[12])) / TICK
    return total
