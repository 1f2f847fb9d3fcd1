"""Read digit-recognizer's raw files: a row of pixels per digit, numbered as Kaggle counts the test rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipelines.contract import Table
from pipelines.faults import shorten
from pipelines.reading import find_file, read_table

if TYPE_CHECKING:
    from features.images import Images

SLUG = "digit-recognizer"
SIDE = 28  # pixels
PIXELS = [f"pixel{number}" for number in range(SIDE * SIDE)]  # row by row


def load(root: Path) -> tuple[Table, Table]:
    """Train with its labels and test; neither file has ids, rows count from 1."""
    train = read(root, "train.csv", ("label",))
    return train[[*PIXELS, "label"]], read(root, "test.csv", ())[PIXELS]


def read(root: Path, name: str, targets: tuple[str, ...]) -> Table:
    """One file's rows, every pixel a byte."""
    path = find_file(root, name, slug=SLUG)
    table = read_table(path, "ImageId", numbered=True, exact=targets)
    expected, got = {*targets, *PIXELS}, {*table.columns}
    if expected != got:
        raise ValueError(
            f"{path}: expected columns {shorten([*targets, *PIXELS])}, got missing: "
            f"{shorten(sorted(expected - got)) or 'none'}; extra: {shorten(sorted(got - expected)) or 'none'}: "
            "is it the file of another competition?"
        )
    odd = [column for column in PIXELS if table[column].dtype != np.uint8]
    if odd:
        wrong = table.index[~pd.to_numeric(table[odd[0]], errors="coerce").isin(range(256))]
        raise ValueError(
            f"{path}: expected whole numbers from 0 to 255 in every pixel, got others in {shorten(odd)}, first in row "
            f"{shorten(wrong, 3)}: download it again"
        )
    return table


def images(table: Table) -> Images:
    """The digits of a table, uint8 (28, 28, 1) each."""
    from features.images import HeldImages

    pixels = table[PIXELS].to_numpy(np.uint8).reshape(-1, SIDE, SIDE, 1)
    return HeldImages(pixels, [f"row {id}" for id in table.index])
