"""Near-duplicate images: copies that were recoded, resized, cropped, lit otherwise or mirrored, found and grouped."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from folds.aligned import at_an_end, disagree, framed_alike, lay_over, soften
from folds.alike import Blurred, Pairs, Steps, find_alike
from folds.components import components
from folds.plain import FAINT, PLAIN, find_plain, spread

CHUNK = 2**18  # pixel values of as many pairs as are compared at once, so that they stay in the processor's cache
BLOCK = 500  # images
THREADS = min(8, os.cpu_count() or 1)  # numpy releases the interpreter's lock; memory is what more would wait for
SKETCH = (30.0, 0.9)  # worst spot at most and correlation at least, in gray at half size, to be looked at closely
SAME = (10.5, 0.97)  # the same in colour at full size, to be the same picture


def find_twins(pixels: np.ndarray, blurred: Blurred, steps: Steps) -> np.ndarray:
    """The group of each thumbnail, uint8 (images, side, side, 3); -1 for one without a near-duplicate, (images,).

    `blurred` gives vectors whose products are the correlations of blurred windows of thumbnails, as alike.Blurred.
    """
    rows, number = _different(pixels)
    contrast = np.concatenate([spread(pixels[each]) for each in np.array_split(rows, len(rows) // BLOCK + 1)])
    shown, blank = rows[contrast >= PLAIN], rows[contrast < FAINT]
    rich = pixels[shown]
    pairs = confirm(rich, find_alike(rich, blurred, steps), steps)
    same = np.column_stack([shown[pairs.whole], shown[pairs.part]])
    copies = np.column_stack([rows[number], np.arange(len(pixels))])
    found = np.concatenate([same, blank[find_plain(pixels[blank])], copies])
    groups = components(len(pixels), found.tolist())
    groups[np.bincount(groups, minlength=1)[groups] == 1] = -1
    known = np.unique(groups[groups >= 0])
    return np.where(groups >= 0, np.searchsorted(known, groups), -1)


def confirm(pixels: np.ndarray, pairs: Pairs, steps: Steps) -> Pairs:
    """The pairs of thumbnails (images, side, side, 3) whose pixels agree once one is laid over the other."""
    side = pixels.shape[1]
    gray, clipped = np.empty((len(pixels), side // 2, side // 2, 1), np.float32), np.empty(len(pixels))
    for start in range(0, len(pixels), BLOCK):
        some = pixels[start : start + BLOCK].transpose(0, 3, 1, 2)
        halves = some.reshape(len(some), 3, side // 2, 2, side // 2, 2).mean((1, 3, 5), dtype=np.float32)
        gray[start : start + BLOCK, ..., 0] = halves
        clipped[start : start + BLOCK] = at_an_end(some).mean((1, 2))
    # what one has clipped can't be told from the rest, so it is the other one whose light is changed
    pairs = pairs.turned(clipped[pairs.whole] > clipped[pairs.part] + 0.05)
    return _agreeing(pixels, _agreeing(gray, pairs, SKETCH, 4, steps), SAME, 3, steps)


def _agreeing(images: np.ndarray, pairs: Pairs, limits: tuple[float, float], rounds: int, steps: Steps) -> Pairs:
    """The pairs of images (images, side, side, channels) within the limits, their windows improved."""
    chunk = max(1, CHUNK // max(images[:1].size, 1))
    chunks = [pairs.take(slice(start, start + chunk)) for start in range(0, len(pairs), chunk)]

    def compare(some: Pairs) -> tuple[np.ndarray, np.ndarray]:
        whole, part = (
            images[rows].transpose(0, 3, 1, 2).astype(np.float32, order="C") for rows in (some.whole, some.part)
        )
        whole[some.mirrored] = whole[some.mirrored, :, :, ::-1]
        windows = lay_over(soften(whole), soften(part), some.windows, rounds)
        worst, correlation = disagree(whole, part, windows)
        return windows, framed_alike(windows) & (worst <= limits[0]) & (correlation >= limits[1])

    windows, kept = [pairs.windows[:0]], [np.zeros(0, dtype=bool)]
    with ThreadPoolExecutor(THREADS) as pool, threadpool_limits(1, user_api="blas"):
        for better, agree in steps(pool.map(compare, chunks), len(chunks), "aligning pairs"):
            windows.append(better)
            kept.append(agree)
    chosen = np.concatenate(kept)
    return pairs.take(chosen, np.concatenate(windows)[chosen])


def _different(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the different thumbnails, in an order that is their own whatever order they came in, and which of them
    each thumbnail equals, (images,)."""
    digests = np.array([hashlib.blake2b(each.tobytes(), digest_size=16).hexdigest() for each in pixels], dtype="U32")
    rows, number = np.unique(digests, return_index=True, return_inverse=True)[1:]
    return rows, number
