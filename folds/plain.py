"""Images with next to nothing in them: black, white, out of focus. Only equal levels make two of them the same."""

from __future__ import annotations

import numpy as np

PLAIN = 1.5  # levels of spread below which an image is plain and only its levels count
FAINT = 6.0  # levels of spread below which one is compared both ways: recoding blurs what little there is
APART, TINGED = 2.5, 5.0  # levels of light, and of a colour, that recoding moves a spot of a sixteenth of the side by
MOST = 50  # pairs that start from one image: a thousand black frames are one group without half a million pairs


def spread(pixels: np.ndarray) -> np.ndarray:
    """By how many levels each of the thumbnails (images, side, side, 3) departs from a smooth slope, (images,).

    A clear sky is as plain as a white wall: any two slopes look alike once laid over each other and matched in light.
    """
    along = np.linspace(-1, 1, 16)
    down, right = (each.ravel() for each in np.meshgrid(along, along, indexing="ij"))
    smooth = np.stack([np.ones(256), down, right, down**2, down * right, right**2], axis=1)
    base = np.linalg.qr(smooth)[0].astype(np.float32)
    spots = _spots(pixels).reshape(len(pixels), 256, 3)
    rest = spots - base @ (base.T @ spots)
    return np.asarray(rest.std(1).max(1))


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
