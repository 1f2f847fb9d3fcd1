"""Which things hang together: connected components of pairs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def components(count: int, pairs: Iterable[tuple[int, int]]) -> np.ndarray:
    """The component of each of count things, (count,), numbered in the order of their first members."""
    above = list(range(count))

    def top(thing: int) -> int:
        while above[thing] != thing:
            above[thing] = above[above[thing]]
            thing = above[thing]
        return thing

    for one, other in pairs:
        first, second = sorted((top(one), top(other)))
        above[second] = first
    return np.unique([top(thing) for thing in range(count)], return_inverse=True)[1].astype(np.int64)
