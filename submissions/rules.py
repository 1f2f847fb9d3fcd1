"""What the cells of a competition's submission must keep to, beyond ids and columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from submissions.rle import Order


@dataclass(frozen=True, kw_only=True)
class Masks:
    """What run-length codes of masks stand for."""

    shape: tuple[int, int]  # height and width of every mask
    order: Order
    share: tuple[float, float] | None = None  # of the image, least and most in training; beyond is a warning
    group: Callable[[str], str] | None = None  # by id: rows whose mean area it is that share bounds; None: each row's

    @property
    def size(self) -> int:
        """Pixels of a mask."""
        return self.shape[0] * self.shape[1]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Bounds and kinds of the values, for the checker."""

    low: float = float("-inf")
    high: float = float("inf")
    integer: bool = False  # whole numbers only
    labels: tuple[str, ...] = ()  # the only texts allowed; empty: numbers
    text: bool = False  # cells are neither numbers nor labels
    masks: Masks | None = None  # cells are run-length codes of masks, '' for an empty one
    constant: bool = False  # whether one value for all rows may be submitted
    sample: bool = False  # whether sample_submission's own values may be

    def for_stand_in(self) -> Self:
        """The same rules for a baseline or checkpoint that stands in for a model: it may know nothing yet."""
        return replace(self, constant=True, sample=True)

    def sized(self, shape: tuple[int, int]) -> Self:
        """The same rules for masks of this height and width, where cells are masks."""
        return replace(self, masks=replace(self.masks, shape=shape)) if self.masks else self

    @property
    def words(self) -> bool:
        """Whether cells are anything but numbers."""
        return bool(self.text or self.labels or self.masks)
