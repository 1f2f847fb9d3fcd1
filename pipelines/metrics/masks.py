"""Dice of masks: maps of probabilities at any size, judged at the truth's, with one threshold for all rows."""

from __future__ import annotations

import numpy as np

from pipelines.contract import Choice, Metric, Values
from pipelines.metrics.terms import check_numbers, column_means

LEVELS = 256  # maps are judged and kept with 8 bits a pixel
NEUTRAL = 0.5  # the threshold that knows nothing
EXACT = 2**24  # pixels that OpenCV counts without rounding; larger images are counted band by band


def to_levels(maps: Values) -> np.ndarray:
    """Maps with 8 bits a pixel, uint8 (rows, height, width); floats and bools reach from 0 to 1, uint8 are levels."""
    import cv2

    if maps.dtype == np.uint8:
        return maps
    levels = np.empty(maps.shape, np.uint8)
    for each, out in zip(maps, levels, strict=True):
        cv2.convertScaleAbs(np.ascontiguousarray(each, np.float32), dst=out, alpha=LEVELS - 1)
    return levels


def to_size(levels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """One map of levels (height, width) at another size, linear between its pixels."""
    import cv2

    if levels.shape == size:
        return levels
    return cv2.resize(levels, size[::-1], interpolation=cv2.INTER_LINEAR)


def first_level(threshold: float) -> int:
    """The lowest level that reaches a threshold."""
    return int(first_levels(np.asarray(threshold)))


def first_levels(thresholds: np.ndarray) -> np.ndarray:
    """The lowest level that reaches each threshold, int64."""
    levels: np.ndarray = np.ceil(thresholds * (LEVELS - 1) - 1e-6).astype(np.int64)
    return levels


def keep_counts(truth: Values, prediction: Values) -> np.ndarray:
    """Pixels at each level or above, in the mask and outside, uint32 (rows, 2, 256): all that any threshold needs."""
    if (truth.ndim, prediction.ndim, len(truth)) != (3, 3, len(prediction)):
        raise ValueError(
            f"dice: expected truth and prediction of one shape but for their sizes, (rows, height, width), got "
            f"{truth.shape} and {prediction.shape}; give one map for each mask"
        )
    check_numbers("dice", "prediction", prediction)
    kept = np.empty((len(truth), 2, LEVELS), np.uint32)
    for row, levels in enumerate(to_levels(prediction)):
        kept[row] = _counts(truth[row], levels)
    return kept


def dice_at(kept: np.ndarray, choice: Choice) -> np.ndarray:
    """Each row's Dice (rows,) at a threshold for all or one each; 1 where mask and prediction are both empty."""
    thresholds = np.broadcast_to(NEUTRAL if choice is None else np.asarray(choice).reshape(-1), (len(kept),))
    levels = first_levels(thresholds)
    rows = np.arange(len(kept))
    reached = levels < LEVELS
    inside, outside = (kept[rows, side, np.minimum(levels, LEVELS - 1)] * reached for side in (0, 1))
    return _dice(inside.astype(np.int64), outside.astype(np.int64), kept[:, 0, 0].astype(np.int64))


def choose_threshold(kept: np.ndarray) -> np.ndarray:
    """The threshold (1,) of the best mean Dice; of equally good ones that nearest to the neutral one."""
    if not len(kept):
        return np.array([NEUTRAL])
    total = kept[:, 0, :1].astype(np.int64)
    means = _dice(kept[:, 0, 1:].astype(np.int64), kept[:, 1, 1:].astype(np.int64), total).mean(axis=0)
    best = 1 + np.flatnonzero(means == means.max())
    return np.array([best[np.argmin(np.abs(best - first_level(NEUTRAL)))] / (LEVELS - 1)])


def mean_dice(kept: np.ndarray, choice: Choice, weights: np.ndarray | None) -> float:
    """The mean over rows."""
    return float(column_means(dice_at(kept, choice)[:, None], weights)[0])


def _counts(truth: np.ndarray, levels: np.ndarray) -> np.ndarray:
    import cv2

    levels = to_size(levels, (truth.shape[0], truth.shape[1]))
    mask = np.ascontiguousarray(truth != 0).view(np.uint8)
    counts = np.zeros((2, LEVELS), np.int64)
    step = max(1, EXACT // levels.shape[1])
    for start in range(0, len(levels), step):
        band = levels[start : start + step]
        for side, where in enumerate((mask[start : start + step], None)):
            counts[side] += cv2.calcHist([band], [0], where, [LEVELS], [0, LEVELS]).ravel().astype(np.int64)
    counts[1] -= counts[0]
    return counts[:, ::-1].cumsum(axis=1)[:, ::-1].astype(np.uint32)


def _dice(inside: np.ndarray, outside: np.ndarray, total: np.ndarray) -> np.ndarray:
    """2|X∩Y| / (|X|+|Y|) of predicted pixels inside and outside a mask of so many."""
    sizes = inside + outside + total
    scores: np.ndarray = np.divide(2 * inside, sizes, out=np.ones(sizes.shape), where=sizes > 0)
    return scores


dice = Metric(
    name="dice",
    higher_is_better=True,
    best=1.0,
    keep=keep_counts,
    combine=mean_dice,
    choose=choose_threshold,
)
