"""Raw archives as Kaggle ships them, unpacked once: what is needed and not there yet, each name whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from features.room import FULL, free_disk, size_text
from pipelines.faults import shorten
from pipelines.kaggle.archives import files_in, format_of
from pipelines.kaggle.members import Member, Steps

Say: TypeAlias = Callable[[str], None]  # takes one line for the user
ARCHIVES = (".zip", ".7z")
READABLE = ("", ".zip", ".gz")  # endings under which a table is read as it lies
DRAFT = ".unpacking"  # what is in it is not whole; a killed call leaves it, the next one empties it
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def prepare(root: Path, needed: Sequence[str], say: Say, steps: Steps) -> None:
    """Unpack the needed files and folders (names without suffix) that are not in root but in an archive there.

    An archive may hold them at its top, or hold an archive of that name: name.zip or name.7z. Archives are kept; what
    no archive holds is left to who looks for it.
    """
    if all(is_there(root, name) for name in needed) or not archives_in(root, ""):
        return
    with alone(root):
        for name in needed:
            if not is_there(root, name):
                unpack(root, name, say, steps)


def is_there(root: Path, name: str) -> bool:
    """Whether a table can be read as it lies, or a folder holds anything."""
    if Path(name).suffix:
        return any((root / (name + ending)).is_file() for ending in READABLE)
    return (root / name).is_dir() and any((root / name).iterdir())


def archives_in(root: Path, name: str) -> list[Path]:
    """The archives in a folder: those named after what is looked for first, then the one named as the folder."""
    if not root.is_dir():
        return []
    found = [path for path in root.iterdir() if path.suffix in ARCHIVES and path.is_file()]
    return sorted(found, key=lambda path: (path.stem != name, path.stem != root.absolute().name, path.name))


def unpack(root: Path, name: str, say: Say, steps: Steps) -> None:
    """Put one file or folder in its place out of the first archive that holds it."""
    for archive in archives_in(root, name):
        packed = archive.stat().st_size
        if held := choose(archive, name, packed):
            with drafted(root / DRAFT) as draft:
                write(archive, draft, held, say, steps)
                unpack_inner(draft, name, packed, say, steps)
                (draft / name).replace(root / name)
            return


def unpack_inner(draft: Path, name: str, packed: int, say: Say, steps: Steps) -> None:
    """Unpack what came as an archive in an archive."""
    for archive in archives_in(draft, name):
        if archive.stem == name:
            write(archive, draft, choose(archive, name, packed), say, steps)


def choose(archive: Path, name: str, packed: int) -> dict[Member, str]:
    """The members that are the file or folder of this name, or the archive of it, and where each goes; none: {}."""
    files = files_in(archive, packed)
    if inside := {member: member.path for member in files if f"{member.path}/".startswith(f"{name}/")}:
        return inside
    if archive.stem == name:  # what train.zip holds is train, if it does not say so itself
        return name_after(archive, name, files)
    nested = [member for ending in ARCHIVES for member in files if member.path == name + ending]
    return {member: member.path for member in nested[:1]}


def name_after(archive: Path, name: str, files: Sequence[Member]) -> dict[Member, str]:
    """Where the files of an archive go that is named after what it holds."""
    if Path(name).suffix and len(files) == 1:
        return {files[0]: name}
    if Path(name).suffix or not files:
        got = shorten([member.path for member in files]) or "no file"
        raise ValueError(f"{archive}: expected {name} in it, got {got}: download it again, or unpack it by hand")
    return {member: f"{name}/{member.path}" for member in files}


def write(archive: Path, draft: Path, held: Mapping[Member, str], say: Say, steps: Steps) -> None:
    """Write members into the draft, if the disk has room for them."""
    total, free = sum(member.size for member in held), free_disk(draft)
    if total > free:
        raise OSError(errno.ENOSPC, f"{size_text(free)} where {archive.name} takes {size_text(total)}")
    say(f"unpacking {archive.name}: {len(held):,} files, {size_text(total)}")
    format_of(archive).write(archive, draft, {member.name: place for member, place in held.items()}, steps)


@contextmanager
def drafted(draft: Path) -> Iterator[Path]:
    """An empty draft folder, gone at the end; a full or read-only disk is an error that says so."""
    try:
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir()
        yield draft
    except OSError as error:
        if error.errno in FULL:
            message = f"expected room to unpack into {draft.parent}, got {error.strerror}"
            raise OSError(error.errno, f"{message}; nothing was unpacked: free some and run again") from error
        if error.errno in READ_ONLY:
            message = f"expected to unpack archives into {draft.parent}, got a read-only folder ({error.strerror})"
            raise OSError(
                error.errno, f"{message}: copy them to a folder of your own and name it with --data"
            ) from error
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """One process at a time; the lock dies with its holder and leaves no file."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
