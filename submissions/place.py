"""Puts a file in place whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import glob
import gzip
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, cast

PART = ".part"  # what the name of a folder ends in where a file is being written
LOCK = ".lock"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota, file size


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write to; it becomes path, whole and on disk, or after any error nothing of it is left.

    The name lies in a folder of its own, as libraries put temporary files beside what they write. The folder is locked
    while somebody writes in it, so that what a kill leaves can be told from what is about to be a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep([*path.parent.glob(f".{glob.escape(path.name)}.*{PART}")])
    desk = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
    try:
        with claim(desk), needing_room(path, "nothing is left behind"):
            draft = desk / path.name
            yield draft
            with draft.open("rb") as written:
                os.fsync(written.fileno())
            draft.replace(path)
    except OSError as error:
        if str(error.filename).startswith(str(desk)):  # a name that nobody gave
            error.filename = str(path)
        raise
    finally:
        shutil.rmtree(desk, ignore_errors=True)


@contextmanager
def placed(path: Path) -> Iterator[IO[bytes]]:
    """A stream of bytes that takes the path's name once it is complete, as replacing; a power cut spares it."""
    with replacing(path) as draft, draft.open("xb") as raw:
        yield raw
    sync_folder(path.parent)


@contextmanager
def needing_room(path: Path, remains: str) -> Iterator[None]:
    """Says of a full disk which file had no room, and what remains."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        message = f"{path}: expected room to write it, got {error.strerror}; free disk space and run again"
        raise OSError(error.errno, f"{message}, {remains}") from error


@contextmanager
def packed(path: Path, raw: IO[bytes]) -> Iterator[IO[bytes]]:
    """Compresses what is written when the name ends in .gz, with neither time nor name in the header."""
    if path.suffix != ".gz":
        yield raw
        return
    # level 6: 9 takes twice as long for 1 % less of random digits
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as stream:
        yield cast(IO[bytes], stream)


def sweep(desks: Iterable[Path]) -> None:
    """Delete what killed writers left; a living one holds a lock, and what is no such folder is somebody else's."""
    for desk in desks:
        with suppress(FileNotFoundError, NotADirectoryError, BlockingIOError), (desk / LOCK).open("a") as lock:
            _lock(lock, wait=False)
            if _is_at(lock, desk / LOCK):  # not of one that another swept, and whose writer has made it again
                shutil.rmtree(desk, ignore_errors=True)


def desks_in(root: Path) -> list[Path]:
    """Where files are being written in a folder and all below it; os.walk minds no folder that vanishes meanwhile."""
    places = [Path(folder) / name for folder, names, _ in os.walk(root) for name in names]
    return [place for place in places if place.name.startswith(".") and place.name.endswith(PART)]


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold a lock file, which the system frees when its holder dies; others wait, or get a BlockingIOError."""
    with path.open("a") as held:
        _lock(held, wait)
        yield


def claim(folder: Path, wait: bool = True) -> IO[str]:
    """The lock of a folder, made where there is none; one that was deleted a moment before is made again."""
    while True:
        with suppress(FileExistsError):  # exist_ok fails where the folder is deleted meanwhile
            folder.mkdir(parents=True)
        with ExitStack() as held, suppress(FileNotFoundError):
            lock = held.enter_context((folder / LOCK).open("a"))
            _lock(lock, wait)
            if _is_at(lock, folder / LOCK):
                held.pop_all()
                return lock


def _lock(opened: IO[str], wait: bool) -> None:
    fcntl.flock(opened, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_at(opened: IO[str], path: Path) -> bool:
    """Whether an open file is the one that has this name now."""
    return os.path.samestat(os.fstat(opened.fileno()), path.stat())


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()
