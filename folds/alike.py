"""Pairs of images that may show the same: a window of one, as it is or mirrored, resembles the other when blurred."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Blurred: TypeAlias = Callable[[np.ndarray, Sequence[tuple[float, float]]], np.ndarray]
Steps: TypeAlias = Callable[[Iterable[Any], int, str], Iterator[Any]]  # (items, total, what) -> items, with progress

STARTS = (1 / 60, 1 / 20, 1 / 12)  # of a side cut away at one end; with them no crop of up to 1/10 is further off than
# 1/60 of the side, where copies still correlate with more than 0.93, and scenes of their own seldom with 0.8
CUTS = ((0.0, 1.0), *((one, 1 - one - other) for one in STARTS for other in STARTS if one + other < 0.101))
ALIKE = 0.82  # correlation from which a pair is looked at closely; a light shift that clips costs a copy up to 0.1
MOST = 200  # pairs that start from one image: among thousands of images of one scene the likest are looked at
CELLS = 2**23  # correlations held at once, 32 MB


@dataclass(frozen=True)
class Pairs:
    """Pairs of images, each with the window of one, mirrored or not, that resembles all of the other."""

    whole: np.ndarray  # (pairs,), rows of the images that show more
    part: np.ndarray  # (pairs,)
    windows: np.ndarray  # float32 (pairs, 4): top, height, left, width, shares of the sides of the whole
    mirrored: np.ndarray  # bool (pairs,): the whole is mirrored before the window is taken

    def __len__(self) -> int:
        return len(self.whole)

    def take(self, chosen: Any, windows: np.ndarray | None = None) -> Pairs:
        """Some of the pairs, with other windows where given."""
        windows = self.windows[chosen] if windows is None else windows
        return Pairs(self.whole[chosen], self.part[chosen], windows, self.mirrored[chosen])

    def turned(self, chosen: np.ndarray) -> Pairs:
        """The same pairs, whole and part changing places where chosen (pairs,) says."""
        starts, lengths = self.windows[:, 0::2].copy(), self.windows[:, 1::2]
        starts[self.mirrored, 1] = 1 - starts[self.mirrored, 1] - lengths[self.mirrored, 1]
        turned = np.stack([-starts / lengths, 1 / lengths], axis=2).reshape(-1, 4)
        return Pairs(
            np.where(chosen, self.part, self.whole),
            np.where(chosen, self.whole, self.part),
            np.where(chosen[:, None], turned, self.windows),
            self.mirrored,
        )


@dataclass(frozen=True)
class _Hits:
    """Correlations above ALIKE of a block's rows with all images."""

    one: np.ndarray
    other: np.ndarray
    place: np.ndarray  # number of the window, and of the mirror
    score: np.ndarray

    def take(self, chosen: np.ndarray) -> _Hits:
        """Some of them."""
        return _Hits(self.one[chosen], self.other[chosen], self.place[chosen], self.score[chosen])


def find_alike(pixels: np.ndarray, blurred: Blurred, steps: Steps) -> Pairs:
    """Each pair of thumbnails (images, side, side, 3) worth a closer look, once, with its best window."""
    if not len(pixels):
        nothing = np.zeros(0, np.int64)
        return Pairs(nothing, nothing, np.empty((0, 4), np.float32), nothing == 1)
    rows = max(1, min(512, CELLS // len(pixels)))
    starts = range(0, len(pixels), rows)
    whole = np.concatenate([blurred(pixels[start : start + rows], CUTS[:1])[0, 0] for start in starts])
    blocks = steps(starts, len(starts), "comparing images")
    hits = _joined([_likest(_search(pixels, blurred, whole, start, start + rows)) for start in blocks])
    best = _best(hits, np.minimum(hits.one, hits.other), np.maximum(hits.one, hits.other))
    window, mirrored = np.divmod(best.place, 2)
    down, along = (np.array(CUTS, np.float32)[place] for place in np.divmod(window, len(CUTS)))
    return Pairs(best.one, best.other, np.hstack([down, along]), mirrored == 1)


def _search(pixels: np.ndarray, blurred: Blurred, whole: np.ndarray, start: int, stop: int) -> _Hits:
    """Windows of a block of images against all of the others."""
    found: list[_Hits] = []
    held = 0
    for mirror in (0, 1):
        block = pixels[start:stop, :, ::-1] if mirror else pixels[start:stop]
        windows = blurred(block, CUTS)
        for window in range(len(CUTS) ** 2):
            correlations = windows[divmod(window, len(CUTS))] @ whole.T
            at = np.flatnonzero(correlations > ALIKE)
            one, other = np.divmod(at, len(whole))
            hits = _Hits(one + start, other, np.full(len(at), 2 * window + mirror), correlations.ravel()[at])
            found.append(hits.take(hits.one != hits.other))
            held += len(at)
            if held > CELLS:  # thousands of like images: what is not among an image's likest goes at once
                found = [_likest(_joined(found))]
                held = len(found[0].one)
    return _joined(found)


def _likest(hits: _Hits) -> _Hits:
    """Of each row its MOST best partners, each with its best window."""
    best = _best(hits, hits.one, hits.other)
    ranked = best.take(np.lexsort([-best.score, best.one]))
    first = np.searchsorted(ranked.one, ranked.one)
    return ranked.take(np.arange(len(first)) - first < MOST)


def _best(hits: _Hits, one: np.ndarray, other: np.ndarray) -> _Hits:
    """Of the hits of each pair the best."""
    order = np.lexsort([hits.place, -hits.score, other, one])
    one, other = one[order], other[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    return hits.take(order[first])


def _joined(parts: Sequence[_Hits]) -> _Hits:
    names = ("one", "other", "place", "score")
    return _Hits(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
