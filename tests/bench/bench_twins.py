"""Near-duplicate images among 10,000 generated ones: what is found, what is joined wrongly, time and memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from features.cache import Cache
from features.thumbnails import THUMBNAIL, blurred, thumbnails
from folds.twins import find_twins
from tests.bench.harness import Result
from tests.planted import judge, plan_set, write_set

COUNT, SEED = 10_000, 0
CORES = 2


def silent(items, total, what):
    """No progress."""
    return iter(items)


def measure(folder: Path) -> dict[str, object]:
    """From the filled cache to groups: they, seconds by the clock and of all cores, and the peak of memory."""
    paths = sorted((folder / "photos").glob("*.jpg"))
    images = Cache(folder=folder / "cache", workers=CORES).images(paths, THUMBNAIL)
    start, busy = time.perf_counter(), sum(os.times()[:2])
    groups = find_twins(thumbnails(images), blurred, silent)
    seconds, cores = time.perf_counter() - start, sum(os.times()[:2]) - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {"groups": groups.tolist(), "seconds": seconds, "cores": cores, "peak": peak}


def results() -> Iterator[Result]:
    """Recall and precision in pairs, recall of each kind of copy, and the time of a process of its own."""
    import numpy as np

    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        paths, photos = write_set(folder / "photos", COUNT, SEED)
        Cache(folder=folder / "cache", workers=CORES, say=lambda line: None).images(paths, THUMBNAIL)
        command = [sys.executable, "-m", "tests.bench.bench_twins", str(folder)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    verdict = judge(np.array(found["groups"]), photos)
    series = sum(photo.scene != photo.origin for photo in plan_set(COUNT, SEED) if not photo.kind)
    yield Result("twins_recall", 100 * verdict.recall, "%", ">=99", note=f"of pairs; {series} photos share a scene")
    yield Result("twins_precision", 100 * verdict.precision, "%", ">=99", note="of pairs")
    for kind, share in verdict.kinds.items():
        yield Result(f"twins_recall_{kind.replace(', ', '_').replace(' ', '_')}", 100 * share, "%", ">=97")
    note = f"CPU seconds / {CORES}; {found['seconds']:.1f} s by the clock of this machine, shared or not"
    yield Result("twins_10k", found["cores"] / CORES, "s", "<=60", note=note)
    yield Result("twins_memory", found["peak"], "MB", note="peak of the process")


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
