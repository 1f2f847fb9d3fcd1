"""What an image store holds and which files that came from: a text that only grows, each line with its checksum."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

Stamp: TypeAlias = tuple[int, int]  # a file's size in bytes and its time of change in nanoseconds


class Record(NamedTuple):
    """Where the pixels of one image lie in the store."""

    offset: int
    shape: tuple[int, int, int]
    checksum: int  # CRC-32 of the pixels

    @property
    def end(self) -> int:
        """The first byte behind the pixels."""
        height, width, channels = self.shape
        return self.offset + height * width * channels


class Journal:
    """Records by content hash, and the content hash of every file seen, remembered by path, size and time."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.files: dict[str, tuple[Stamp, str]] = {}
        self.damaged = 0  # lines that are not what was written
        self.length = 0  # bytes of whole lines; a killed writer may have left half a line behind them

    @classmethod
    def load(cls, path: Path, stored: int) -> Journal:
        """The journal at path, without the records that reach beyond the bytes stored."""
        journal = cls()
        if not path.exists():
            return journal
        content = path.read_bytes()
        journal.length = content.rfind(b"\n") + 1
        for line in content[: journal.length].splitlines():
            journal._take(line)
        lost = [digest for digest, record in journal.records.items() if record.end > stored]
        for digest in lost:
            del journal.records[digest]
        journal.damaged += len(lost)
        return journal

    def knows(self, path: Path) -> bool:
        """Whether the pixels of a file are stored and, by its size and time, it has not changed since."""
        stamp, digest = self.files.get(_name(path), (None, ""))
        if digest not in self.records:
            return False
        try:
            return stamp == stamp_of(path)
        except OSError:  # gone or out of reach: reading it will say so
            return False

    def record(self, path: Path) -> Record:
        """Where the pixels of a known file lie."""
        return self.records[self.files[_name(path)][1]]

    def add(self, digest: str, record: Record) -> bytes:
        """Note where pixels lie; the line to write."""
        self.records[digest] = record
        return _line(["pixels", digest, record.offset, *record.shape, record.checksum])

    def remember(self, path: Path, stamp: Stamp, digest: str) -> bytes:
        """Note a file's content hash; the line to write."""
        return self._file(_name(path), stamp, digest)

    def lines(self) -> bytes:
        """The whole journal, as short as it can be."""
        pixels = [self.add(digest, record) for digest, record in self.records.items()]
        files = [self._file(name, *known) for name, known in self.files.items()]
        return b"".join(pixels + files)

    def _file(self, name: str, stamp: Stamp, digest: str) -> bytes:
        self.files[name] = (stamp, digest)
        return _line(["file", name, *stamp, digest])

    def _take(self, line: bytes) -> None:
        checksum, _, body = line.partition(b" ")
        if checksum != _checksum(body):
            self.damaged += 1
            return
        kind, name, *numbers = json.loads(body)
        if kind == "pixels":
            offset, height, width, channels, crc = numbers
            self.records[name] = Record(offset, (height, width, channels), crc)
        else:
            size, time, digest = numbers
            self.files[name] = ((size, time), digest)


def stamp_of(path: Path) -> Stamp:
    """A file's size and time of change."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def read_file(path: Path) -> tuple[Stamp, bytes]:
    """A file's stamp and content, of the same moment."""
    with path.open("rb", buffering=0) as source:
        status = os.fstat(source.fileno())
        return (status.st_size, status.st_mtime_ns), source.read()


def _name(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100, a third of pathlib's time


def _checksum(body: bytes) -> bytes:
    return b"%08x" % zlib.crc32(body)


def _line(entry: list[Any]) -> bytes:
    body = json.dumps(entry).encode()
    return _checksum(body) + b" " + body + b"\n"
