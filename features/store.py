"""Decoded images in one growing file: written by one builder at a time, mapped into memory by any number of readers."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path

import numpy as np

from features.ahead import Say
from features.decode import read
from features.images import Images
from features.journal import Journal, Record, Stamp
from features.reading import Reading
from features.room import FULL, disk_full

PIXELS, JOURNAL, LOCK = "pixels.bin", "journal.txt", "lock"


def load_journal(folder: Path) -> Journal:
    """What the store in this folder holds; empty if there is none."""
    pixels = folder / PIXELS
    return Journal.load(folder / JOURNAL, pixels.stat().st_size if pixels.exists() else 0)


@contextlib.contextmanager
def building(folder: Path, say: Say) -> Iterator[None]:
    """Holds the one right to add to the store; a second builder waits. The system frees it when a builder dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"image cache: another run is filling {folder}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Writer:
    """Adds pixels to a store: first the pixels, then the line that counts, so that a kill loses only the last image."""

    def __init__(self, folder: Path, journal: Journal, need: int) -> None:
        self.folder, self.journal, self.need = folder, journal, need
        self.end = max((record.end for record in journal.records.values()), default=0)
        if journal.damaged:  # else a lost record would come back to life once the file has grown past its end
            partial = folder / f"{JOURNAL}.part"
            journal.length = partial.write_bytes(journal.lines())
            partial.replace(folder / JOURNAL)
        self.added: set[Record] = set()
        self._pixels = os.open(folder / PIXELS, os.O_WRONLY | os.O_CREAT, 0o644)
        self._lines = os.open(folder / JOURNAL, os.O_WRONLY | os.O_CREAT, 0o644)
        self._cut()

    def add(self, path: Path, stamp: Stamp, digest: str, pixels: np.ndarray | None) -> None:
        """Store the content hash of a file, and its pixels (height, width, channels) if the store lacks them."""
        lines = b""
        if pixels is not None and digest not in self.journal.records:
            height, width, channels = pixels.shape
            record = Record(self.end, (height, width, channels), zlib.crc32(pixels.data))
            self._write(self._pixels, pixels.data.cast("B"))
            lines = self.journal.add(digest, record)
            self.end = record.end
            self.added.add(record)
        lines += self.journal.remember(path, stamp, digest)
        self._write(self._lines, memoryview(lines))

    def close(self) -> None:
        """Release the files."""
        os.close(self._pixels)
        os.close(self._lines)

    def _write(self, descriptor: int, content: memoryview) -> None:
        size = len(content)
        try:
            while content:
                content = content[os.write(descriptor, content) :]
        except OSError as error:
            self._cut()
            if error.errno in FULL:
                raise disk_full(self.folder, self.need, error.strerror or "") from error
            raise
        if descriptor == self._lines:
            self.journal.length += size

    def _cut(self) -> None:
        """Drop what a killed or failed write left behind the last whole image and line."""
        for descriptor, length in ((self._pixels, self.end), (self._lines, self.journal.length)):
            os.ftruncate(descriptor, length)
            os.lseek(descriptor, length, os.SEEK_SET)


class StoredImages:
    """Images by row out of a store, uint8 (height, width, channels), read-only.

    Each is verified at its first use, apart from those that this process has just added.
    """

    def __init__(
        self,
        folder: Path,
        paths: Sequence[Path],
        records: Sequence[Record],
        reading: Reading,
        say: Say,
        added: Set[Record] = frozenset(),
    ) -> None:
        self._folder, self._paths, self._records = folder, list(paths), list(records)
        self._reading, self._say = reading, say
        self._sound = bytearray(record in added for record in records)
        self._pixels = _mapped(folder / PIXELS, max((record.end for record in records), default=0))

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, row: int) -> np.ndarray:
        record = self._records[row]
        pixels = self._pixels[record.offset : record.end].reshape(record.shape)
        if not self._sound[row]:
            if zlib.crc32(pixels.data) != record.checksum:
                self._mend(row, record)
            self._sound[row] = 1
        return pixels

    def name(self, row: int) -> str:
        """The path of the image."""
        return str(self._paths[row])

    def _mend(self, row: int, record: Record) -> None:
        """Decode an image whose stored pixels are damaged once more, into the same place."""
        path = self._paths[row]
        pixels = read(path, self._reading)
        if pixels.shape != record.shape or zlib.crc32(pixels.data) != record.checksum:
            raise ValueError(
                f"expected the pixels of {path} as they were stored in {self._folder}, got damaged ones, and the file "
                f"now gives others: it has changed; delete {self._folder} and start again"
            )
        descriptor = os.open(self._folder / PIXELS, os.O_WRONLY)
        try:
            os.pwrite(descriptor, pixels.data.cast("B"), record.offset)
        finally:
            os.close(descriptor)
        self._say(f"image cache: the stored pixels of {path} were damaged; it has been decoded again")


class PartlyStored:
    """Images by row of which a store holds some; the others are decoded at every use."""

    def __init__(self, stored: Images, places: Mapping[Path, int], files: Images, paths: Sequence[Path]) -> None:
        self._stored, self._places, self._files, self._paths = stored, places, files, paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, row: int) -> np.ndarray:
        place = self._places.get(self._paths[row])
        return self._files[row] if place is None else self._stored[place]

    def name(self, row: int) -> str:
        """The path of the image."""
        return self._files.name(row)


def _mapped(path: Path, length: int) -> np.ndarray:
    """The first bytes of a file as an array that the system reads in as needed and all processes share."""
    if not length:
        return np.empty(0, np.uint8)
    with path.open("rb") as stored:
        return np.frombuffer(mmap.mmap(stored.fileno(), length, access=mmap.ACCESS_READ), np.uint8)
