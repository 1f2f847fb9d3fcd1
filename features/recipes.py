"""Augmentation recipes: what may happen to an image on its way to the network, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Frame: TypeAlias = Literal["centre", "whole", "crop", "window"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What may happen to an image; the defaults change nothing but its size.

    frame says what is taken of the image. centre: the largest middle part of the output's ratio, times keep; whole:
    all of it, squashed; crop: a random part of scale times its area and ratio times the output's ratio; window: a
    random part of exactly the output's size. Ranges reach both ways: rotate=10 turns by -10 to 10 degrees.
    """

    frame: Frame = "centre"
    keep: float = 1.0
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.0  # probability of left-right
    flop: float = 0.0  # probability of upside-down
    rotate: float = 0.0  # degrees
    zoom: float = 0.0  # 0.1: 0.9 to 1.1 times
    shift: float = 0.0  # share of the output's side
    shear: float = 0.0  # degrees
    brightness: float = 0.0  # 0.4: 0.6 to 1.4 times
    contrast: float = 0.0  # the same, around the mean gray
    saturation: float = 0.0  # the same, around each pixel's gray
    hue: float = 0.0  # share of the colour circle
    blur: float = 0.0  # probability, and so are the next
    noise: float = 0.0
    dropout: float = 0.0  # up to 8 rectangles go black
    distortion: float = 0.0

    def __post_init__(self) -> None:
        if self.frame not in get_args(Frame):
            raise ValueError(f"expected frame to be one of {', '.join(get_args(Frame))}, got {self.frame!r}")

    @property
    def moves(self) -> bool:
        """Whether the geometry is random."""
        affine = (self.flip, self.flop, self.rotate, self.zoom, self.shift, self.shear)
        return self.frame in ("crop", "window") or any(affine)

    @property
    def recolours(self) -> bool:
        """Whether colours change."""
        return any((self.brightness, self.contrast, self.saturation, self.hue))

    @property
    def extras(self) -> bool:
        """Whether anything is left to albumentations."""
        return any((self.blur, self.noise, self.dropout, self.distortion))


RECIPES = {
    "none": Recipe(),
    "light": Recipe(
        frame="crop",
        scale=(0.6, 1.0),
        flip=0.5,
        rotate=10,
        brightness=0.1,
        contrast=0.1,
        saturation=0.1,
    ),
    "medium": Recipe(
        frame="crop",
        scale=(0.35, 1.0),
        flip=0.5,
        rotate=15,
        zoom=0.1,
        shift=0.05,
        shear=5,
        brightness=0.2,
        contrast=0.2,
        saturation=0.2,
    ),
    "heavy": Recipe(
        frame="crop",
        flip=0.5,
        rotate=30,
        zoom=0.2,
        shift=0.1,
        shear=10,
        brightness=0.4,
        contrast=0.4,
        saturation=0.4,
        hue=0.05,
        blur=0.2,
        noise=0.2,
        dropout=0.3,
        distortion=0.2,
    ),
    "digits": Recipe(frame="whole", rotate=12, zoom=0.1, shift=0.1, shear=8),  # a mirrored 2 is no 2
}


def recipe_named(name: str) -> Recipe:
    """A recipe by its name."""
    if name not in RECIPES:
        raise ValueError(f"expected a recipe among {', '.join(RECIPES)}, got {name!r}")
    return RECIPES[name]
