"""Vectors of one width by content key, in one growing file: added under a lock, read in blocks, each row verified."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from features.ahead import Say
from features.room import FULL, free_disk, size_text
from features.store import building

VECTORS, KEYS, WIDTH = "vectors.bin", "keys.txt", "width.txt"
KEY = 32  # letters of a key
LINE = KEY + 10  # a key, a blank, the row's CRC-32 in hex, a line end
BLOCK = 4096  # rows verified at a time


class Vectors:
    """The vectors of one folder, float32 (rows, width); keys are texts of 32 letters."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder, self.say = folder, say
        self.width = 0  # known once a row is there
        self._places: dict[str, int] = {}
        self._sums: list[int] = []
        self.refresh()

    def refresh(self) -> None:
        """Take notice of what others have added; half a line that a kill left does not count."""
        named = self.folder / WIDTH
        self.width = int(named.read_text()) if named.exists() else 0
        lines = _content(self.folder / KEYS)
        stored = _size(self.folder / VECTORS) // (4 * self.width) if self.width else 0
        self._sums = [0] * min(len(lines) // LINE, stored)
        self._places = {}
        for row in range(len(self._sums)):
            line = lines[row * LINE : (row + 1) * LINE].decode("ascii", "replace")
            self._sums[row] = _number(line[KEY + 1 : -1])
            self._places[line[:KEY]] = row

    def __len__(self) -> int:
        return len(self._sums)

    def find(self, keys: Sequence[str]) -> np.ndarray:
        """The row of each key (keys,), -1 where it is absent or its stored row damaged."""
        rows = np.array([self._places.get(key, -1) for key in keys], np.int64)
        damaged: list[int] = []
        known = np.unique(rows[rows >= 0])
        for start in range(0, len(known), BLOCK):
            block = known[start : start + BLOCK]
            pairs = zip(block.tolist(), self.read(block), strict=True)
            damaged += [row for row, vector in pairs if zlib.crc32(vector.tobytes()) != self._sums[row]]
        if damaged:
            self.say(f"features: {len(damaged)} damaged vectors in {self.folder} are made again")
            rows[np.isin(rows, damaged)] = -1
        return rows

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of rows, float32 (rows, width); the file is mapped only meanwhile."""
        if not len(rows):
            return np.empty((0, self.width), np.float32)
        mapped = np.memmap(self.folder / VECTORS, np.float32, "r", shape=(len(self), self.width))
        return np.array(mapped[rows])

    @contextlib.contextmanager
    def adding(self) -> Iterator[None]:
        """Holds the one right to add; what others have added meanwhile is known then."""
        with building(self.folder, self.say):
            self.refresh()
            yield

    def add(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Store vectors (keys, width): first the vectors, then the keys that make them count."""
        made = np.ascontiguousarray(vectors, np.float32)
        if not self.width:
            part = self.folder / f"{WIDTH}.part"
            part.write_text(str(made.shape[1]))
            part.replace(self.folder / WIDTH)
            self.width = made.shape[1]
        if made.shape[1] != self.width:
            raise ValueError(f"{self.folder}: expected vectors of {self.width} numbers, got {made.shape[1]}")
        sums = [zlib.crc32(vector.tobytes()) for vector in made]
        lines = "".join(f"{key} {number:08x}\n" for key, number in zip(keys, sums, strict=True))
        try:
            _append(self.folder / VECTORS, len(self) * 4 * self.width, made.tobytes())
            _append(self.folder / KEYS, len(self) * LINE, lines.encode())
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise OSError(
                error.errno,
                f"{self.folder}: expected room for {size_text(made.nbytes)} of features, got {error.strerror} "
                f"({size_text(free_disk(self.folder))} free); free some, or name another --feature-dir",
            ) from error
        first = len(self._sums)
        self._sums += sums
        self._places.update({key: first + number for number, key in enumerate(keys)})


def _append(path: Path, length: int, content: bytes) -> None:
    """Put content behind the first length bytes; what lies there is dropped, and after an error stays dropped."""
    with path.open("r+b" if path.exists() else "x+b") as stored:
        stored.truncate(length)
        stored.seek(length)
        try:
            stored.write(content)
            stored.flush()
            os.fsync(stored.fileno())
        except OSError:
            os.ftruncate(stored.fileno(), length)
            raise


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _number(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return -1  # no row has this sum
