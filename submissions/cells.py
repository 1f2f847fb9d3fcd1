"""A column of a submission, cell by cell: which are missing, no number, out of bounds, no label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from submissions.rules import Rules
from submissions.sample import Sample

Cells: TypeAlias = "list[str] | np.ndarray"  # texts as in a file, or numbers in memory, (rows,)

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
ODD = re.compile(r"[^0-9.eE+\-]")  # float() would read 1_000, ' 1' and other scripts' digits too
MISSING = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "nat", "null", "none"})
INFINITE = {"inf": np.inf, "infinity": np.inf, "-inf": -np.inf, "-infinity": -np.inf}

EXPECTED = {  # kind -> what was expected, what was found, what to do
    "missing": ("a value in every row", "missing ones", "look at what the model returned there, or fill them"),
    "infinite": ("finite numbers", "infinite ones", "look for a division by zero or an overflow"),
    "number": ("numbers", "cells that are none", "write 0.5, not 0,5 or 50% or text, with no spaces around"),
    "fraction": ("whole numbers", "fractions", "submit labels instead of probabilities, or round"),
    "decimal": ("whole numbers written like 3", "written like 3.0", "cast with .astype(int) before writing"),
    "range": ("values from {low:g} to {high:g}", "outside", "clip them, or look for percentages and logarithms"),
    "label": ("one of {labels}", "other labels", "check their spelling, case and spaces"),
    "runs": (
        "runs 'start length', ascending and within {size:,} pixels",
        "codes that are not",
        "encode with submissions.rle, in the competition's order and shape",
    ),
    "text": ("text without carriage returns", "other cells", "write '' where there is nothing, and lines end in \\n"),
}


def plain_columns(cells: Mapping[str, np.ndarray], sample: Sample, rules: Rules) -> dict[str, Cells]:
    """The columns of a submission in memory, in sample_submission's order."""
    return {name: plain_cells(cells[name], rules) for name in sample.values}


def plain_cells(cells: Any, rules: Rules) -> Cells:
    """A column in memory, (rows,), as numbers where the rules ask for numbers and it holds them, else as texts."""
    array = np.asarray(cells)
    if array.dtype.kind in "iuf" and not rules.words:
        return array.astype(np.float64) if array.dtype.itemsize > 8 else array
    items = array.tolist()
    return items if rules.text or rules.masks else [item if isinstance(item, str) else str(item) for item in items]


def written_cells(cells: Cells) -> list[Any]:
    """A column as the CSV writer takes it: floats come out in their shortest form that reads back the same."""
    if isinstance(cells, list):
        return cells
    short = cells.dtype.kind == "f" and cells.dtype.itemsize < 8  # float32's 0.1 is 0.10000000149011612 as a float64
    listed: list[Any] = (cells.astype(str) if short else cells).tolist()
    return listed


def read_numbers(cells: Cells) -> np.ndarray:
    """The cells as float64; NaN where there is no number."""
    if not isinstance(cells, list):
        return cells.astype(np.float64, copy=False)
    if not ODD.search("".join(cells)):
        try:
            return np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            pass  # an empty cell, or signs and points out of place: one by one below
    return np.fromiter(map(read_number, cells), np.float64, len(cells))


def read_number(text: str) -> float:
    """One cell as a number, NaN when it is none."""
    return float(text) if NUMBER.fullmatch(text) else INFINITE.get(text.lower().removeprefix("+"), np.nan)


def find_faults(cells: Cells, numbers: np.ndarray | None, rules: Rules) -> Mapping[str, np.ndarray]:
    """For each kind of fault the rows that have it, (rows,) bool."""
    if numbers is not None:
        return {**unreadable(cells, numbers), **unfit(cells, numbers, rules)}
    if rules.text:
        # a lone carriage return is a line's end to some readers, and csv of Python 3.11 does not quote it
        return {"text": np.array([not isinstance(cell, str) or "\r" in cell for cell in cells], dtype=bool)}
    labels = frozenset(rules.labels)
    strange = np.array([cell not in labels for cell in cells], dtype=bool)
    absent = strange & missing(cells)
    return {"missing": absent, "label": strange & ~absent}


def unreadable(cells: Cells, numbers: np.ndarray) -> Mapping[str, np.ndarray]:
    """Cells that are no finite number."""
    absent = np.isnan(numbers)
    words = np.zeros_like(absent)
    if isinstance(cells, list) and absent.any():
        words = absent & ~missing(cells)
    return {"missing": absent & ~words, "number": words, "infinite": np.isinf(numbers)}


def unfit(cells: Cells, numbers: np.ndarray, rules: Rules) -> Mapping[str, np.ndarray]:
    """Numbers that the rules do not take."""
    finite = np.isfinite(numbers)
    faults = {"range": finite & ((numbers < rules.low) | (numbers > rules.high))}
    if rules.integer:
        whole = np.floor(numbers) == numbers
        if isinstance(cells, list):
            pointed = np.array([not {".", "e", "E"}.isdisjoint(cell) for cell in cells], dtype=bool)
        else:
            pointed = np.full(len(cells), cells.dtype.kind == "f")
        faults |= {"fraction": finite & ~whole, "decimal": finite & whole & pointed}
    return faults


def missing(cells: Cells) -> np.ndarray:
    """Which texts say that there is nothing, (rows,) bool."""
    return np.array([cell.strip().lower() in MISSING for cell in cells], dtype=bool)
