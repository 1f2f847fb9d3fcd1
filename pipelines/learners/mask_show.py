"""Images with their masks as a fitted mask learner draws them, and where it is wrong."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from pipelines.explain.seam import Asked, Panel, Shown
from pipelines.learners.image_show import overlay, pictures_of
from pipelines.learners.mask_model import MaskModel
from pipelines.metrics.masks import NEUTRAL, first_level, to_levels, to_size

MISSED, ADDED = (214, 39, 40), (31, 119, 180)  # red, blue
NEAR = 2  # pixels to each side of a mask's border, at the truth's size


def show_masks(model: MaskModel, inputs: torch.Tensor, asked: Asked) -> list[Shown]:
    """Each row's image, mask, map of probabilities, and where both disagree."""
    threshold = NEUTRAL if asked.choice is None else float(np.asarray(asked.choice).reshape(-1)[0])
    levels = to_levels(model.predict(inputs))
    rows = zip(pictures_of(inputs), asked.truth, levels, strict=True)
    return [_shown(picture, truth, each, first_level(threshold)) for picture, truth, each in rows]


def _shown(picture: np.ndarray, truth: np.ndarray, levels: np.ndarray, least: int) -> Shown:
    size = (picture.shape[0], picture.shape[1])
    found = to_size(levels, (truth.shape[0], truth.shape[1])) >= least
    small = cv2.resize(truth.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    wrong = border_error(truth > 0, found)
    return Shown(
        [
            Panel("what the network saw", picture),
            Panel("the mask", np.repeat(small[:, :, None] * np.uint8(255), 3, axis=2)),
            Panel("probability", overlay(picture, levels.astype(np.float32) / 255)),
            Panel("missed (red), too much (blue)", disagreement(picture, small > 0, to_size(levels, size) >= least)),
        ],
        f"border error {wrong:.1%}" if wrong is not None else "no border",
    )


def disagreement(picture: np.ndarray, truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """A picture (height, width, 3) in gray, wrong pixels in colour; truth and found bool (height, width)."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    shown: np.ndarray = np.repeat(gray[:, :, None], 3, axis=2)
    shown[truth & ~found], shown[found & ~truth] = MISSED, ADDED
    return shown


def border_error(truth: np.ndarray, found: np.ndarray) -> float | None:
    """The share of pixels near the mask's border that are wrong; None where it has no border."""
    mask, side = truth.astype(np.uint8), np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8)
    near = cv2.dilate(mask, side) != cv2.erode(mask, side)
    return float((truth != found)[near].mean()) if near.any() else None
