"""Whether two images show the same, pixel by pixel, once one is laid over the other and its light is matched.

Images are float32 (pairs, channels, side, side), levels from 0 to 255.
"""

from __future__ import annotations

import numpy as np

SOFT = 0.8  # pixels
DARK, LIGHT = 4, 251  # levels beyond which light may have been clipped
NOISE, MISFIT = 3.0, 0.3  # levels, and share of an edge's step, that recoding and resampling may differ by
USUAL, FAINT = 24.0, 0.3  # levels of contrast; in a fainter photo less is allowed, down to this share
ENOUGH = 0.02  # share of pixels from which a light is told at first
LIGHTS, BLAME, GAINS = 4, 2.0, (0.5, 2.0)  # steps to a light, levels from which errors are not squared, its limits
SHARED = 0.85  # of a side at least: two crops of a tenth each share 8/9, a camera that pans less
SHORT = 0.88  # length of a side at least: a tenth is cropped, and what is left of a pixel may be off
FLOOR = 1e-3  # keeps divisions by nothing finite


def soften(images: np.ndarray, width: float = SOFT) -> np.ndarray:
    """Images blurred by so many pixels: finer detail depends on where pixels lie."""
    places = np.arange(images.shape[2])
    weights = np.exp(-0.5 * (np.subtract.outer(places, places) / width) ** 2)
    weights[weights < FLOOR] = 0  # numbers as small as they get would take a hundred times as long
    weights = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return np.asarray(weights @ images @ weights.T)


def lay_over(whole: np.ndarray, part: np.ndarray, windows: np.ndarray, rounds: int) -> np.ndarray:
    """Windows (pairs, 4) of whole, improved step by step (Gauss-Newton) until they fit part.

    Only the place and the two lengths of a window change, so a step solves four equations a pair.
    """
    whole, goal = whole.mean(1, keepdims=True), part.mean(1)
    side = goal.shape[1]
    along = ((np.arange(side) + 0.5) / side - 0.5).astype(np.float32)
    slopes = np.stack([np.gradient(goal, axis=axis) * side for axis in (1, 2)], axis=1)  # per length of the side
    clear = (goal > DARK) & (goal < LIGHT)
    windows = windows.copy()
    normal: np.ndarray | None = None
    for _ in range(rounds):
        moved, inside = cut_out(whole, windows)
        view = moved[:, 0]
        used = (inside & clear & (view > DARK) & (view < LIGHT)).astype(np.float32)
        gain, shift = match_light(view, goal, used)
        misfit = (goal - gain * view - shift) * used
        if normal is None:
            normal = _normal(slopes * used[:, None], slopes, along)
        right = slopes * misfit[:, None]
        sums = np.stack([right[:, 0].sum(2), right[:, 1].sum(1)], axis=1)  # (pairs, 2, side): down, along
        step = np.linalg.solve(normal, np.stack([sums.sum(2), sums @ along], axis=2).reshape(-1, 4, 1))
        move = step.reshape(-1, 2, 2).clip(-0.04, 0.04)  # of the middle, and of the length
        windows[:, 0::2] += move[:, :, 0] - move[:, :, 1] / 2
        windows[:, 1::2] = (windows[:, 1::2] + move[:, :, 1]).clip(0.7, 1.4)
    return windows


