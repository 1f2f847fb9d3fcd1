"""7z archives, by py7zr; imported only where there is one."""

from __future__ import annotations

import lzma
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import py7zr
from py7zr.exceptions import ArchiveError, PasswordRequired
from py7zr.io import Py7zIO, WriterFactory
from py7zr.py7zr import ArchiveFile

from pipelines.kaggle.members import Member, Steps, damaged, protected

# Beside its own errors py7zr stumbles over broken headers in these ways (found by changing their bytes).
BROKEN = (
    ArchiveError,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


class SevenZip:
    """7z archives."""

    def members(self, path: Path) -> list[Member]:
        """What the archive claims to hold."""
        with opened(path) as archive:
            if archive.needs_password():
                raise PasswordRequired
            return [_member(entry) for entry in archive.files]

    def write(self, path: Path, folder: Path, targets: Mapping[str, str], steps: Steps) -> None:
        """Write members in one pass over their stream; py7zr gives no byte more than a header declares."""
        with opened(path) as archive, closing(Sinks(path, folder.resolve(), targets, steps)) as sinks:
            archive.extract(path=sinks.folder, targets=list(targets), factory=sinks)


class Sinks(WriterFactory):
    """Makes the file that py7zr writes each member to; one is open at a time."""

    def __init__(self, path: Path, folder: Path, targets: Mapping[str, str], steps: Steps) -> None:
        self.folder = folder
        self._targets = {Member(name, 0).path: target for name, target in targets.items()}
        self._bar = steps(range(len(targets)), len(targets), f"unpacking {path.name}")
        self._sink: Sink | None = None

    def create(self, filename: str) -> Py7zIO:
        """The file of a member, which py7zr names by where it would put it itself."""
        self._shut()
        next(self._bar, None)
        place = self.folder / self._targets[Path(filename).relative_to(self.folder).as_posix()]
        place.parent.mkdir(parents=True, exist_ok=True)
        self._sink = Sink(place)
        return self._sink

    def close(self) -> None:
        """Close the last file and the progress bar."""
        self._shut()
        for _ in self._bar:
            pass

    def _shut(self) -> None:
        if self._sink is not None:
            self._sink.file.close()


class Sink(Py7zIO):
    """One file."""

    def __init__(self, place: Path) -> None:
        self.file = place.open("xb")

    def write(self, s: bytes | bytearray) -> int:
        """Append bytes."""
        return self.file.write(s)

    def read(self, size: int | None = None) -> bytes:
        """Nothing; py7zr reads only what it keeps in memory."""
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Stay at the end; py7zr rewinds what it has written."""
        return offset

    def flush(self) -> None:
        """Nothing; the file is closed before the next one is opened."""

    def size(self) -> int:
        """Bytes so far."""
        return self.file.tell()


@contextmanager
def opened(path: Path) -> Iterator[py7zr.SevenZipFile]:
    """An archive to read; damage and passwords are errors that name it.

    It is given an open file, not a path: of a path py7zr unpacks several streams at once, in threads.
    """
    try:
        with path.open("rb") as source, py7zr.SevenZipFile(source) as archive:
            yield archive
    except PasswordRequired as error:
        raise protected(path, "its files") from error
    except BROKEN as error:
        raise damaged(path, error) from error


def _member(entry: ArchiveFile) -> Member:
    kind = entry.st_fmt or 0
    folder, link = bool(entry.is_directory) or kind == stat.S_IFDIR, bool(entry.is_symlink or entry.is_junction)
    return Member(entry.filename, entry.uncompressed, folder, stat.S_IFLNK if link else kind)
