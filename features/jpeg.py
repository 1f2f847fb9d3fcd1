"""JPEG files at the smallest size that serves: the header read here, the pixels decoded by OpenCV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np

from features.reading import Size

START, SCAN, END = b"\xff\xd8\xff", 0xDA, b"\xff\xd9"
FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: what every decoder knows
EXIF, EXIF_NAME = 0xE1, b"Exif\x00\x00"
FLAGS: Mapping[int, Mapping[int, int]] = {  # by channels, then by what sides are divided by
    3: {
        1: cv2.IMREAD_COLOR,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    },
    1: {
        1: cv2.IMREAD_GRAYSCALE,
        2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
        4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
        8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    },
}


class Header(NamedTuple):
    """What a JPEG says of itself before its pixels begin."""

    size: Size
    exif: bytes  # the Exif segment's content, empty if there is none
    scan: int  # where the pixels begin


def header_of(content: bytes) -> Header | None:
    """The header of a JPEG of 8-bit gray or YCbCr; None for any other file, which PIL is to judge."""
    if not content.startswith(START):
        return None
    size, exif, place = (0, 0), b"", 2
    while place + 10 <= len(content) and content[place] == 0xFF:
        marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4])
        if marker == SCAN:
            return Header(size, exif, place) if all(size) else None
        if marker in FRAMES and content[place + 4] == 8 and content[place + 9] in (1, 3):
            size = (int.from_bytes(content[place + 5 : place + 7]), int.from_bytes(content[place + 7 : place + 9]))
        if marker == EXIF and content.startswith(EXIF_NAME, place + 4):
            exif = content[place + 4 : place + 2 + length]
        place += 2 + length
    return None


def decode_jpeg(content: bytes, header: Header, least: Size, channels: int, reduce: bool) -> np.ndarray:
    """JPEG pixels as stored, BGR or gray (h, w, channels), of at least the least size; truncated ones are refused."""
    # OpenCV fills what is missing with gray and says nothing. Before the scan, an end marker belongs to a thumbnail.
    if content.rfind(END, header.scan) < 0:
        raise ValueError(f"truncated: its {len(content)} bytes hold no end-of-image marker")
    pairs = list(zip(header.size, least, strict=True))
    fits = (factor for factor in (8, 4, 2) if all(-(-side // factor) >= target for side, target in pairs))
    factor = next(fits, 1) if reduce else 1
    flag = FLAGS[channels][factor] | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    if pixels is None:
        raise ValueError("its JPEG stream cannot be decoded")
    # A last row or column that is less than half filled would move all others by up to a pixel.
    height, width = (max(target, (side + factor // 2) // factor) for side, target in pairs)
    return pixels.reshape(*pixels.shape[:2], channels)[:height, :width]
