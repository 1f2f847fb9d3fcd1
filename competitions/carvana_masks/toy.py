"""Small synthetic stand-ins for carvana-image-masking-challenge's raw files: Kaggle's names, layout and formats.

Cars of several colours, lighter and darker than the studio behind them, turn on a disc; each view moves a little. So
no shade of gray tells car from studio, and no single place does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from submissions.rle import encode

HEIGHT, WIDTH = 128, 192  # pixels; Kaggle's images are ten times as wide and high
FINE = 3  # times that cars are drawn larger, then averaged down
CARS, TEST_CARS, ANGLES = 24, 3, 16
CORRUPT = "29bb3ece3180_11"  # the test image that Kaggle ships once more, loose
PAINTS = ((228, 228, 230), (168, 170, 172), (118, 120, 124), (28, 28, 32), (150, 30, 32), (34, 58, 120), (64, 96, 70))
MAKES = (("Toyota", "Camry"), ("Ford", "Focus"), ("Honda", "Fit"), ("Kia", "Soul"))


@dataclass(frozen=True)
class Car:
    """What all views of a car have in common."""

    paint: np.ndarray  # (3,)
    length: float  # of the image's width, seen from the side
    breadth: float
    body: float  # of the image's height
    cabin: float
    wall: float  # the studio's gray
    glass: float


@dataclass(frozen=True)
class Stand:
    """Where a car stands in a finely drawn view."""

    middle: float
    floor: float
    half: float  # of its length
    slant: float  # how far the cabin reaches to one side, in halves


def toy(root: Path) -> None:
    """Write images, masks as GIFs, and the three tables."""
    rng = np.random.default_rng(0)
    names = [f"{number:012x}" for number in rng.integers(16**11, 16**12, CARS + TEST_CARS - 1)]
    train, test = sorted(names[:CARS]), sorted([*names[CARS:], CORRUPT[:12]])
    codes = {}
    for name in train:
        for view, (pixels, mask) in pictures(name, rng):
            save_both(root, "train", view, pixels)
            save_mask(root / "train_masks" / f"{view}_mask.gif", mask)
            codes[f"{view}.jpg"] = encode(mask, "rows")
    for name in test:
        for view, (pixels, _) in pictures(name, rng):
            save_both(root, "test", view, pixels)
    spoil(root / "test" / f"{CORRUPT}.jpg", root / f"{CORRUPT}.jpg")
    views = [f"{name}_{angle:02}.jpg" for name in test for angle in range(1, ANGLES + 1)]
    write(root / "train_masks.csv", {"img": list(codes), "rle_mask": list(codes.values())})
    write(root / "sample_submission.csv", {"img": views, "rle_mask": ["1 1"] * len(views)})
    write(root / "metadata.csv", described([*train, *test]))


def described(cars: Sequence[str]) -> dict[str, list[object]]:
    """The columns of metadata.csv, one car without any facts and one without a trim, as a few of Kaggle's are."""
    makes = [MAKES[number % len(MAKES)] for number in range(len(cars))]
    columns: dict[str, list[object]] = {
        "id": [*cars],
        "year": [2006 + number % 9 for number in range(len(cars))],
        "make": [make for make, _ in makes],
        "model": [model for _, model in makes],
        "trim1": ["Base"] * len(cars),
        "trim2": ["", *["4dr Sedan"] * (len(cars) - 1)],
    }
    for name in ("year", "make", "model", "trim1"):
        columns[name][-1] = ""
    return columns


def write(path: Path, columns: Mapping[str, object]) -> None:
    """A CSV of these columns."""
    pd.DataFrame(columns).to_csv(path, index=False, lineterminator="\n")


def save_both(root: Path, side: str, name: str, pixels: np.ndarray) -> None:
    """The image, and the same less compressed in a folder of its own."""
    save(root / side / f"{name}.jpg", pixels)
    save(root / f"{side}_hq" / f"{name}.jpg", pixels, quality=98)


def save(path: Path, pixels: np.ndarray, quality: int = 92) -> None:
    """A JPEG without EXIF."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=quality)


def save_mask(path: Path, mask: np.ndarray) -> None:
    """A single-frame GIF of palette numbers 0 (black) and 1 (white)."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.frombytes("P", mask.shape[::-1], mask.tobytes())
    image.putpalette([0, 0, 0, 255, 255, 255])
    image.save(path, optimize=False)


