"""From a competition's CSV file to a table indexed by id, every id exactly as it stands in the file."""

from __future__ import annotations

import csv
import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow

from pipelines.columns import FALSE, MISSING, TEXT, TRUE, Blocks, Columns, Kinds, read_columns
from pipelines.faults import check_header, check_ids, find_fault, shorten, text_of

ENDINGS = ("", ".zip", ".gz")  # train.csv, train.csv.zip, train.csv.gz
BLOCK, HUGE = 2**20, 2**28  # bytes parsed at a time, the second where a row is longer than the first


def find_file(root: Path, name: str, *, slug: str, files: Sequence[str] = ()) -> Path:
    """The file (or, of a name without suffix, the folder) under root, zipped or gzipped if need be."""
    for ending in ENDINGS:
        path = root / (name + ending)
        if path.is_file() or (path.is_dir() and not path.suffix):  # a name without suffix may be a folder of images
            return path
    tree = "\n".join(f"    {file}" for file in dict.fromkeys([*files, name]))
    raise FileNotFoundError(
        f"expected {name} (or {name}.zip, {name}.gz) in this tree:\n  {root}/\n{tree}\n"
        f"got: {listing(root)}\n"
        f"put the files of https://www.kaggle.com/c/{slug}/data there, or: podium data {slug}"
    )


def listing(root: Path) -> str:
    """What lies in a folder, in a few words."""
    if not root.is_dir():
        return f"a file, {root}" if root.exists() else f"no folder {root}"
    return shorten([entry.name + "/" * entry.is_dir() for entry in sorted(root.iterdir())]) or "an empty folder"


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """The bytes of a plain, gzipped or zipped file; a damaged archive is an error that names it."""
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive, archive.open(member_of(path, archive)) as source:
                yield source
        else:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as source:
                yield source
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(f"expected {path} to be a whole archive, got {error}: download it again") from error


def member_of(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one file in an archive, what macOS adds left aside: __MACOSX/._train.csv, .DS_Store."""
    members = [entry for entry in archive.infolist() if not (entry.is_dir() or Path(entry.filename).name[:1] == ".")]
    if len(members) != 1:
        names = shorten([entry.filename for entry in members]) or "none"
        raise ValueError(f"expected one file in {path}, got {names}: unpack it by hand")
    return members[0]


def read_table(
    path: Path, id: str, *, numbered: bool = False, text: Sequence[str] = (), exact: Sequence[str] = ()
) -> pd.DataFrame:
    """A CSV as a table indexed by id.

    Numbers take the smallest type that holds the whole column: uint8, int8, int16, int32, int64 (so widen before you
    subtract two columns); float32 for fractions and for whole numbers with holes, float64 where values pass 2**24.
    Columns in `exact` (targets) keep int64 or float64; True and False become 1 and 0; holes are NaN. Other columns, and
    those in `text`, are strings: only the empty cell is missing there. A file without ids is `numbered` from "1".
    """
    names, length = read_header(path)
    check_header(path, names, {*text, *exact} | (set() if numbered else {id}))
    if numbered and id in names:
        raise ValueError(f"expected no column {id!r} in {path}, as its rows are to be numbered, got one: read it as id")
    read = partial(read_columns, names=names, text=text if numbered else (*text, id), exact=exact)
    # A block holds some 500 rows at least, so that the work per block and column stays small against the parsing.
    columns = take_columns(path, len(names), read, min(max(BLOCK, 512 * length), 32 * BLOCK))
    ids = count_ids(columns.rows) if numbered else columns.texts[id].whole()
    check_ids(path, id, ids)
    return columns.frame(pd.Index(TEXT.__from_arrow__(ids), name=id), () if numbered else (id,))


def take_columns(path: Path, width: int, read: Callable[[Blocks], Columns], size: int) -> Columns:
    """What read makes of a file of so many columns in blocks of so many bytes; a faulty file is an error."""
    try:
        return read(partial(read_blocks, path, size))
    except pa.ArrowInvalid as error:
        with opened(path) as source:
            fault = find_fault(source, path, width)
        if fault or size == HUGE:
            raise ValueError(
                fault or f"expected {path} to be a CSV, got: {error}: mend or download it again"
            ) from error
    return take_columns(path, width, read, HUGE)  # a row is longer than a block


def count_ids(rows: int) -> pa.Array:
    """The texts "1" to rows."""
    return pa.array(np.arange(1, rows + 1)).cast(pa.string())


def read_header(path: Path) -> tuple[list[str], int]:
    """The column names and how many bytes they take; a byte order mark is no part of them."""
    with opened(path) as source, text_of(source) as lines:
        try:
            names = next((row for row in csv.reader(lines) if row), None)
        except csv.Error as error:
            raise ValueError(f"expected {path} to start with a header, got {error}: is it a CSV?") from error
    if names is None:
        raise ValueError(f"expected a header and rows in {path}, got an empty file: download it again")
    return names, len(",".join(names).encode("utf-8", "surrogateescape"))


def read_blocks(path: Path, size: int, kinds: Kinds) -> Iterator[pa.RecordBatch]:
    """The named columns of a CSV, some size bytes at a time."""
    convert = arrow.ConvertOptions(
        column_types=kinds,
        include_columns=list(kinds),
        null_values=MISSING,
        true_values=TRUE,
        false_values=FALSE,
    )
    parse = arrow.ParseOptions(newlines_in_values=True)
    with (
        opened(path) as source,
        closing(arrow.open_csv(source, arrow.ReadOptions(block_size=size), parse, convert)) as blocks,
    ):
        yield from blocks
