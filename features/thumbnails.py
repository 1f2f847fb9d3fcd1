"""Small pictures of photos for finding near-duplicates: pixels to compare, and what is left of them when blurred."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.ahead import Steps, silent
from features.images import Images
from features.reading import Reading

SIDE = 64  # pixels; an object of 5 % of a side is three of them wide
THUMBNAIL = Reading(height=SIDE, width=SIDE, fit="squash")
FINEST = 10  # half waves a side that blurring leaves: a misfit of 1/60 of the side turns the finest by 30 degrees
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def thumbnails(images: Images, steps: Steps = silent) -> np.ndarray:
    """The thumbnails of images read as THUMBNAIL, uint8 (images, SIDE, SIDE, 3)."""
    pixels = np.empty((len(images), SIDE, SIDE, 3), np.uint8)
    for row in steps(range(len(images)), len(images), "thumbnails"):
        pixels[row] = images[row]
    return pixels


def blurred(pixels: np.ndarray, cuts: Sequence[tuple[float, float]]) -> np.ndarray:
    """What blurring leaves of the windows of thumbnails (rows, SIDE, SIDE, 3), float32 (cuts, cuts, rows, numbers).

    A cut is the start and the length of a stretch, as shares of a side; each one of the height is taken with each one
    of the width. Numbers are the cosine transform's at low frequencies, raised in step with the frequency, as
    photographs' power falls with it; each row has length 1, so that products are correlations. The mean is no part of
    them: a brighter photo has the same.
    """
    waves = np.concatenate([_waves(*cut) for cut in cuts])  # (cuts * (FINEST + 1), SIDE)
    gray = pixels @ LUMA
    across = (gray.reshape(-1, SIDE) @ waves.T).reshape(len(pixels), SIDE, -1)
    both = (waves @ across).reshape(len(pixels), len(cuts), FINEST + 1, len(cuts), FINEST + 1)
    down, along = np.mgrid[: FINEST + 1, : FINEST + 1]
    frequency = np.hypot(down, along)
    low = (frequency > 0) & (frequency <= FINEST)
    numbers = both.transpose(1, 3, 0, 2, 4)[..., low] * frequency[low].astype(np.float32)
    lengths = np.linalg.norm(numbers, axis=-1, keepdims=True)
    return np.asarray(numbers / np.maximum(lengths, 1e-6), np.float32)


def _waves(start: float, length: float) -> np.ndarray:
    """Each pixel's weight in the cosine waves of a stretch, the integral over the pixel, float32 (waves, SIDE)."""
    edges = np.clip((np.arange(SIDE + 1) / SIDE - start) / length, 0, 1)
    turns = np.pi * np.arange(1, FINEST + 1)[:, None]
    integrals = np.concatenate([edges[None], np.sin(turns * edges) / turns])
    return np.diff(integrals, axis=1).astype(np.float32)
