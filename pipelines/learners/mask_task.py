"""Masks as what is predicted: truth out of mask files, run-length codes in the submission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.contract import Choice, Table, Values
from pipelines.metrics.masks import NEUTRAL, first_level, to_levels
from pipelines.training.settings import usable_cores
from submissions.rle import Order, encode


@dataclass(frozen=True)
class MaskTask:
    """Which pixels belong to the thing: a target cell is the path of its mask file."""

    column: str  # of the submission
    order: Order  # in which its codes count pixels

    def truth(self, cells: Table) -> Values:
        """The masks at their own size, uint8 (rows, height, width) of 0 and 1; all of one size."""
        from features.ahead import ahead
        from features.decode import read_mask

        paths = list(cells.iloc[:, 0])
        masks = list(ahead(read_mask, paths, min(usable_cores(), len(paths))))
        for path, mask in zip(paths, masks, strict=True):
            if mask.shape != masks[0].shape:
                sizes = [f"{each.shape[1]}x{each.shape[0]}" for each in (masks[0], mask)]
                raise ValueError(f"expected masks of one size, {sizes[0]} as {paths[0]}, got {sizes[1]} in {path}")
        return np.stack(masks)

    def encode(self, values: Values, choice: Choice) -> Mapping[str, np.ndarray]:
        """Codes of the pixels whose probability reaches the choice (without one: 0.5); values (rows, height, width)."""
        thresholds = np.broadcast_to(NEUTRAL if choice is None else np.asarray(choice).reshape(-1), (len(values),))
        codes = [
            encode(levels >= first_level(threshold), self.order)
            for levels, threshold in zip(to_levels(values), thresholds, strict=True)
        ]
        return {self.column: np.array(codes, dtype=object)}


def image_size(rows: Table) -> tuple[int, int]:
    """Height and width of the first row's image as it is stored, by its header."""
    return file_size(rows["image"].iloc[0])


def file_size(path: Path) -> tuple[int, int]:
    """Height and width of an image file, by its header."""
    from PIL import Image

    with Image.open(path) as image:
        return image.height, image.width
