"""Small synthetic stand-ins for digit-recognizer's raw files: handwriting made of typefaces, bent and blurred."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

SIDE, DRAWN = 28, 84  # pixels; drawn three times as large, so that shrinking smooths the strokes
ROWS, TEST_ROWS = 1000, 250
FACES = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def toy(root: Path) -> None:
    """Write train.csv, test.csv and sample_submission.csv."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, ROWS + TEST_ROWS)
    pixels = np.stack([digit(int(label), rng).ravel() for label in labels])
    table = pd.DataFrame(pixels, columns=[f"pixel{number}" for number in range(SIDE * SIDE)])
    sample = pd.DataFrame({"ImageId": np.arange(1, TEST_ROWS + 1), "Label": 0})
    train, test = table[:ROWS], table[ROWS:]
    train.insert(0, "label", labels[:ROWS])
    for name, rows in (("train", train), ("test", test), ("sample_submission", sample)):
        rows.to_csv(root / f"{name}.csv", index=False, lineterminator="\n")


def digit(label: int, rng: np.random.Generator) -> np.ndarray:
    """One digit, white on black, uint8 (28, 28)."""
    canvas = np.zeros((DRAWN, DRAWN), np.uint8)
    face, thickness = FACES[int(rng.integers(len(FACES)))], int(rng.integers(3, 8))
    (width, height), _ = cv2.getTextSize(str(label), face, 2.0, thickness)
    corner = ((DRAWN - width) // 2, (DRAWN + height) // 2)
    cv2.putText(canvas, str(label), corner, face, 2.0, 255, thickness, cv2.LINE_AA)
    bent = cv2.warpAffine(canvas, bend(rng), (DRAWN, DRAWN), flags=cv2.INTER_LINEAR)
    small = cv2.resize(bent, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    noisy = small + rng.normal(0, 18, small.shape) * (small > 0)
    return noisy.clip(0, 255).astype(np.uint8)


def bend(rng: np.random.Generator) -> np.ndarray:
    """A matrix (2, 3) that turns, slants, sizes and shifts a digit about the middle."""
    turn = np.radians(rng.uniform(-25, 25))
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    bent = turned @ [[1, rng.uniform(-0.3, 0.3)], [0, 1]] * rng.uniform(0.75, 1.15)
    middle = np.full(2, DRAWN / 2)
    return np.column_stack([bent, middle - bent @ middle + rng.uniform(-6, 6, 2)])
