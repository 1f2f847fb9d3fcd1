"""Small synthetic stand-ins for petfinder-pawpularity-score's raw files: Kaggle's names, layout and formats.

A photo is liked for its sharpness and its composition: fur that is in focus, and one animal that fills the frame
where others show a litter of small ones, which cover as much of it in the same colours. So mean colours say next to
nothing. The marks are drawn at Kaggle's frequencies and say nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from competitions.petfinder.load import HIGH, LOW, MARKS, TARGET

SIZES = ((96, 72), (72, 96), (84, 84))  # width and height; Kaggle's photos are some ten times as large
ROWS, TEST_ROWS, COPIES, DIFFERING = 400, 8, 24, 6  # copies are among the rows; of them so many have another score
SHARES = (0.028, 0.773, 0.904, 0.862, 0.010, 0.068, 0.129, 0.050, 0.166, 0.172, 0.061, 0.070)  # of marks in Kaggle's
AREA = 0.22  # share of the photo that fur covers
APART = 15  # points between the scores of such a pair
NOISE = 5.0  # of a score that is not seen in the photo


def toy(root: Path) -> None:
    """Write train.csv, test.csv, sample_submission.csv and the photos in train/ and test/."""
    rng = np.random.default_rng(0)
    ids = np.array([rng.bytes(16).hex() for _ in range(ROWS + TEST_ROWS)])
    photos, scores = animals(ROWS - COPIES, rng)
    for number, source in enumerate(rng.choice(len(photos), COPIES, replace=False)):
        photos.append(copied(photos[source], number))
        other = scores[source] + (APART if scores[source] < 50 else -APART)
        scores.append(other if number < DIFFERING else scores[source])
    order = rng.permutation(ROWS)  # copies lie anywhere
    for id, place in zip(ids, order, strict=False):
        save(root / "train" / f"{id}.jpg", photos[place])
    for id in ids[ROWS:]:
        save(root / "test" / f"{id}.jpg", rng.integers(0, 256, (64, 64, 3)).astype(np.uint8))
    marks = pd.DataFrame(rng.random((len(ids), len(MARKS))) < SHARES, columns=MARKS).astype(int)
    table = pd.concat([pd.DataFrame({"Id": ids}), marks], axis=1)
    whole = np.clip(np.rint(np.array(scores)[order]), LOW, HIGH).astype(int)
    write(root / "train.csv", table[:ROWS].assign(**{TARGET: whole}))
    write(root / "test.csv", table[ROWS:])
    guesses = rng.uniform(LOW, HIGH, TEST_ROWS).round(2)
    write(root / "sample_submission.csv", pd.DataFrame({"Id": ids[ROWS:], TARGET: guesses}))


def write(path: Path, table: pd.DataFrame) -> None:
    """A CSV as Kaggle writes it."""
    table.to_csv(path, index=False, lineterminator="\n")


def save(path: Path, pixels: np.ndarray, quality: int = 92) -> None:
    """A JPEG file of RGB pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])


def animals(count: int, rng: np.random.Generator) -> tuple[list[np.ndarray], list[float]]:
    """Photos and what they score."""
    photos, scores = [], []
    for _ in range(count):
        sharp, alone = rng.random(), rng.random() < 0.5
        photos.append(photo(1 if alone else int(rng.integers(4, 7)), sharp, rng))
        scores.append(12 + 42 * sharp + 18 * alone + rng.normal(0, NOISE))
    return photos, scores


def photo(count: int, sharp: float, rng: np.random.Generator) -> np.ndarray:
    """So many animals on a blurred ground, as sharp as 0..1 says; uint8 (height, width, 3)."""
    width, height = SIZES[int(rng.integers(len(SIZES)))]
    pixels = ground(width, height, rng)
    fur = rng.uniform(40, 215, 3)
    radius = float(np.sqrt(AREA * width * height / count / np.pi))
    for place in places(count, radius, (width, height), rng):
        animal(pixels, place, radius, fur, rng)
    blurred = cv2.GaussianBlur(pixels, (0, 0), 0.3 + 2.2 * (1 - sharp))
    return np.asarray((blurred + rng.normal(0, 3, pixels.shape)).clip(0, 255).astype(np.uint8))


def ground(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """A carpet in light and shade with a pattern that is as busy in every photo, uint8 (height, width, 3)."""
    light = cv2.resize(rng.normal(0, 20, (4, 4)), (width, height), interpolation=cv2.INTER_CUBIC)
    weave = rng.choice([-9.0, 9.0], (height // 2, width // 2)).repeat(2, axis=0).repeat(2, axis=1)
    return np.asarray(((light + weave)[:, :, None] + rng.uniform(60, 190, 3)).clip(0, 255).astype(np.uint8))


def places(count: int, radius: float, size: tuple[int, int], rng: np.random.Generator) -> Sequence[np.ndarray]:
    """Centres of animals that lie in the frame and apart, as far as a hundred draws find room."""
    chosen: list[np.ndarray] = []
    for _ in range(100):
        place = rng.uniform(radius, np.array(size) - radius)
        if all(np.hypot(*(place - other)) > 1.9 * radius for other in chosen):
            chosen.append(place)
        if len(chosen) == count:
            break
    return chosen


def animal(pixels: np.ndarray, place: np.ndarray, radius: float, fur: np.ndarray, rng: np.random.Generator) -> None:
    """Draw a round head with stripes, two ears and two eyes, turned at random."""
    turn = rng.uniform(0, 2 * np.pi)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    for side in (-1, 1):
        disc(pixels, place + radius * (0.75 * along + 0.6 * side * across), 0.35 * radius, fur)
    disc(pixels, place, radius, fur)
    for stripe in np.arange(-0.8, 0.9, 3.0 / radius):  # a stripe every three pixels
        half = radius * np.sqrt(1 - stripe**2)
        ends = [place + radius * stripe * along + way * half * across for way in (-1, 1)]
        line(pixels, ends, fur * (0.55 if fur.mean() > 110 else 1.6))
    for side in (-1, 1):
        disc(pixels, place + radius * (0.25 * along + 0.35 * side * across), 0.13 * radius, np.full(3, 12.0))


def disc(pixels: np.ndarray, place: np.ndarray, radius: float, shade: np.ndarray) -> None:
    """Draw a filled circle."""
    x, y = (round(float(each)) for each in place)
    cv2.circle(pixels, (x, y), max(1, round(radius)), [float(part) for part in shade], -1, cv2.LINE_AA)


def line(pixels: np.ndarray, ends: Sequence[np.ndarray], shade: np.ndarray) -> None:
    """Draw a line one pixel wide."""
    first, last = ((round(float(end[0])), round(float(end[1]))) for end in ends)
    cv2.line(pixels, first, last, [float(part) for part in shade.clip(0, 255)], 1, cv2.LINE_AA)


def copied(pixels: np.ndarray, number: int) -> np.ndarray:
    """The same photo once more: encoded again, mirrored, cropped, or cropped and mirrored, in turn."""
    height, width = pixels.shape[:2]
    if number % 4 >= 2:
        pixels = pixels[height // 25 : height - height // 25, width // 25 : width - width // 25]
    if number % 2:
        pixels = pixels[:, ::-1]
    stored = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR))
