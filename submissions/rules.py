"""What the cells of a competition's submission must keep to, beyond ids and columns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Bounds and kinds of the values, for the checker."""

    low: float = float("-inf")
    high: float = float("inf")
    integer: bool = False  # whole numbers only
    labels: tuple[str, ...] = ()  # the only texts allowed; empty: numbers
    text: bool = False  # cells are neither numbers nor labels (run-length codes)
    constant: bool = False  # whether one value for all rows may be submitted
