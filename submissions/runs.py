"""The runs of many run-length codes at once, as arrays: read, judged and measured without drawing a mask."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WELL_FORMED = re.compile(r"(?:\d+ \d+(?: \d+ \d+)*)?", re.ASCII)
LONGEST = 18  # digits that fit an int64


@dataclass(frozen=True)
class Runs:
    """The runs of codes that are well formed, one after the other; a code that is not has none."""

    starts: np.ndarray  # (runs,) int64, from 1
    lengths: np.ndarray  # (runs,) int64
    edges: np.ndarray  # (codes + 1,) int64: the runs of code k are edges[k] to edges[k + 1]
    bad: np.ndarray  # (codes,) bool: ill formed, or with a run that breaks a rule

    @property
    def areas(self) -> np.ndarray:
        """Pixels set, by code, (codes,) int64."""
        total = np.concatenate([[0], np.cumsum(self.lengths)])
        areas: np.ndarray = np.diff(total[self.edges])
        return areas


def read_runs(codes: Sequence[object], size: int) -> Runs:
    """The runs of codes for masks of so many pixels; ascending, apart and inside, or the code is bad."""
    texts = [code if isinstance(code, str) else "?" for code in codes]
    counts = np.array([text.count(" ") + 1 if text else 0 for text in texts], dtype=np.int64)
    numbers = read_plain(texts)
    bad = np.zeros(len(texts), dtype=bool)
    if numbers is None or len(numbers) != counts.sum() or (counts % 2).any():
        bad = np.array([not WELL_FORMED.fullmatch(text) for text in texts], dtype=bool)
        counts[bad] = 0
        numbers = read_plain([text for text, fault in zip(texts, bad, strict=True) if not fault])
    assert numbers is not None
    starts, lengths = numbers[::2], numbers[1::2]
    edges = np.concatenate([[0], np.cumsum(counts // 2)])
    broken = np.flatnonzero(find_broken(starts, lengths, edges, size))
    bad[np.searchsorted(edges, broken, side="right") - 1] = True
    return Runs(starts, lengths, edges, bad)


def read_plain(texts: Sequence[str]) -> np.ndarray | None:
    """All numbers of texts, (numbers,) int64; None where there is anything but digits and spaces."""
    joined = " ".join(filter(None, texts))
    letters = np.frombuffer(joined.encode("utf-8", "replace"), dtype=np.uint8)
    if not ((letters - np.uint8(ord("0")) < 10) | (letters == ord(" "))).all():
        return None
    return np.fromstring(joined, dtype=np.int64, sep=" ")  # a number beyond int64 becomes the largest


def find_broken(starts: np.ndarray, lengths: np.ndarray, edges: np.ndarray, size: int) -> np.ndarray:
    """Which runs (runs,) are empty, leave the mask, or start before the one before them in their code has ended."""
    outside: np.ndarray = (starts < 1) | (lengths < 1) | (lengths > size) | (starts > size + 1 - lengths)
    behind = starts[1:] < starts[:-1] + lengths[:-1]
    first = edges[1:-1]
    behind[first[(first > 0) & (first < len(starts))] - 1] = False  # another code's run came before
    outside[1:] |= behind
    return outside


def find_fault(code: object, size: int) -> str:
    """The first thing that is wrong with a code for a mask of so many pixels, and with which run; '' if nothing is."""
    if not isinstance(code, str):
        return f"{code!r}, which is no text (pandas reads '' as nan without keep_default_na=False)"
    words = code.split(" ") if code else []
    before, end = "", 0
    for place, (first, *rest) in enumerate((words[at : at + 2] for at in range(0, len(words), 2)), start=1):
        run = " ".join([first, *rest])
        fault = find_form(first, *rest) or find_place(int(first), int(rest[0]), size)
        if not fault and int(first) <= end:
            fault = f"starts before the end of run {place - 1} ({before})"
        if fault:
            return f"run {place} ({run[:40]}), which {fault}"
        before, end = run, int(first) + int(rest[0]) - 1
    return ""


def find_form(*words: str) -> str:
    """What keeps the words of a run from being two numbers."""
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) <= LONGEST):
            return f"has {word[:20]!r} for a number" if word else "has a space too many"
    return "" if len(words) == 2 else "has no length"


def find_place(start: int, length: int, size: int) -> str:
    """What is wrong with a run by itself."""
    if start < 1:
        return "starts before pixel 1"
    if length < 1:
        return "is empty"
    return f"ends at pixel {start + length - 1:,} of {size:,}" if start + length - 1 > size else ""
