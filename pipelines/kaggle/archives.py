"""The two kinds of archive that Kaggle ships: listed, and written member by member."""

from __future__ import annotations

import lzma
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pipelines.kaggle.members import Member, Steps, damaged, judge, protected

BLOCK = 2**20  # bytes copied at a time
ENCRYPTED = 1  # bit of a zip member's flags


class Format(Protocol):
    """A kind of archive."""

    def members(self, path: Path) -> list[Member]:
        """What the archive claims to hold."""

    def write(self, path: Path, folder: Path, targets: Mapping[str, str], steps: Steps) -> None:
        """Write members; targets holds by name where in the folder each goes, and nothing is there yet."""


class Zip:
    """Zip archives, by the standard library."""

    def members(self, path: Path) -> list[Member]:
        """What the archive claims to hold."""
        with whole_zip(path), zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        locked = next((entry.filename for entry in entries if entry.flag_bits & ENCRYPTED), None)
        if locked is not None:
            raise protected(path, locked)
        return [
            Member(entry.filename, entry.file_size, entry.is_dir(), stat.S_IFMT(entry.external_attr >> 16))
            for entry in entries
        ]

    def write(self, path: Path, folder: Path, targets: Mapping[str, str], steps: Steps) -> None:
        """Write members; zipfile gives no byte more than a header declares, and then compares the checksum."""
        with whole_zip(path), zipfile.ZipFile(path) as archive:
            for name in steps(targets, len(targets), f"unpacking {path.name}"):
                place = folder / targets[name]
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, place.open("xb") as sink:
                    shutil.copyfileobj(source, sink, BLOCK)


def format_of(path: Path) -> Format:
    """What can read an archive, by its ending."""
    if path.suffix == ".zip":
        return Zip()
    try:
        from pipelines.kaggle.sevenzip import SevenZip
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{path}: expected py7zr, which reads .7z archives, got no module {error.name}; "
            'install it: pip install "podium[archive]"'
        ) from error
    return SevenZip()


def files_in(path: Path, packed: int) -> list[Member]:
    """The files an archive holds, all safe to write; packed: bytes of the file that was downloaded."""
    return judge(path, format_of(path).members(path), packed)


@contextmanager
def whole_zip(path: Path) -> Iterator[None]:
    """Turns what zipfile raises on a damaged archive into an error that names it; trouble with the disk passes."""
    try:
        yield
    # RuntimeError: a password, or a compression that zipfile does not know.
    except (zipfile.BadZipFile, RuntimeError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise damaged(path, error) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise damaged(path, error) from error  # what bz2 says of a broken stream
