"""Random views of images and masks, seeded per sample: one warp, one colour matrix, then what a recipe adds."""

from __future__ import annotations

import hashlib
import math
import operator
import random
import threading
from typing import Any

import cv2
import numpy as np

from features.extras import extra_steps
from features.geometry import Draw, place, still, warp, warp_mask
from features.recipes import Recipe

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as PIL and OpenCV weigh gray
YIQ = np.array([LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)])  # luma, and the plane hue turns in
RGB = np.linalg.inv(YIQ)


def sample_seed(seed: int, epoch: int, name: str, turn: int = 0) -> int:
    """The seed of one sample: the same in every worker and after a resume, another for each epoch, id and turn."""
    digest = hashlib.blake2b(f"{seed}/{epoch}/{turn}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class Augment:
    """Images of any size to views of height x width, as a recipe says; threads may share it."""

    def __init__(self, recipe: Recipe, height: int, width: int, interpolation: str = "bilinear") -> None:
        self.recipe, self.size = recipe, (height, width)
        self.steps = cv2.INTER_CUBIC if interpolation == "bicubic" else cv2.INTER_LINEAR
        self._local = threading.local()  # albumentations keeps its random state in the transform

    def __call__(self, image: np.ndarray, seed: int, out: np.ndarray | None = None) -> np.ndarray:
        """The view (height, width, channels) of an image (h, w, channels), written to out where that is given."""
        return self._views(image, None, seed, out)[0]

    def pair(
        self, image: np.ndarray, mask: np.ndarray, seed: int, out: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The view of an image and that of its mask (h, w, 1), moved alike; the mask's values are kept, not mixed."""
        if mask.shape[:2] != image.shape[:2]:
            raise ValueError(f"expected a mask as large as its image, {image.shape[:2]}, got {mask.shape[:2]}")
        return self._views(image, mask, seed, out)

    def _views(self, image: np.ndarray, mask: Any, seed: int, out: np.ndarray | None) -> tuple[np.ndarray, Any]:
        draw = random.Random(seed).random  # its stream is promised not to change between versions of Python
        out = np.empty((*self.size, image.shape[2]), np.uint8) if out is None else out
        if self.recipe.moves:
            matrix = place(self.recipe, image.shape[:2], self.size, draw)
            warp(image, matrix, out, self.steps)
            mask = mask if mask is None else warp_mask(mask, matrix, self.size)
        else:
            out[:] = still(image, self.recipe, self.size, self.steps)
            mask = mask if mask is None else still(mask, self.recipe, self.size, cv2.INTER_NEAREST)
        if self.recipe.recolours:
            _recolour(out, self.recipe, draw)
        if self.recipe.extras:
            mask = self._extra(out, mask, seed)
        return out, mask

    def _extra(self, image: np.ndarray, mask: Any, seed: int) -> Any:
        """Change the image in place by what the recipe leaves to albumentations; the mask, moved alike."""
        if not hasattr(self._local, "steps"):
            self._local.steps = extra_steps(self.recipe)
        self._local.steps.set_random_seed(seed % 2**32)
        made = self._local.steps(image=image) if mask is None else self._local.steps(image=image, mask=mask)
        image[:] = made["image"]
        return made.get("mask")


def _recolour(image: np.ndarray, recipe: Recipe, draw: Draw) -> None:
    """Brightness, contrast, saturation and hue in one matrix, in place, clipped once at its end."""
    bright, contrast, saturation, hue = (
        reach * (2 * draw() - 1) for reach in (recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue)
    )
    gain = (1 + bright) * (1 + contrast)
    means = cv2.mean(image)[: image.shape[2]]
    gray = sum(map(operator.mul, means, LUMA)) if len(means) == 3 else means[0]
    offset = -contrast * (1 + bright) * gray
    if image.shape[2] == 1:
        cv2.transform(image, np.array([[gain, offset]]), dst=image[:, :, 0])
        return
    # Each channel is drawn towards the pixel's gray. Plain numbers: numpy takes longer over nine of them.
    pull, own = -saturation * gain, (1 + saturation) * gain
    rows = [[pull * weight + own * (row == column) for column, weight in enumerate(LUMA)] for row in range(3)]
    mixed = np.array([[*row, offset] for row in rows])
    if hue:
        mixed = _hue_turn(hue) @ mixed
    cv2.transform(image, mixed, dst=image)


def _hue_turn(share: float) -> np.ndarray:
    """A matrix (3, 3) that turns colours by a share of the circle around the gray axis, and so leaves gray alone."""
    cosine, sine = math.cos(math.tau * share), math.sin(math.tau * share)
    turn: np.ndarray = RGB @ np.array([(1, 0, 0), (0, cosine, -sine), (0, sine, cosine)]) @ YIQ
    return turn
