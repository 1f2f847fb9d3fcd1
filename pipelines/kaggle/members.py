"""What an archive claims to hold, judged before a byte of it is written."""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from features.room import size_text
from pipelines.faults import shorten

Steps: TypeAlias = Callable[[Iterable[Any], int, str], Iterator[Any]]  # (items, total, what) -> items, with progress
MOST = 2_000_000  # members; Carvana's test set has 100,064, ImageNet 1.4 million
RATIO, ROOM = 200, 2**30  # a bomb unpacks to more than 200 times its size and more than 1 GB; CSVs reach 50 times
MAC = ("__MACOSX", ".DS_Store")  # what macOS adds, beside names that start with ._


@dataclass(frozen=True)
class Member:
    """One entry of an archive, by what its header says."""

    name: str
    size: int  # bytes, unpacked
    folder: bool = False
    kind: int = 0  # the type bits of a Unix mode; 0: not said

    @property
    def path(self) -> str:
        """Where it goes, without the dots and doubled slashes that say nothing."""
        return PurePosixPath(self.name).as_posix()

    @property
    def extra(self) -> bool:
        """Whether it is none of the data: a folder's own entry, or what macOS adds."""
        parts = PurePosixPath(self.name).parts
        return self.folder or parts[0] in MAC or parts[-1] in MAC or parts[-1].startswith("._")


def judge(archive: Path, members: Sequence[Member], packed: int) -> list[Member]:
    """The members that are files, all safe to write; raises ValueError naming those that are not.

    packed: bytes of the file that was downloaded, this archive or the one it came in.
    """
    if len(members) > MOST:
        raise _refused(archive, f"at most {MOST:,} members", f"{len(members):,}")
    if unsafe := [f"{member.name!r} ({why})" for member in members if (why := fault(member))]:
        raise _refused(archive, "files that stay inside the folder they are unpacked into", shorten(unsafe))
    files = [member for member in members if not member.extra]
    _judge_names(archive, [member.path for member in files])
    _judge_sizes(archive, files, packed)
    return files


def fault(member: Member) -> str:
    """Why a member is not safe to write; '' if it is."""
    parts = member.name.split("/")
    kinds = (0, stat.S_IFDIR if member.folder else stat.S_IFREG)
    reasons = {
        "an absolute path": re.match(r"(\./)*/", member.name),  # ./ and what follows: some readers drop the dot alone
        "a drive letter": re.search("(^|/)[A-Za-z]:", member.name),
        "a backslash": "\\" in member.name,
        "a path that leads out": ".." in parts,
        "an unprintable name": re.search(r"[\x00-\x1f\x7f]", member.name),
        "no name": not {*parts} - {"", "."} and not member.folder,
        "a link, device or other special file": member.kind not in kinds,
    }
    return next((reason for reason, found in reasons.items() if found), "")


def _judge_names(archive: Path, paths: Sequence[str]) -> None:
    """Refuse two members in one place, and a file where another member needs a folder."""
    counts = Counter(paths)
    twice = [path for path, count in counts.items() if count > 1]
    folders = {parent.as_posix() for path in paths for parent in PurePosixPath(path).parents}
    if clashes := twice + sorted(counts.keys() & folders):
        raise _refused(archive, "a place of its own for every member", f"several at {shorten(clashes)}")


def _judge_sizes(archive: Path, files: Sequence[Member], packed: int) -> None:
    """Refuse a bomb, by its largest member."""
    total = sum(member.size for member in files)
    if total > max(ROOM, RATIO * packed):
        largest = max(files, key=lambda member: member.size)
        got = f"{size_text(total)} out of {size_text(packed)}, {largest.name!r} alone {size_text(largest.size)}"
        raise _refused(archive, f"at most {RATIO} times what was downloaded", got)


def _refused(archive: Path, expected: str, got: str) -> ValueError:
    advice = "download it again from Kaggle; if it is as it should be, unpack it by hand"
    return ValueError(f"{archive}: expected {expected}, got {got}; nothing was unpacked: {advice}")


def damaged(path: Path, error: Exception) -> ValueError:
    """The error for an archive that cannot be read to its end."""
    reason = str(error) or type(error).__name__
    return ValueError(f"{path}: expected a whole archive, got a damaged one ({reason}): download it again")


def protected(path: Path, name: str) -> ValueError:
    """The error for an archive that wants a password."""
    return ValueError(
        f"{path}: expected an archive without a password, got {name!r} encrypted: "
        "unpack it by hand, into the folder it lies in"
    )
