"""How a file becomes pixels: size, crop or squash, orientation, background."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from typing import Literal, TypeAlias, get_args

import cv2
import numpy as np

Fit: TypeAlias = Literal["squash", "letterbox", "centre", "margin"]
Colour: TypeAlias = tuple[int, int, int]
Size: TypeAlias = tuple[int, int]  # (height, width)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a file becomes pixels: equal readings of equal bytes give equal pixels.

    squash: exactly height x width, ratio lost. letterbox: ratio kept, bars fill the rest. centre: ratio kept, the
    overhang cut off. margin: ratio kept, the overhang left on, for random crops; sizes then differ between files.
    """

    height: int
    width: int
    fit: Fit = "margin"
    channels: int = 3  # 3: RGB; 1: gray, for masks and scans
    orient: bool = True  # turned as its EXIF orientation says; False: as stored
    background: Colour = (255, 255, 255)  # shows through transparent pixels
    bars: Colour = (0, 0, 0)  # what letterbox fills with; gray takes the first
    nearest: bool = False  # takes the nearest pixel and mixes none
    # The file holds one mask, of 0 and 1 or of 0 and 255, or is refused; pixels are how much of them is set, of 255.
    mask: bool = False

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"expected height and width of at least 1 pixel, got {self.height}x{self.width}")
        if self.fit not in get_args(Fit):
            raise ValueError(f"expected fit to be one of {', '.join(get_args(Fit))}, got {self.fit!r}")
        if self.channels not in (1, 3):
            raise ValueError(f"expected 1 channel (gray) or 3 (RGB), got {self.channels}")

    @property
    def name(self) -> str:
        """A folder name: readable, and another one for every other reading."""
        digest = hashlib.sha256(repr(astuple(self)).encode()).hexdigest()
        return f"{self.fit}-{self.height}x{self.width}-{digest[:12]}"

    def scaled(self, height: int, width: int) -> Size:
        """The size an image is resized to, before its overhang is cut or its bars are added."""
        if not height or not width:
            raise ValueError(f"it has no pixels: {height}x{width}")
        if self.fit == "squash":
            return self.height, self.width
        ratios = (self.height / height, self.width / width)
        if self.fit == "letterbox":
            ratio = min(ratios)
            return min(self.height, _whole(height * ratio)), min(self.width, _whole(width * ratio))
        ratio = max(ratios)
        return max(self.height, _whole(height * ratio)), max(self.width, _whole(width * ratio))

    def shape(self, height: int, width: int) -> tuple[int, int, int]:
        """The shape of the pixels of an image of this size."""
        inner = self.scaled(height, width) if self.fit == "margin" else (self.height, self.width)
        return (*inner, self.channels)

    def framed(self, pixels: np.ndarray) -> np.ndarray:
        """Resized pixels (scaled size, channels) cut or padded to their shape."""
        if self.fit == "letterbox":
            framed = np.empty((self.height, self.width, self.channels), np.uint8)
            framed[:] = self.bars[: self.channels]
            centred(framed, *pixels.shape[:2])[:] = pixels
            return framed
        if self.fit == "centre":
            pixels = centred(pixels, self.height, self.width)
        return np.ascontiguousarray(pixels)


def centred(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle height x width of pixels, as a view."""
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


def resize(pixels: np.ndarray, size: Size, nearest: bool = False, how: int = cv2.INTER_LINEAR) -> np.ndarray:
    """Pixels (h, w, c) at another size: averaged where it shrinks much, else by steps of this kind."""
    if nearest:
        return _resize(pixels, size, cv2.INTER_NEAREST_EXACT)
    smaller = (min(size[0], pixels.shape[0]), min(size[1], pixels.shape[1]))
    return _resize(_shrink(pixels, smaller, how), size, how)


def _shrink(pixels: np.ndarray, size: Size, how: int) -> np.ndarray:
    """Pixels at a smaller size, areas averaged.

    Below half, a slight blur and linear steps come as close to the average over areas of a full decode (0.86 of 255
    against 0.79 at 1.7 times smaller, noisy photos) in a third of INTER_AREA's time; its width was fitted from 1.05
    to 2 times smaller.
    """
    ratios = (pixels.shape[0] / size[0], pixels.shape[1] / size[1])
    if max(ratios) >= 2 or min(ratios) <= 1:
        return _resize(pixels, size, cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(pixels, (3, 3), 0.2 + 0.2 * ratios[1], sigmaY=0.2 + 0.2 * ratios[0])
    return _resize(blurred.reshape(pixels.shape), size, how)


def _resize(pixels: np.ndarray, size: Size, how: int) -> np.ndarray:
    if pixels.shape[:2] == size:
        return pixels
    return cv2.resize(pixels, size[::-1], interpolation=how).reshape(*size, pixels.shape[2])


def _whole(length: float) -> int:
    return max(1, int(length + 0.5))