def spoil(path: Path, loose: Path) -> None:
    """Cut an image off, as one of Kaggle's is; the whole one lies loose."""
    whole = path.read_bytes()
    loose.write_bytes(whole)
    path.write_bytes(whole[: len(whole) // 3])


def pictures(name: str, rng: np.random.Generator) -> list[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """The views of a car by name and angle, each an image (h, w, 3) and a mask (h, w) of 0 and 1."""
    car = Car(
        paint=np.array(PAINTS[int(rng.integers(len(PAINTS)))]) + rng.normal(0, 6, 3),
        length=rng.uniform(0.66, 0.8),
        breadth=rng.uniform(0.42, 0.5),
        body=rng.uniform(0.22, 0.27),
        cabin=rng.uniform(0.17, 0.22),
        wall=rng.uniform(95, 205),
        glass=rng.uniform(30, 90),
    )
    return [(f"{name}_{angle:02}", picture(car, angle, rng)) for angle in range(1, ANGLES + 1)]


def picture(car: Car, angle: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One view: studio, shadow and car, drawn finely and averaged down."""
    turn = 2 * np.pi * (angle - 1) / ANGLES
    share = abs(np.sin(turn))  # 1: seen from the side
    stand = Stand(
        middle=(0.5 + rng.normal(0, 0.03)) * WIDTH * FINE,
        floor=(0.78 + rng.normal(0, 0.03)) * HEIGHT * FINE,
        half=(car.length * share + car.breadth * (1 - share)) / 2 * WIDTH * FINE,
        slant=np.cos(turn) * share * 0.25 + 0.18,
    )
    pixels = studio(car.wall, stand, rng)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    draw_car(pixels, mask, car, stand)
    small = cv2.resize(pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    noisy = small + rng.normal(0, 5, small.shape)
    covered = cv2.resize(mask, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return noisy.clip(0, 255).astype(np.uint8), (covered >= 128).astype(np.uint8)


def studio(wall: float, stand: Stand, rng: np.random.Generator) -> np.ndarray:
    """A lit wall, a floor of another shade, the disc and the car's shadow; uint8 (h, w, 3)."""
    tall, wide = HEIGHT * FINE, WIDTH * FINE
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    light = wall + 30 * np.exp(-(((across * FINE - stand.middle) / wide) ** 2 + (down / HEIGHT - 0.3) ** 2) * 4)
    light = np.where(down > 0.62 * HEIGHT, light - rng.uniform(8, 30), light)
    cast = light[:, :, None] + rng.normal(0, 3, 3)
    pixels = cv2.resize(cast.clip(0, 255).astype(np.uint8), (wide, tall), interpolation=cv2.INTER_LINEAR)
    fill(pixels, oval(stand.middle, stand.floor, 0.46 * wide, 0.17 * tall), np.full(3, wall - 18))
    shadow = np.full((tall, wide, 3), 255, np.uint8)
    fill(shadow, oval(stand.middle, stand.floor + 0.015 * tall, 1.08 * stand.half, 0.06 * tall), np.full(3, 115))
    return cv2.multiply(pixels, cv2.blur(shadow, (4 * FINE, 4 * FINE)), scale=1 / 255)


def draw_car(pixels: np.ndarray, mask: np.ndarray, car: Car, stand: Stand) -> None:
    """Cabin, body, glass and wheels, all of them part of the mask."""
    half, left, right = stand.half, stand.middle - stand.half, stand.middle + stand.half
    body, cabin, lean = car.body * HEIGHT * FINE, car.cabin * HEIGHT * FINE, stand.slant * stand.half
    radius = 0.48 * body
    low = stand.floor - radius * 0.5
    top, eaves, sill = low - body, low - body - cabin, low - 0.5 * body
    hull = [(left, low), (left + 0.02 * half, top + 0.35 * body), (left + 0.16 * half, top)]
    hull += [(right - 0.2 * half, top), (right - 0.02 * half, top + 0.45 * body), (right, low)]
    roof = [(left + 0.3 * half + lean, top), (left + 0.62 * half + lean, eaves)]
    roof += [(right - 0.75 * half + lean, eaves), (right - 0.42 * half + lean, top)]
    glass = [(left + 0.42 * half + lean, top - 0.12 * cabin), (left + 0.66 * half + lean, eaves + 0.14 * cabin)]
    glass += [(right - 0.78 * half + lean, eaves + 0.14 * cabin), (right - 0.56 * half + lean, top - 0.12 * cabin)]
    shade = [(left + 0.03 * half, sill), (right - 0.03 * half, sill), (right, low), (left, low)]
    wheels = [oval(stand.middle + side * 0.64 * half, stand.floor - radius * 0.9, radius, radius) for side in (-1, 1)]
    parts: list[tuple[list[tuple[float, float]], np.ndarray]] = [
        (roof, car.paint * 0.9),
        (hull, car.paint),
        (glass, np.full(3, car.glass)),
        (shade, car.paint * 0.72),
    ]
    for shape, colour in [
        *((outline(each), tint) for each, tint in parts),
        *((wheel, np.full(3, 38.0)) for wheel in wheels),
    ]:
        fill(pixels, shape, colour)
        cv2.fillPoly(mask, [shape], 255)


def outline(points: Sequence[tuple[float, float]]) -> np.ndarray:
    """Corners as OpenCV takes them."""
    corners: np.ndarray = np.rint(np.array(points)).astype(np.int32)
    return corners


def oval(x: float, y: float, across: float, down: float) -> np.ndarray:
    """An ellipse as a polygon."""
    turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return outline(list(zip(x + across * np.cos(turns), y + down * np.sin(turns), strict=True)))


def fill(pixels: np.ndarray, shape: np.ndarray, shade: Sequence[float] | np.ndarray) -> None:
    """Fill a polygon with a colour."""
    cv2.fillPoly(pixels, [shape], [float(part) for part in shade])
