"""A file that grows by blocks of lines beside its place, and a journal of what of it is safe, so that a kill costs one.

Which lines a block takes depends on the lines alone, and each is compressed by itself within one gzip member: the bytes
never tell where a killed process stopped. The journal stays when the file is in place and says what it was made from.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import takewhile
from pathlib import Path

from submissions.place import needing_room, sync_folder

BLOCK = 2**18  # characters: some 35 of Carvana's codes
LEVEL = 4  # of compression; 6 takes three times as long for 6 % less of run-length codes
FORMAT = f"1 {BLOCK} {LEVEL}"  # what else the bytes depend on
GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflated; no flags, no time, no name, any system
LINE = re.compile(rb"\d+( \d+){4}")  # of the journal: a mark's numbers
END = b"\x03\x00"  # a last, empty block of deflate


@dataclass(frozen=True)
class Mark:
    """How far a file is safe: lines, and the size and CRC-32 of its bytes and of the text in them."""

    lines: int = 0
    size: int = 0
    crc: int = 0
    text_size: int = 0
    text_crc: int = 0

    def add(self, lines: int, text: bytes, packed: bytes) -> Mark:
        """The mark after one more block."""
        sizes = {"size": self.size + len(packed), "text_size": self.text_size + len(text)}
        crcs = {"crc": zlib.crc32(packed, self.crc), "text_crc": zlib.crc32(text, self.text_crc)}
        return Mark(lines=self.lines + lines, **sizes, **crcs)

    def line(self) -> bytes:
        """The journal's line."""
        return (" ".join(map(str, astuple(self))) + "\n").encode()


class Draft:
    """Takes lines one by one, as csv.writer gives them, and makes each full block durable before the next."""

    def __init__(self, path: Path, journal: int, title: bytes) -> None:
        self.path = path
        self.part = path.with_name(f".draft.{path.name}")
        marks = read_marks(journal, title)
        self.placed = not self.part.exists() and is_whole(path, marks)
        self.marks = marks if self.placed else find_sound(self.part, marks)
        self.journal = journal  # descriptors
        self.raw = -1
        self.block: list[str] = []
        self.waiting = 0  # characters of the block

    @property
    def mark(self) -> Mark:
        """How far the file is safe."""
        return self.marks[-1] if self.marks else Mark()

    @property
    def file(self) -> Path:
        """Where the bytes are: beside the path until they are all there and judged."""
        return self.path if self.placed else self.part

    def write(self, line: str) -> None:
        """Take a line, its end included."""
        self.block.append(line)
        self.waiting += len(line)
        if self.waiting >= BLOCK:
            self.flush()

    def flush(self) -> None:
        """Make the lines that wait a block."""
        text = "".join(self.block).encode()
        packed = text if self.path.suffix != ".gz" else (b"" if self.mark.lines else GZIP) + deflate(text)
        mark = self.mark.add(len(self.block), text, packed)
        self.append(self.raw, packed)
        self.append(self.journal, mark.line())
        self.marks.append(mark)
        self.block, self.waiting = [], 0

    def append(self, descriptor: int, content: bytes) -> None:
        """Write all of the content and wait until it would survive a power cut."""
        left = memoryview(content)
        with needing_room(self.path, "what is written is kept and goes on"):
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)

    def end(self) -> None:
        """Write what ends the file; lines that come later have no place."""
        if self.block:
            self.flush()
        if not self.placed:
            self.append(self.raw, ending(self.path, self.mark))

    def place(self) -> None:
        """Give the file its name."""
        if not self.placed:
            self.part.replace(self.path)
            sync_folder(self.path.parent)
            self.placed = True


@contextmanager
def open_draft(path: Path, fingerprint: str) -> Iterator[Draft]:
    """The draft of a file, as far as a process killed earlier came; one of another fingerprint is started over."""
    title = f"{FORMAT} {fingerprint!r}\n".encode()
    with opened(path.with_name(f".{path.name}.journal")) as journal:
        lock(path, journal)
        draft = Draft(path, journal, title)
        if draft.placed:
            yield draft
            return
        kept = sum(len(mark.line()) for mark in draft.marks)
        os.ftruncate(journal, len(title) + kept if kept else 0)  # shorter, never rewritten: a full disk takes nothing
        if not kept:
            draft.append(journal, title)
        with opened(draft.part) as draft.raw:
            os.ftruncate(draft.raw, draft.mark.size)
            yield draft


def deflate(text: bytes) -> bytes:
    """Text as blocks of a deflate stream that refer to nothing before them and leave it open."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(text) + packer.flush(zlib.Z_FULL_FLUSH)


def ending(path: Path, mark: Mark) -> bytes:
    """What follows the last block of a file."""
    if path.suffix != ".gz" or not mark.lines:
        return b""
    return END + struct.pack("<II", mark.text_crc, mark.text_size % 2**32)


def read_marks(journal: int, title: bytes) -> list[Mark]:
    """The marks of a journal under this title, up to a torn line."""
    content = os.pread(journal, os.fstat(journal).st_size, 0)
    if not content.startswith(title):
        return []
    lines = content[len(title) :].split(b"\n")[:-1]
    return [Mark(*map(int, line.split(b" "))) for line in takewhile(LINE.fullmatch, lines)]


def find_sound(path: Path, marks: list[Mark]) -> list[Mark]:
    """The marks up to which a file still has the bytes that were written."""
    at = crc = 0
    if not path.exists():
        return []
    with path.open("rb") as raw:
        for place, mark in enumerate(marks):
            crc = zlib.crc32(raw.read(max(mark.size - at, 0)), crc)
            at = raw.tell()
            if (at, crc) != (mark.size, mark.crc):
                return marks[:place]
    return marks


def is_whole(path: Path, marks: list[Mark]) -> bool:
    """Whether a file in place is all that the marks say."""
    if not marks or find_sound(path, marks) != marks:
        return False
    with path.open("rb") as raw:
        raw.seek(marks[-1].size)
        return raw.read() == ending(path, marks[-1])


def lock(path: Path, descriptor: int) -> None:
    """Keep others out while this process lives."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        message = f"{path}: expected nobody else to write it, got a process that does"
        raise BlockingIOError(error.errno, f"{message}; wait for it, or stop it and run again") from error


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of a file to read and to append to; made when there is none."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
