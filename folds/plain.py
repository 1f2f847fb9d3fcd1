"""Images with next to nothing in them: black, white, out of focus. Only equal levels make two of them the same."""

from __future__ import annotations

import numpy as np

PLAIN = 1.5  # levels of spread below which an image is plain: matched in light, any two would look alike
FAINT = 6.0  # levels of spread below which one is compared both ways: recoding blurs what little there is
APART, TINGED = 2.5, 5.0  # levels of light, and of a colour, that recoding moves a spot of a sixteenth of the side by
MOST = 50  # pairs that start from one image: a thousand black frames are one group without half a million pairs


def spread(pixels: np.ndarray) -> np.ndarray:
    """By how many levels each of the thumbnails (images, side, side, 3) spreads about its mean, (images,)."""
    return np.asarray(_spots(pixels).std((1, 2)).max(1))


def find_plain(pixels: np.ndarray) -> np.ndarray:
    """Pairs of rows (pairs, 2) of plain thumbnails (images, side, side, 3) whose levels agree, mirrored or not."""
    spots = _spots(pixels)
    lights = spots.mean(-1)
    everything = lights.reshape(len(spots), 256)
    lengths = (everything**2).sum(1)
    found = [np.empty((0, 2), np.int64)]
    for row, (spot, light) in enumerate(zip(spots, lights, strict=True)):
        for turn in (1, -1):
            flat = light[:, ::turn].ravel()
            near = lengths[:row] + lengths[row] - 2 * everything[:row] @ flat <= flat.size * APART**2
            others = np.flatnonzero(near)
            agree = np.abs(lights[others] - light[:, ::turn]).max((1, 2)) <= APART
            agree &= np.abs(spots[others] - spot[:, ::turn]).max((1, 2, 3)) <= TINGED
            others = others[agree][:MOST]
            found.append(np.column_stack([np.full(len(others), row), others]))
    return np.concatenate(found)


def _spots(pixels: np.ndarray) -> np.ndarray:
    """Means of squares of a sixteenth of the side, float32 (images, 16, 16, 3)."""
    images, side, _, channels = pixels.shape
    squares = pixels.reshape(images, 16, side // 16, 16, side // 16, channels)
    return np.asarray(squares.mean((2, 4), dtype=np.float32))
