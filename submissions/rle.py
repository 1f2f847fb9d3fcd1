"""Run-length codes of masks: `start length` pairs, counted from 1, and always in an order that the caller names."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from submissions.runs import find_fault, read_runs

Order = Literal["rows", "columns"]  # rows: left to right, then down (Carvana); columns: down, then right (TGS salt)

ONE, LAST = np.uint64(1), np.uint64(63)  # bits to the next pixel of a word, and to its last


def encode(mask: np.ndarray, order: Order) -> str:
    """The code of a mask, (height, width) bool, or uint8 of 0 and 1 or of 0 and 255; '' when nothing is set."""
    lit = as_bool(mask)
    flips = find_flips(lit if check_order(order) == "rows" else lit.T)
    runs = np.stack([flips[::2] + 1, flips[1::2] - flips[::2]], axis=1)
    return ("%d " * runs.size)[:-1] % tuple(runs.ravel().tolist())  # 40 % faster than joining texts


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


def as_bool(mask: np.ndarray) -> np.ndarray:
    """Which pixels are set, (height, width) bool; what could be probabilities or labels is refused."""
    if mask.ndim != 2 or mask.dtype not in (np.bool_, np.uint8):
        found = f"{mask.dtype} of shape {mask.shape}"
        raise ValueError(f"expected a mask (height, width) of bool or uint8, got {found}; threshold it before encoding")
    if mask.dtype == np.bool_ or mask.max(initial=0) <= 1:
        return mask.view(np.bool_)
    lit: np.ndarray = mask == 255
    if np.count_nonzero(lit) != np.count_nonzero(mask):
        found = ", ".join(map(str, np.unique(mask)[:5].tolist()))
        raise ValueError(f"expected a mask of 0 and 1, or of 0 and 255, got {found}; threshold it before encoding")
    return lit


def find_flips(pixels: np.ndarray) -> np.ndarray:
    """Where runs begin and end by turns in pixels, bool, line after line; places from 0, a run's end is the one after.

    Pixels become the bits of words, and each word is compared with itself one pixel later: 64 at once.
    """
    packed = np.packbits(pixels, bitorder="little")
    if len(packed) % 8:
        packed = np.concatenate([packed, np.zeros(-len(packed) % 8, dtype=np.uint8)])
    words = packed.view("<u8")
    turned = words << ONE
    turned ^= words
    turned[1:] ^= words[:-1] >> LAST
    places = np.flatnonzero(turned != 0)  # few: only they are unpacked
    bits = np.flatnonzero(np.unpackbits(turned[places].view(np.uint8), bitorder="little").view(np.bool_))
    flips: np.ndarray = (places[bits >> 6] << 6) + (bits & 63)
    return np.append(flips, pixels.size) if len(flips) % 2 else flips
