"""The decoded-image cache: each file is decoded once, for all folds, epochs, views and audits that read it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from features.ahead import Say, Steps, ahead, silent, to_stderr
from features.decode import UNREADABLE, BrokenImages, decode, read, read_each, scan, shape_of
from features.images import FileImages, HeldImages, Images
from features.journal import Journal, Record, Stamp, read_file, stamp_of
from features.reading import Reading
from features.room import disk_full, free_disk, free_memory, memory_full, size_text
from features.store import PartlyStored, StoredImages, Writer, building, load_journal

Mode: TypeAlias = Literal["auto", "disk", "ram", "off"]

HELD: dict[str, dict[Path, tuple[Stamp, np.ndarray]]] = {}  # by reading: decoded once for all folds of a process
SAMPLE = 200  # headers that are looked at to foretell the size of a cache


@dataclass(frozen=True, kw_only=True)
class Cache:
    """Where decoded images are kept and how they are made; none of it changes a pixel."""

    folder: Path  # a folder per reading is made in it
    mode: Mode = "auto"  # disk; where that does not fit ram; where that does not fit either off
    workers: int = 2
    steps: Steps = silent  # shows progress
    say: Say = to_stderr  # takes one line: what is about to be built, a fallback, damage

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ValueError(f"expected cache mode to be one of {', '.join(get_args(Mode))}, got {self.mode!r}")

    def images(self, paths: Sequence[Path], reading: Reading) -> Images:
        """The images of these files by row; before it returns, all broken files are named at once."""
        kept: Images | None = None
        if self.mode in ("auto", "disk"):
            kept = self._on_disk(paths, reading)
        if kept is None and self.mode in ("auto", "ram"):
            kept = self._in_memory(paths, reading)
        if kept is not None:
            return kept
        self.say(f"image cache: off; {len(paths)} files are decoded at every use")
        if broken := scan(paths, self.workers, self.steps):
            raise BrokenImages(broken)
        return FileImages(paths, reading)

    def known(self, paths: Sequence[Path], reading: Reading) -> Images:
        """The images of these files by row, out of what is kept where it has them; others are decoded at every use."""
        files = FileImages(paths, reading)
        if held := [path for path in dict.fromkeys(paths) if _is_held(path, reading)]:
            pixels = [HELD[reading.name][path][1] for path in held]
            return PartlyStored(HeldImages(pixels, [str(path) for path in held]), _places(held), files, paths)
        if self.mode not in ("auto", "disk"):
            return files
        folder = self.folder / reading.name
        journal = load_journal(folder)
        held = [path for path in dict.fromkeys(paths) if journal.knows(path)]
        stored = StoredImages(folder, held, [journal.record(path) for path in held], reading, self.say)
        return PartlyStored(stored, _places(held), files, paths)

    def _on_disk(self, paths: Sequence[Path], reading: Reading) -> StoredImages | None:
        """The images out of the store, those that it lacks decoded into it first; None where auto finds no room."""
        folder = self.folder / reading.name
        journal = load_journal(folder)
        missing, added = _unknown(journal, paths), set[Record]()
        if missing:
            need, free = self._size(missing, reading), free_disk(folder)
            self._announce(len(missing), need, f"disk in {folder}", free)
            if need > free and self.mode == "auto":
                return None
            if need > free:
                raise disk_full(folder, need)
            with building(folder, self.say):
                journal = load_journal(folder)
                if journal.damaged:
                    self.say(f"image cache: {journal.damaged} damaged entries in {folder} are made again")
                writer = Writer(folder, journal, need)
                self._fill(writer, _unknown(journal, paths), reading)
                added = writer.added
        return StoredImages(folder, paths, [journal.record(path) for path in paths], reading, self.say, added)

    def _in_memory(self, paths: Sequence[Path], reading: Reading) -> HeldImages | None:
        """The images in memory; None where auto finds no room."""
        held = HELD.setdefault(reading.name, {})
        stamps = {path: _stamp(path) for path in dict.fromkeys(paths)}
        missing = [path for path in stamps if not _is_held(path, reading)]
        if missing:
            need, free = self._size(missing, reading), free_memory()
            if need > free:  # what is held under other readings may be of no more use
                for name in HELD.keys() - {reading.name}:
                    del HELD[name]
                free = free_memory()
            self._announce(len(missing), need, "memory", free)
            if need > free and self.mode == "auto":
                return None
            if need > free:
                raise memory_full(need, free)
            for path, pixels in read_each(lambda path: read(path, reading), missing, self.workers, self.steps):
                held[path] = (stamps[path], pixels)
        return HeldImages([held[path][1] for path in paths], [str(path) for path in paths])

    def _announce(self, count: int, need: int, where: str, free: int) -> None:
        self.say(f"image cache: {count} files to decode, about {size_text(need)} of {where} ({size_text(free)} free)")

    def _size(self, paths: Sequence[Path], reading: Reading) -> int:
        """Bytes that the pixels of these files take, by the headers of at most SAMPLE of them, evenly chosen."""

        def size(path: Path) -> int:
            try:
                return math.prod(shape_of(path, reading))
            except UNREADABLE:
                return 0  # named later

        chosen = paths[:: -(-len(paths) // SAMPLE) or 1]
        return sum(ahead(size, chosen, self.workers)) * len(paths) // max(1, len(chosen))

    def _fill(self, writer: Writer, missing: list[Path], reading: Reading) -> None:
        """Decode files into the store in their order."""
        records = writer.journal.records

        def make(path: Path) -> tuple[Stamp, str, np.ndarray | None]:
            stamp, content = read_file(path)
            digest = hashlib.sha256(content).hexdigest()
            return stamp, digest, None if digest in records else decode(content, reading, path)

        try:
            for path, made in read_each(make, missing, self.workers, self.steps):
                writer.add(path, *made)
        finally:
            writer.close()


def _places(paths: Sequence[Path]) -> dict[Path, int]:
    return {path: row for row, path in enumerate(paths)}


def _is_held(path: Path, reading: Reading) -> bool:
    """Whether this process holds a file's pixels in memory, and it has not changed since."""
    held = HELD.get(reading.name, {})
    return path in held and held[path][0] == _stamp(path)


def _unknown(journal: Journal, paths: Sequence[Path]) -> list[Path]:
    return [path for path in dict.fromkeys(paths) if not journal.knows(path)]


def _stamp(path: Path) -> Stamp:
    """A file's stamp; of one that is gone or out of reach, which reading it will say, one that nothing has."""
    try:
        return stamp_of(path)
    except OSError:
        return (-2, -2)