def cut_out(whole: np.ndarray, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Windows (pairs, 4) of whole, drawn to its size, and which pixels (pairs, side, side) lie inside it."""
    down, row_inside = _weights(windows[:, :2], whole.shape[2])
    along, column_inside = _weights(windows[:, 2:], whole.shape[2])
    moved = down[:, None] @ whole @ along.transpose(0, 2, 1)[:, None]
    return moved, row_inside[:, :, None] & column_inside[:, None]


def match_light(moved: np.ndarray, part: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gain and the shift (pairs, 1, 1) that make moved most like part (pairs, side, side), where used says."""
    count = _total(used) + FLOOR
    means = [_total(used * image) / count for image in (moved, part)]
    spread = (moved - means[0]) * used
    gain = (_total(spread * part) + count) / (_total(spread * moved) + count)  # 1 where there is but noise
    return gain, means[1] - gain * means[0]


def disagree(whole: np.ndarray, part: np.ndarray, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the worst spot of part lies from the same spot in windows of whole, and their correlation, (pairs,) both.

    A spot is a square of a sixteenth of the side; it counts by how much its levels differ beyond what noise and edges
    that are off by a part of a pixel explain, in levels of a photo of usual contrast. There is one light for all
    channels and all of the image: other colours are another picture.
    """
    moved, inside = cut_out(whole, windows)
    goal = soften(part)
    clipped = _near(at_an_end(moved) | at_an_end(part))
    gain, shift = _light(moved, goal, inside, clipped)
    lit = gain * moved + shift
    edges = sum(np.abs(np.gradient(soften(lit), axis=axis)) for axis in (2, 3)).max(1)
    edges *= MISFIT + MISFIT * clipped  # a clipped light beside another one: their mean says little
    lit = soften(lit.clip(0, 255))  # in this order: light is clipped before it is mixed
    apart = goal - lit
    apart[(moved >= LIGHT) & (apart > 0)] = 0  # it may have been any brighter light
    apart[(moved <= DARK) & (apart < 0)] = 0
    light = apart.mean(1, keepdims=True)
    apart = light + soften(apart - light, 2 * SOFT)  # JPEG keeps colours at half the size
    scale = (goal.mean(1).std((1, 2), keepdims=True) / USUAL).clip(FAINT, 1)
    excess = np.maximum((np.abs(apart).max(1) - edges) / scale - NOISE, 0) * inside
    rim = part.shape[2] // 32
    return _worst_spot(excess[:, rim:-rim, rim:-rim]), _correlation(lit.mean(1), goal.mean(1), inside)


def framed_alike(windows: np.ndarray) -> np.ndarray:
    """Whether windows (pairs, 4) are nearly as large as their whole and share most of it, (pairs,)."""
    starts, lengths = windows[:, 0::2], windows[:, 1::2]
    shared = np.minimum(starts + lengths, 1) - np.maximum(starts, 0)
    alike = (shared >= SHARED * np.maximum(lengths, 1)) & (lengths >= SHORT) & (lengths <= 1 / SHORT)
    return np.asarray(alike.all(1))


def at_an_end(images: np.ndarray) -> np.ndarray:
    """Whether any channel of a pixel is where light clips, (pairs, side, side)."""
    return np.asarray((images.max(1) >= LIGHT) | (images.min(1) <= DARK))


def _light(
    moved: np.ndarray, goal: np.ndarray, inside: np.ndarray, clipped: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The gain and shift of light, (pairs, 1, 1, 1), that make moved, clipped and then softened, most like goal.

    It starts from what is not clipped; then errors count as they are, not squared, so that what is in one image alone
    has little say, and clipped pixels none.
    """
    used = (inside & ~clipped).astype(np.float32)
    scarce = used.mean((1, 2)) < ENOUGH
    used[scarce] = inside[scarce]
    gain, shift = (light[:, None] for light in match_light(soften(moved).mean(1), goal.mean(1), used))
    for _ in range(LIGHTS):
        lit = gain * moved + shift
        free = ((lit > 0) & (lit < 255)).astype(np.float32)
        misfit = goal - soften(lit.clip(0, 255))
        weight = inside[:, None] / np.maximum(1, np.abs(misfit) / BLAME)
        by_gain, by_shift = soften(free * moved), soften(free)
        terms = ((by_gain, by_gain), (by_gain, by_shift), (by_shift, by_shift), (by_gain, misfit), (by_shift, misfit))
        gains, both, shifts, right, left = (
            (weight * one * other).sum((1, 2, 3), keepdims=True) for one, other in terms
        )
        gains, shifts = gains * 1.001 + 1, shifts * 1.001 + 1
        determinant = gains * shifts - both**2
        gain = (gain + (right * shifts - left * both) / determinant).clip(*GAINS)
        shift = shift + (left * gains - right * both) / determinant
    return gain, shift


def _near(marked: np.ndarray) -> np.ndarray:
    """Marked pixels (pairs, side, side) and their neighbours."""
    for axis in (1, 2):
        turned = np.moveaxis(marked, axis, 0)
        wide = turned.copy()
        wide[1:] |= turned[:-1]
        wide[:-1] |= turned[1:]
        marked = np.moveaxis(wide, 0, axis)
    return marked


def _weights(cuts: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The weights (pairs, side, side) of linear interpolation along one axis, and which places (pairs, side) count."""
    places = (np.arange(side, dtype=np.float32) + 0.5) / side
    places = side * (cuts[:, :1] + cuts[:, 1:] * places) - 0.5
    rim = side // 32 - 0.75  # nearer to the border what lies beyond it has a say in blurred pixels of the other image
    inside = (places > rim) & (places < side - 1 - rim)
    weights = np.arange(side, dtype=np.float32) - places.clip(0, side - 1)[:, :, None]
    np.abs(weights, out=weights)
    np.subtract(1, weights, out=weights)
    return np.maximum(weights, 0, out=weights), inside


def _normal(weighted: np.ndarray, slopes: np.ndarray, along: np.ndarray) -> np.ndarray:
    """The matrices (pairs, 4, 4) of the normal equations, down's middle and length, then along's; slopes are (pairs, 2,
    side, side)."""
    down, right = weighted[:, 0] * slopes[:, 0], weighted[:, 1] * slopes[:, 1]
    powers = np.stack([np.ones_like(along), along])  # (2, side)
    normal = np.empty((len(slopes), 4, 4), np.float32)
    normal[:, :2, :2] = _moments(down.sum(2), along)
    normal[:, 2:, 2:] = _moments(right.sum(1), along)
    normal[:, :2, 2:] = powers @ (weighted[:, 0] * slopes[:, 1]) @ powers.T
    normal[:, 2:, :2] = normal[:, :2, 2:].transpose(0, 2, 1)
    damping = np.trace(normal, axis1=1, axis2=2)[:, None, None] / 4 * 1e-3 + 1e-2
    return np.asarray(normal + damping * np.eye(4, dtype=np.float32))


def _moments(sums: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Sums (pairs, side) times 1, along and along squared, as matrices (pairs, 2, 2)."""
    zero, one, two = sums.sum(1), sums @ along, sums @ along**2
    return np.stack([zero, one, one, two], axis=1).reshape(-1, 2, 2)


def _worst_spot(values: np.ndarray) -> np.ndarray:
    """The highest mean over any square of a sixteenth of the side, (pairs,)."""
    width = (values.shape[1] + 4) // 16
    sums = np.pad(values.cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    squares = sums[:, width:, width:] - sums[:, :-width, width:] - sums[:, width:, :-width] + sums[:, :-width, :-width]
    return np.asarray(squares.max((1, 2)) / width**2)


def _correlation(one: np.ndarray, other: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Of two images (pairs, side, side) where inside says, (pairs,)."""
    used = inside.astype(np.float32)
    count = _total(used) + FLOOR
    one, other = (used * (image - _total(used * image) / count) for image in (one, other))
    both = _total(one * other) / (np.sqrt(_total(one**2) * _total(other**2)) + FLOOR)
    return np.asarray(both[:, 0, 0])


def _total(values: np.ndarray) -> np.ndarray:
    """Sums over the pixels of each image, (pairs, 1, 1)."""
    return np.asarray(values.sum((1, 2), keepdims=True))
