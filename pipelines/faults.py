"""What is wrong with a CSV file, said so that its owner can mend it."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from _csv import Reader as CsvReader


def shorten(items: Sequence[object], shown: int = 5) -> str:
    """The first few items and how many more there are."""
    rest = f" and {len(items) - shown} more" if len(items) > shown else ""
    return ", ".join(map(str, items[:shown])) + rest


def text_of(source: IO[bytes] | gzip.GzipFile) -> io.TextIOWrapper:
    """A file as text without byte order mark; bytes that are no UTF-8 become lone surrogates, see bad_bytes."""
    return io.TextIOWrapper(source, "utf-8-sig", "surrogateescape", newline="")


def check_header(path: Path, names: Sequence[str], needed: set[str]) -> None:
    """Refuse a header that is no comma-separated UTF-8, names a column twice or lacks a needed one."""
    if bad := bad_bytes(names):
        raise ValueError(f"expected UTF-8 in {path}, got {bad} in the header: save the file as UTF-8")
    delimiter = next((mark for mark in ";\t|" if len(names) == 1 and mark in names[0]), None)
    if delimiter:
        raise ValueError(f"expected columns separated by ',' in {path}, got {delimiter!r}: save it with commas")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(f"expected every column of {path} once, got twice: {shorten(twice)}: rename one of each")
    if absent := sorted(needed - set(names)):
        raise ValueError(
            f"expected column {shorten(absent)} in {path}, got columns {shorten(names)}: "
            "is this the file of another competition?"
        )


def find_fault(source: IO[bytes] | gzip.GzipFile, path: Path, width: int) -> str:
    """The first row that is no CSV row of so many cells or no UTF-8, in words; '' if there is none."""
    limit = csv.field_size_limit(2**31 - 1)  # its default refuses the long run-length codes of a mask
    try:
        with text_of(source) as lines:
            return first_fault(csv.reader(lines), path, width)
    finally:
        csv.field_size_limit(limit)


def first_fault(rows: CsvReader, path: Path, width: int) -> str:
    """As find_fault, of rows as they come."""
    last = 0  # line that a row ends on; quoted newlines make rows of several
    for row in rows:
        where, last = f"{path}, line {last + 1}", rows.line_num
        if bad := bad_bytes(row):
            return f"expected UTF-8 in {where}, got {bad}: save the file as UTF-8"
        if row and len(row) != width:
            return f"expected {width} cells in {where}, as in the header, got {len(row)}: mend or drop the line"
    return "" if last > 1 else f"expected rows below the header of {path}, got none: download it again"


def bad_bytes(cells: Sequence[str]) -> str:
    """The first byte that is not UTF-8, with its cell; '' if there is none."""
    for cell in cells:
        for letter in cell if not cell.isascii() else "":
            if "\udc80" <= letter <= "\udcff":
                return f"byte 0x{ord(letter) - 0xDC00:02x} in {cell.encode('utf-8', 'surrogateescape')!r}"
    return ""


def check_ids(path: Path, id: str, ids: pa.Array) -> None:
    """Refuse ids that are missing, repeated or spread over lines, and a table without rows."""
    if not len(ids):
        raise ValueError(f"expected rows below the header of {path}, got none: download it again")
    if ids.null_count:
        rows = np.flatnonzero(ids.is_null().to_numpy(zero_copy_only=False)) + 1
        raise ValueError(
            f"expected an {id} in every row of {path}, got none in row {shorten(rows.tolist())}: fill them in"
        )
    letters = ids.buffers()[2].to_pybytes()  # a search of all ids at once takes a tenth of one id by id
    if (b"\n" in letters or b"\r" in letters) and len(broken := ids.filter(pc.match_substring_regex(ids, "[\r\n]"))):
        raise ValueError(
            f"expected every {id} of {path} on one line, got {len(broken)} with line breaks, such as "
            f"{broken[0].as_py()[:80]!r}: look for a stray quote there, which makes one row of several"
        )
    if pc.count_distinct(ids, memory_pool=pa.system_memory_pool()).as_py() < len(ids):
        texts = ids.to_pandas()
        twice = texts[texts.duplicated()].unique()
        raise ValueError(
            f"expected every {id} of {path} once, got {len(twice)} twice: {shorten(twice)}: drop one of each"
        )
