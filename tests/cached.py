"""What the tests of the image cache share: photos, a cache that remembers, and what every image must be."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import numpy as np
from PIL import Image

from features.cache import Cache
from features.decode import read
from features.reading import Reading

READING = Reading(height=8, width=8, fit="margin")


class Watched(Cache):
    """A cache that remembers what it says and how many files it goes through."""

    def __init__(self, folder: Path, mode: str = "disk", workers: int = 2) -> None:
        self_said: list[str] = []
        totals: list[int] = []

        def steps(items, total, what):
            totals.append(total)
            return iter(items)

        super().__init__(folder=folder, mode=mode, workers=workers, steps=steps, say=self_said.append)
        object.__setattr__(self, "said", self_said)
        object.__setattr__(self, "totals", totals)


def draw(path: Path, number: int) -> Path:
    """A photo of its own size and content."""
    pixels = np.random.default_rng(number).integers(0, 256, (12 + number % 5, 9 + number % 7, 3), np.uint8)
    Image.fromarray(pixels).save(path, "PNG")
    return path


def draw_all(folder: Path) -> list[Path]:
    """Twelve photos, all different."""
    folder.mkdir()
    return [draw(folder / f"{number:02}.png", number) for number in range(12)]


def check(images, paths: list[Path]) -> None:
    """Every image is what its file gives, and readers cannot change it."""
    assert len(images) == len(paths)
    for row, path in enumerate(paths):
        assert np.array_equal(images[row], read(path, READING))
        assert images.name(row) == str(path)


def stored(folder: Path, name: str) -> Path:
    return folder / READING.name / name


def build_cache(photos: list[Path], folder: Path, fault: str, count: int, said: Path) -> None:
    """Fill a cache, in a child of its own: until it is killed at a count of images, or its files reach a size."""

    def steps(items, total, what):
        for done, item in enumerate(items):
            if fault == "kill" and done == count:
                os.kill(os.getpid(), signal.SIGKILL)
            yield item

    with said.open("a") as sink:
        os.dup2(sink.fileno(), 2)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if fault == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        check(Cache(folder=folder, mode="disk", steps=steps).images(photos, READING), photos)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)  # what is said of it is longer
