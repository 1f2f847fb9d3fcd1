"""Test-time views: ways to look at an image, each with the undo that brings a map back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import torch

Apply: TypeAlias = "Callable[[torch.Tensor], torch.Tensor]"  # images (rows, channels, height, width) -> seen anew
Undo: TypeAlias = "Callable[[torch.Tensor, tuple[int, int]], torch.Tensor]"  # maps, (height, width) of the images
Views: TypeAlias = Literal["none", "flip", "flips", "turns", "scales"]

MIRRORS: dict[str, list[tuple[int, ...]]] = {  # the axes that are turned round
    "none": [()],
    "flip": [(), (-1,)],
    "flips": [(), (-1,), (-2,), (-2, -1)],
    "turns": [(), (-1,)],
}
FACTORS = (1.0, 0.85, 1.2)  # of --views scales
STRIDE = 32  # networks halve their maps five times: sides stay multiples of this


@dataclass(frozen=True)
class View:
    """One look and its undo; undo(apply(images), size of images) is images."""

    name: str
    apply: Apply
    undo: Undo


def views_named(name: Views) -> list[View]:
    """flip: as it is and mirrored; flips: both mirrors; turns: quarter turns, mirrored too; scales: three sizes."""
    if name == "scales":
        return [_scaled(factor) for factor in FACTORS]
    quarters = range(4) if name == "turns" else range(1)
    return [_moved(quarter, mirror) for quarter in quarters for mirror in MIRRORS[name]]


def as_it_is() -> View:
    """The view that changes nothing."""
    return View("identity", lambda images: images, lambda maps, size: maps)


def _moved(quarter: int, mirror: tuple[int, ...]) -> View:
    if not quarter and not mirror:
        return as_it_is()

    def apply(images: torch.Tensor) -> torch.Tensor:
        return images.flip(mirror).rot90(quarter, (-2, -1))

    def undo(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        return maps.rot90(-quarter, (-2, -1)).flip(mirror)

    return View(f"turn {quarter} mirror {mirror}", apply, undo)


def _scaled(factor: float) -> View:
    if factor == 1:
        return as_it_is()

    def apply(images: torch.Tensor) -> torch.Tensor:
        height, width = (max(STRIDE, round(side * factor / STRIDE) * STRIDE) for side in images.shape[-2:])
        return resized(images, (height, width))

    return View(f"scale {factor}", apply, resized)


def resized(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Maps (rows, channels, height, width) at another size."""
    import torch

    return torch.nn.functional.interpolate(
        maps.float(), size=size, mode="bilinear", antialias=True, align_corners=False
    )
