"""Where each pixel of a view comes from: crop, flips and affine moves composed into one warp."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np

from features.reading import Size, centred, resize
from features.recipes import Recipe

Draw: TypeAlias = Callable[[], float]  # the next random number in 0..1
Part: TypeAlias = tuple[float, float, float, float]  # (left, top, width, height) in image pixels
EDGES = cv2.BORDER_REFLECT_101  # what a turned image shows beyond its edges
CROP_TRIES = 10  # as torchvision's RandomResizedCrop


def still(image: np.ndarray, recipe: Recipe, output: Size, how: int = cv2.INTER_LINEAR) -> np.ndarray:
    """The view of a recipe that does not move: the image's middle or all of it, resized."""
    if recipe.frame == "centre":
        _, _, width, height = _middle(image.shape[:2], output, recipe.keep)
        image = centred(image, max(1, round(height)), max(1, round(width)))
    return resize(image, output, how == cv2.INTER_NEAREST, how)


def place(recipe: Recipe, size: Size, output: Size, draw: Draw) -> np.ndarray:
    """A random matrix (2, 3) that leads from the pixels of the output to those of the image."""
    left, top, width, height = _part(recipe, size, output, draw)
    turn, shear = math.radians(_around(0, recipe.rotate, draw)), math.tan(math.radians(_around(0, recipe.shear, draw)))
    zoom = _around(1, recipe.zoom, draw)
    right, down = output[1] * _around(0, recipe.shift, draw), output[0] * _around(0, recipe.shift, draw)
    across = (-1 if draw() < recipe.flip else 1) * width / output[1] / zoom
    along = (-1 if draw() < recipe.flop else 1) * height / output[0] / zoom
    cosine, sine = math.cos(turn), math.sin(turn)
    rows = (
        (across * cosine, across * (cosine * shear - sine), left + width / 2),
        (along * sine, along * (sine * shear + cosine), top + height / 2),
    )
    # From the output's centre to the part's centre, in coordinates whose pixels reach from n to n + 1; OpenCV's pixels
    # lie at n.
    x, y = 0.5 - output[1] / 2 - right, 0.5 - output[0] / 2 - down
    return np.array([(a, b, a * x + b * y + centre - 0.5) for a, b, centre in rows])


def warp(image: np.ndarray, matrix: np.ndarray, out: np.ndarray, steps: int = cv2.INTER_LINEAR) -> None:
    """Fill out (height, width, channels) with the image seen through the matrix."""
    height, width = image.shape[:2]
    (across, askew, _), (slant, along, _) = matrix.tolist()
    factor = int(min(math.hypot(across, slant), math.hypot(askew, along)))
    if factor > 1:  # linear steps over more than two pixels would skip some: average them first
        smaller = (max(1, width // factor), max(1, height // factor))
        image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA).reshape(*smaller[::-1], image.shape[2])
        ratios = np.array([smaller[0] / width, smaller[1] / height])
        matrix = matrix * ratios[:, None]
        matrix[:, 2] += ratios / 2 - 0.5
    how, size = steps | cv2.WARP_INVERSE_MAP, out.shape[1::-1]
    if image.shape[2] == 1:
        cv2.warpAffine(image, matrix, size, dst=out[:, :, 0], flags=how, borderMode=EDGES)
        return
    # OpenCV warps four channels 2.6 times as fast as three; both conversions together cost a tenth of what that saves.
    warped = cv2.warpAffine(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), matrix, size, flags=how, borderMode=EDGES)
    cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, dst=out)


def warp_mask(mask: np.ndarray, matrix: np.ndarray, output: Size) -> np.ndarray:
    """The mask (h, w, 1) seen through the matrix; every pixel keeps a value that the mask has."""
    how = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(mask, matrix, output[::-1], flags=how, borderMode=EDGES).reshape(*output, 1)


def _part(recipe: Recipe, size: Size, output: Size, draw: Draw) -> Part:
    """What the recipe's frame takes of the image."""
    height, width = size
    if recipe.frame == "centre":
        return _middle(size, output, recipe.keep)
    if recipe.frame == "whole":
        return 0, 0, width, height
    if recipe.frame == "window":
        part_height, part_width = min(output[0], height), min(output[1], width)
        return int(draw() * (width - part_width + 1)), int(draw() * (height - part_height + 1)), part_width, part_height
    return _crop(recipe, size, output, draw)


def _crop(recipe: Recipe, size: Size, output: Size, draw: Draw) -> Part:
    """A random part of the image, its area and ratio drawn until it fits; the middle if it never does."""
    height, width = size
    narrow, wide = (math.log(ratio * output[1] / output[0]) for ratio in recipe.ratio)
    for _ in range(CROP_TRIES):
        area = height * width * (recipe.scale[0] + (recipe.scale[1] - recipe.scale[0]) * draw())
        ratio = math.exp(narrow + (wide - narrow) * draw())
        part_width, part_height = math.sqrt(area * ratio), math.sqrt(area / ratio)
        if part_width <= width and part_height <= height:
            return draw() * (width - part_width), draw() * (height - part_height), part_width, part_height
    return _middle(size, output, 1.0)


def _middle(size: Size, output: Size, keep: float) -> Part:
    """The largest middle part of the output's ratio, times keep."""
    height, width = size
    part_width = keep * min(width, height * output[1] / output[0])
    part_height = part_width * output[0] / output[1]
    return (width - part_width) / 2, (height - part_height) / 2, part_width, part_height


def _around(middle: float, reach: float, draw: Draw) -> float:
    return middle + reach * (2 * draw() - 1)
