"""Small synthetic stand-ins for invasive-species-monitoring's raw files: Kaggle's names, layout and formats.

Every photo shows the same number of pale flower heads of the same colours on the same greenery. What tells hydrangea
from the others is how a head is made: of round florets in a dense spiral, or of slender ones side by side. So mean
colours say next to nothing, and texture all.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

WIDTH, HEIGHT = 128, 96  # pixels; Kaggle's photos are nine times as wide and high
ROWS, TEST_ROWS = 320, 60
SHARE = 0.63  # of photos with hydrangea, as in Kaggle's labels
GOLDEN = np.pi * (3 - np.sqrt(5))  # radians between florets of a spiral
WRONG = 0.04  # of labels


def toy(root: Path) -> None:
    """Write train_labels.csv, sample_submission.csv and the photos in train/ and test/."""
    rng = np.random.default_rng(0)
    hydrangea = rng.random(ROWS + TEST_ROWS) < SHARE
    for number, present in enumerate(hydrangea[:ROWS], start=1):
        save(root / "train" / f"{number}.jpg", photo(present, rng), number)
    for number, present in enumerate(hydrangea[ROWS:], start=1):
        save(root / "test" / f"{number}.jpg", photo(present, rng), number)
    labels = hydrangea[:ROWS] ^ (rng.random(ROWS) < WRONG)
    write(root / "train_labels.csv", labels.astype(int))
    write(root / "sample_submission.csv", np.full(TEST_ROWS, 0.5))


def write(path: Path, values: np.ndarray) -> None:
    """A CSV of the ids from 1 and a value each."""
    table = pd.DataFrame({"name": np.arange(1, len(values) + 1), "invasive": values})
    table.to_csv(path, index=False, lineterminator="\n")


def save(path: Path, pixels: np.ndarray, number: int) -> None:
    """A JPEG with the kind of EXIF a phone leaves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0132] = f"2017:03:28 11:{number // 60 % 60:02d}:{number % 60:02d}"  # DateTime
    exif[0x010F] = "phone" if number % 3 else "other phone"  # Make
    Image.fromarray(pixels).save(path, quality=92, exif=exif)


def photo(present: bool, rng: np.random.Generator) -> np.ndarray:
    """Greenery with two or three heads of pale flowers, hydrangea among them if it is present; uint8 (h, w, 3)."""
    pixels = greenery(rng)
    heads = int(rng.integers(2, 4))
    hydrangeas = int(rng.integers(1, heads + 1)) if present else 0
    for number in range(heads):
        head(pixels, number < hydrangeas, rng)
    noisy = cv2.GaussianBlur(pixels, (3, 3), 0.6) + rng.normal(0, 6, pixels.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def greenery(rng: np.random.Generator) -> np.ndarray:
    """Leaves in light and shade, uint8 (h, w, 3)."""
    light = cv2.resize(rng.normal(0, 22, (6, 8)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    pixels = (light[:, :, None] + [70, 105, 55] + rng.normal(0, 8, 3)).clip(0, 255).astype(np.uint8)
    for _ in range(40):
        place = rng.uniform([0, 0], [WIDTH - 1, HEIGHT - 1])
        shade = pixels[int(place[1]), int(place[0])] * rng.uniform(0.7, 1.3)
        oval(pixels, place, (rng.uniform(5, 12), rng.uniform(2, 4)), rng.uniform(0, 180), shade)
    return pixels


def head(pixels: np.ndarray, hydrangea: bool, rng: np.random.Generator) -> None:
    """Draw 30 pale florets in a spiral: hydrangea's are round, the others as large but slender, side by side."""
    centre = rng.uniform([18, 18], [WIDTH - 18, HEIGHT - 18])
    pale = np.array([205, 195, 215]) + rng.normal(0, 12, 3)
    turn, slant = rng.uniform(0, 2 * np.pi), rng.uniform(0, 180)
    axes = (2.0, 2.0) if hydrangea else (5.0, 0.8)  # pixels
    for number in range(30):
        angle, distance = turn + number * GOLDEN, 3.0 * np.sqrt(number + 0.5)
        place = centre + distance * np.array([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.6, 2)
        oval(pixels, place, axes, slant + rng.normal(0, 10), pale * rng.uniform(0.75, 1.1))


def oval(pixels: np.ndarray, place: np.ndarray, axes: tuple[float, float], turn: float, shade: np.ndarray) -> None:
    """Draw a filled ellipse of these half axes, turned by degrees."""
    box = ((float(place[0]), float(place[1])), (2 * axes[0], 2 * axes[1]), turn)
    cv2.ellipse(pixels, box, [float(part) for part in shade], -1, cv2.LINE_AA)
