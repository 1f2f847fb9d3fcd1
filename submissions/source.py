"""Opens a CSV however it is packed (plain, .gz, .zip) and reads its text in blocks of whole lines."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, cast

from submissions.verdict import refuse

BLOCK = 2**18  # bytes; some 10,000 short rows, or 35 of Carvana's run-length codes
BOM = b"\xef\xbb\xbf"
MAGIC = {b"\x1f\x8b": "gzip", b"PK": "zip"}
WIDE = (b"\xff\xfe", b"\xfe\xff")  # UTF-16, from Excel's "Unicode text" or PowerShell's >


@dataclass(frozen=True)
class Source:
    """An open CSV: its header, how its bytes came, and the text below the header still to be read."""

    name: str
    header: list[str]
    packing: str  # plain, gzip or zip
    bom: bool
    crlf: bool
    blocks: Iterator[str]  # each of whole lines


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """An open CSV file; whatever makes it unreadable is a SubmissionError, here or while its blocks are read."""
    if not path.is_file():
        raise FileNotFoundError(f"expected a CSV file at {path}, got {'a folder' if path.is_dir() else 'none'}")
    with ExitStack() as stack:
        packing = find_packing(path)
        with sound(path):
            raw = stack.enter_context(unpack(path, packing))
            start = raw.peek(len(BOM))
        if start.startswith(WIDE):
            raise refuse(path.name, "encoding", "expected UTF-8, got UTF-16; save it as UTF-8 (Excel: 'CSV UTF-8')")
        bom = start.startswith(BOM)
        if bom:
            raw.read(len(BOM))
        blocks = read_blocks(path, raw)
        line, _, body = next(blocks, "").partition("\n")
        yield Source(path.name, read_header(path, line), packing, bom, line.endswith("\r"), chain([body], blocks))


def read_header(path: Path, line: str) -> list[str]:
    """The names in the first line."""
    if not line.strip():
        raise refuse(path.name, "empty", "expected a header and rows, got an empty file or first line")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise refuse(path.name, "quoting", f"expected a header in line 1, got {line[:80]!r}: {error}") from error


def find_packing(path: Path) -> str:
    """How a file is packed, by its first bytes: names lie."""
    with path.open("rb") as raw:
        return MAGIC.get(raw.read(2), "plain")


@contextmanager
def unpack(path: Path, packing: str) -> Iterator[io.BufferedReader]:
    """The CSV's own bytes."""
    with ExitStack() as stack:
        stream: IO[bytes] | gzip.GzipFile
        if packing == "gzip":
            stream = stack.enter_context(gzip.open(path))
        elif packing == "zip":
            archive = stack.enter_context(zipfile.ZipFile(path))
            stream = stack.enter_context(archive.open(only_member(path, archive)))
        else:
            stream = stack.enter_context(path.open("rb", buffering=0))
        yield stack.enter_context(io.BufferedReader(cast(io.RawIOBase, stream), BLOCK))


def only_member(path: Path, archive: zipfile.ZipFile) -> str:
    """The one CSV of a zip; macOS adds a folder of its own."""
    names = [name for name in archive.namelist() if name.endswith(".csv") and not name.startswith("__MACOSX/")]
    if len(names) != 1:
        raise refuse(path.name, "zip", f"expected one .csv inside, got {archive.namelist()}; unzip it first")
    return names[0]


def read_blocks(path: Path, raw: IO[bytes]) -> Iterator[str]:
    """The text of a file in blocks of whole lines; the last may lack its line's end."""
    rest, line, read = b"", 1, b"more"
    while read:
        with sound(path):
            read = raw.read(BLOCK)
        block = rest + read
        end = block.rfind(b"\n") + 1 if read else len(block)
        if end:
            yield decode(path, block[:end], line)
        line += block.count(b"\n", 0, end)
        rest = block[end:]


def decode(path: Path, block: bytes, line: int) -> str:
    """The text of a block that starts at a line."""
    try:
        return block.decode()
    except UnicodeDecodeError as error:
        line += block.count(b"\n", 0, error.start)
        message = f"expected UTF-8, got byte 0x{block[error.start]:02x} in line {line}"
        raise refuse(path.name, "encoding", f"{message}; save it as UTF-8, not as Latin-1") from error


@contextmanager
def sound(path: Path) -> Iterator[None]:
    """Turns the ways an archive can be cut short or damaged into a refusal."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        message = f"expected a whole compressed file, got a truncated or damaged one ({error}); make it again"
        raise refuse(path.name, "archive", message) from error
