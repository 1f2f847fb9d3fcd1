"""Mask files to pixels of 0 and 1; a file that holds anything else is refused by name, never mended."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image, ImageSequence

from features.reading import Size, resize

SINGLE = ("1", "L", "P")  # modes of one channel: their stored numbers are the mask, whatever a palette paints them as
SHOWN = 5  # values named in an error


def decode_mask(content: bytes) -> np.ndarray:
    """The pixels of a mask file's content, uint8 (height, width) of 0 and 1."""
    with Image.open(io.BytesIO(content)) as image:
        if image.mode not in SINGLE:
            raise ValueError(f"expected a mask of one channel, got {image.mode} pixels")
        if (frames := count_frames(image)) > 1:
            raise ValueError(f"expected a mask of one frame, got {frames}")
        image.seek(0)
        return zero_or_one(np.asarray(image).astype(np.uint8, copy=False))


def coverage(mask: np.ndarray, size: Size, nearest: bool = False) -> np.ndarray:
    """How much of each pixel at another size a mask (h, w, 1) of 0 and 1 covers, 0 to 255; nearest: all or nothing.

    Nearest pixels lie half a pixel aside where a side shrinks by an even number, and every border with them.
    """
    full = mask * np.uint8(255)
    if nearest or size[0] > mask.shape[0] or size[1] > mask.shape[1]:
        return resize(full, size, nearest)
    return cv2.resize(full, size[::-1], interpolation=cv2.INTER_AREA).reshape(*size, 1)


def count_frames(image: Image.Image) -> int:
    """How many frames an image has, two standing for more; a GIF is read on to its end, where it may be truncated."""
    if not getattr(image, "is_animated", False):
        return 1
    return sum(1 for _ in ImageSequence.Iterator(image))


def zero_or_one(pixels: np.ndarray) -> np.ndarray:
    """Pixels of 0 and 1, or of 0 and 255, as 0 and 1; any other value is an error that names it."""
    top = int(pixels.max(initial=0))
    if top <= 1:
        return pixels
    if top == 255 and int(np.count_nonzero(pixels == 255)) == int(np.count_nonzero(pixels)):
        return pixels & 1
    values = np.unique(pixels)
    more = ", ..." if len(values) > SHOWN else ""
    listed = ", ".join(map(str, values[:SHOWN].tolist()))
    raise ValueError(f"expected a mask of 0 and 1, or of 0 and 255, got the values {listed}{more}")
