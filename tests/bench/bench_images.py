"""Loading photos for training: this project's cache against timm, fastai and a plain loader, side by side."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from features.augment import Augment
from features.batches import Batches, Normalise
from features.cache import Cache
from features.reading import Reading, centred
from features.recipes import Recipe
from tests.bench.harness import Result
from tests.bench.image_peers import BATCH, JITTER, MEAN, ROTATE, SHEAR, SHIFT, SIDE, STD, WORKERS, ZOOM, rate

PHOTOS, BASES, NOISES = 2000, 240, 16
HEIGHT, WIDTH, QUALITY = 866, 1154, 95  # about 500 kB each
READING = Reading(height=256, width=256, fit="margin")
RECIPE = Recipe(
    frame="crop",
    flip=0.5,
    rotate=ROTATE,
    zoom=ZOOM,
    shift=SHIFT,
    shear=SHEAR,
    brightness=JITTER,
    contrast=JITTER,
    saturation=JITTER,
)
ROUNDS = 3
PEERS = Path(os.environ.get("PEERS", ".venv-peers")) / "bin" / "python"


def take_photos(folder: Path, count: int = PHOTOS) -> None:
    """Write the photos: smooth fields of several scales under camera noise, no two alike, in two class folders."""
    for name in ("empty", "invaded"):
        (folder / name).mkdir(parents=True)
    with ThreadPoolExecutor(WORKERS) as pool:
        bases = list(pool.map(paint, range(BASES)))
        noises = [np.random.default_rng(k).integers(0, 24, (HEIGHT, WIDTH, 3), np.uint8) for k in range(NOISES)]

        def take(number: int) -> None:
            draw = np.random.default_rng([1, number])
            scene = np.roll(bases[number % BASES], draw.integers(WIDTH), axis=1)
            noise = np.roll(noises[draw.integers(NOISES)], draw.integers(HEIGHT), axis=0)
            path = folder / ("empty", "invaded")[number % 2] / f"{number}.jpg"
            cv2.imwrite(str(path), cv2.add(scene, noise), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])

        list(pool.map(take, range(count)))


def paint(number: int) -> np.ndarray:
    """One scene, uint8 (HEIGHT, WIDTH, 3)."""
    draw = np.random.default_rng([0, number])
    total = np.full((HEIGHT, WIDTH, 3), 110, np.float32)
    for side, weight in ((4, 70), (12, 45), (40, 25), (150, 14)):
        field = draw.standard_normal((side, side * 4 // 3, 3)).astype(np.float32)
        total += weight * cv2.resize(field, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.clip(total, 0, 231).astype(np.uint8)


def cached_batches(paths: list[Path], kept: Path, side: int = SIDE, **chosen: Any) -> Batches:
    """Augmented batches of photos, which are decoded into a cache first."""
    return Batches(
        images=Cache(folder=kept, mode="disk", workers=chosen["workers"]).images(paths, READING),
        ids=pd.Index([path.stem for path in paths]),
        augment=Augment(RECIPE, side, side),
        drop_last=True,
        **chosen,
    )


def ours(folder: Path) -> list[float]:
    """Images per second of the first epoch, the cache built in it, and of the second."""
    paths = sorted(folder.rglob("*.jpg"))
    normalise = Normalise(MEAN, STD)  # imports torch, as the peers have before their clock starts
    with tempfile.TemporaryDirectory() as kept:
        start = time.perf_counter()
        batches = cached_batches(paths, Path(kept), batch=BATCH, workers=WORKERS)
        built = time.perf_counter() - start
        rates = [rate(normalise(batch.images) for batch in batches.epoch(number)) for number in range(2)]
        count = batches.steps() * BATCH
        return [count / (built + count / rates[0]), rates[1]]


def difference(folder: Path, count: int = 200) -> float:
    """Mean absolute difference, of 255, between the cached view of photos and that of their full decode."""
    paths = sorted(folder.rglob("*.jpg"))[:count]
    view = Augment(Recipe(keep=SIDE / READING.height), SIDE, SIDE)
    with tempfile.TemporaryDirectory() as kept:
        images = Cache(folder=Path(kept), mode="disk").images(paths, READING)
        apart = []
        for row, path in enumerate(paths):
            full = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            size = READING.scaled(*full.shape[:2])[::-1]
            whole = centred(cv2.resize(full, size, interpolation=cv2.INTER_AREA), SIDE, SIDE)
            apart.append(np.abs(whole.astype(int) - view(images[row], 0)).mean())
    return float(np.mean(apart))


def measure(command: list[str]) -> list[float]:
    """The two rates that a process of its own prints."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"expected {' '.join(command)} to exit 0, got {done.returncode}: {done.stderr[-2000:]}")
    rates: list[float] = json.loads(done.stdout.splitlines()[-1])
    return rates


def compared(name: str, peer: str, pairs: list[tuple[float, float]], floor: str = "") -> Result:
    """The median of our rate over a peer's, and the medians themselves."""
    ratios = [mine / other for mine, other in pairs]
    mine, other = (statistics.median(each) for each in zip(*pairs, strict=True))
    note = f"{mine:.0f} images/s against {peer}'s {other:.0f}"
    return Result(name, statistics.median(ratios), "x", floor, (min(ratios), max(ratios)), note)


def results() -> Iterator[Result]:
    """Ratios of images per second, and what the cache costs in pixels."""
    peers = str(Path(__file__).with_name("image_peers.py"))
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept) / "photos"
        take_photos(folder)
        mine, timm = [], []
        for _ in range(ROUNDS):
            mine.append(measure([sys.executable, "-m", "tests.bench.bench_images", str(folder)]))
            timm.append(measure([sys.executable, peers, "timm", str(folder)]))
        firsts, seconds = (
            [(one[epoch], other[epoch]) for one, other in zip(mine, timm, strict=True)] for epoch in (0, 1)
        )
        yield compared("images_first_epoch_vs_timm", "timm", firsts, ">=2")
        yield compared("images_second_epoch_vs_timm", "timm", seconds, ">=10")
        plain = measure([sys.executable, peers, "plain", str(folder)])
        yield compared("images_second_epoch_vs_plain", "a plain loader", [(mine[-1][1], plain[1])])
        if PEERS.exists():
            fastai = measure([str(PEERS), peers, "fastai", str(folder)])
            last = measure([sys.executable, "-m", "tests.bench.bench_images", str(folder)])
            yield compared("images_second_epoch_vs_fastai", "fastai", [(last[1], fastai[1])], ">=20")
        else:
            skipped = f"skipped: no fastai in {PEERS}; run make bench-peers"
            yield Result("images_second_epoch_vs_fastai", math.nan, "x", note=skipped)
        yield Result("images_cache_difference", difference(folder), "of 255", "<=2")


if __name__ == "__main__":
    print(json.dumps(ours(Path(sys.argv[1]))))
