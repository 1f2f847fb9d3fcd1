"""Run-length codes of masks: `start length` pairs, counted from 1, and always in an order that the caller names."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from submissions.runs import find_fault, read_runs

Order = Literal["rows", "columns"]  # rows: left to right, then down (Carvana); columns: down, then right (TGS salt)

ONES = np.uint64(0x0101010101010101)  # times a byte: the word of eight such bytes
BYTE = np.uint64(0xFF)
NEXT, LAST = np.uint64(8), np.uint64(56)  # bits to the next byte of a word, and to its last


def encode(mask: np.ndarray, order: Order) -> str:
    """The code of a mask, (height, width) bool, or uint8 of 0 and 1 or of 0 and 255; '' when nothing is set."""
    if mask.ndim != 2 or mask.dtype not in (np.bool_, np.uint8):
        found = f"{mask.dtype} of shape {mask.shape}"
        raise ValueError(f"expected a mask (height, width) of bool or uint8, got {found}; threshold it before encoding")
    lines = mask if check_order(order) == "rows" else mask.T
    flips = find_flips(np.ascontiguousarray(lines).reshape(-1).view(np.uint8))
    runs = np.stack([flips[::2] + 1, flips[1::2] - flips[::2]], axis=1)
    return ("%d " * runs.size)[:-1] % tuple(runs.ravel().tolist())  # half the time of joining texts


def decode(text: str, shape: tuple[int, int], order: Order, id: str = "the mask") -> np.ndarray:
    """The mask of a code, (height, width) uint8 of 0 and 1; a code that breaks a rule is refused under its id."""
    height, width = shape
    runs = read_runs([text], height * width)
    if runs.bad[0]:
        fault = find_fault(text, height * width)
        message = f"{id}: expected ascending runs 'start length' within {height}x{width} pixels, got {fault}"
        raise ValueError(f"{message}; look for another shape, order or format there")
    pixels = np.zeros(height * width, dtype=np.uint8)
    starts = runs.starts - 1
    for start, stop in zip(starts.tolist(), (starts + runs.lengths).tolist(), strict=True):
        pixels[start:stop] = 1
    return pixels.reshape(shape) if check_order(order) == "rows" else pixels.reshape(width, height).T


def check_order(order: Order) -> Order:
    """The order itself, if it is one."""
    if order not in get_args(Order):
        raise ValueError(f"expected an order of {', '.join(get_args(Order))}, got {order!r}; rows is numpy's own")
    return order


def find_flips(pixels: np.ndarray) -> np.ndarray:
    """Where runs begin and end by turns in pixels (n,) uint8, as places from 0; a run's end is the place after it.

    Words of eight pixels are compared with the word before, which few differ from; only those are looked into.
    """
    words = pad(pixels).view("<u8")
    changed = np.empty(len(words), dtype=bool)
    np.not_equal(words[1:], words[:-1], out=changed[1:])
    changed[:1] = changed[-1:] = True
    places = np.flatnonzero(changed)
    found = words[places]
    uneven = found != (found & BYTE) * ONES
    if (uneven[:-1] & (np.diff(places) > 1)).any():  # stripes: a word with flips inside and its like behind it
        places, found = np.arange(len(words)), words
    check_values(found)
    before = words[places - 1]
    before[:1] = 0
    turned = np.flatnonzero((found ^ (found << NEXT | before >> LAST)).view(np.uint8) != 0)  # != 0: thrice as fast
    flips: np.ndarray = (places[turned >> 3] << 3) + (turned & 7)
    return np.append(flips, len(pixels)) if len(flips) % 2 else flips


def pad(pixels: np.ndarray) -> np.ndarray:
    """Pixels (n,), with zeros up to whole words of eight where they are not."""
    return np.concatenate([pixels, np.zeros(-len(pixels) % 8, np.uint8)]) if len(pixels) % 8 else pixels


def check_values(words: np.ndarray) -> None:
    """Refuse pixels that are neither nothing nor one and the same value; words hold every value that occurs."""
    pixels = words.view(np.uint8)
    top = pixels.max(initial=0)
    if top not in (0, 1, 255) or ((pixels != 0) & (pixels != top)).any():
        found = ", ".join(map(str, np.unique(pixels)[:5].tolist()))
        raise ValueError(f"expected a mask of 0 and 1, or of 0 and 255, got {found}; threshold it before encoding")
