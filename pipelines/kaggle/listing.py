"""Kaggle's list of files against what lies on the disk: which are needed, which are there, which are damaged."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from pipelines.faults import shorten
from pipelines.kaggle.answers import Listed
from pipelines.kaggle.archives import whole_zip
from pipelines.kaggle.members import MAC, Member, fault
from pipelines.kaggle.refusals import KaggleError
from pipelines.kaggle.unpack import ARCHIVES, is_there

LOOSE = 10 * 2**20  # bytes up to which a file that nobody asked for comes along: corrections, descriptions


def wanted_files(listed: Sequence[Listed], needed: Sequence[str], everything: bool) -> list[Listed]:
    """Of what Kaggle lists: what holds the needed files and folders, and small files beside them."""
    serving = {name: {each for each in listed if serves(each.name, name)} for name in needed}
    if everything or not all(serving.values()):  # in an archive of another name, perhaps: all are looked into
        return list(listed)
    useful = set().union(*serving.values())
    return [each for each in listed if each in useful or ("/" not in each.name and 0 < each.size <= LOOSE)]


def serves(listed: str, name: str) -> bool:
    """Whether a listed file is a needed one, an archive of it, or lies in the needed folder."""
    return listed in (name, f"{name}.gz", *(name + ending for ending in ARCHIVES)) or listed.startswith(f"{name}/")


def lies_there(root: Path, listed: Listed, needed: Sequence[str]) -> bool:
    """Whether a file is there, as it is, zipped, or unpacked; one of another size is refused."""
    path = root / listed.name
    zipped = path.with_name(f"{path.name}.zip")
    for found, size_of in ((path, plain_size), (zipped, unpacked_size)):
        if found.is_file():
            judge_there(found, size_of(found), listed)
            return True
    return any(listed.name in (f"{name}.gz", f"{name}.zip", f"{name}.7z") and is_there(root, name) for name in needed)


def judge_there(path: Path, size: int, listed: Listed) -> None:
    """Refuse a file that was there before in another size: it may be its owner's work."""
    if listed.size and size != listed.size:
        raise ValueError(
            f"{path}: expected {listed.size:,} bytes of {listed.name} as Kaggle lists it, got {size:,}: is it cut "
            "short, or changed by hand? move it away, or replace it with --force"
        )


def judge_size(path: Path, listed: Listed) -> None:
    """Refuse what was downloaded in another size than listed: it is an error page, or not all of the file."""
    if not listed.size or path.name == f"{Path(listed.name).name}.gz":  # a .gz does not say how much it holds
        return
    size = plain_size(path) if path.name == Path(listed.name).name else unpacked_size(path)
    if size != listed.size:
        with path.open("rb") as raw:
            start = raw.read(40)
        path.unlink()
        raise KaggleError(
            "refused",
            f"{listed.name}: expected {listed.size:,} bytes as Kaggle lists it, got {size:,} ({start!r} ...): "
            "not kept, run the same command again",
        )


def judge_zip(path: Path, wanted: Sequence[Listed]) -> None:
    """Refuse a zip of everything that lacks a listed file or has it in another size."""
    with whole_zip(path), zipfile.ZipFile(path) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    wrong = [each.name for each in wanted if each.name not in sizes or each.size not in (0, sizes[each.name])]
    if wrong:
        path.unlink()
        raise KaggleError(
            "refused",
            f"{path.name}: expected the {len(wanted):,} files that Kaggle lists, got {len(wrong):,} missing or of "
            f"another size ({shorten(wrong)}): not kept, run the same command again",
        )


def judge_names(listed: Sequence[Listed], slug: str) -> None:
    """Refuse names that would be written outside the competition's folder."""
    for each in listed:
        if reason := fault(Member(each.name, each.size)):
            raise ValueError(f"{slug}: expected names that stay in their folder, got {each.name!r} ({reason})")


def plain_size(path: Path) -> int:
    """The bytes of a file."""
    return path.stat().st_size


def unpacked_size(path: Path) -> int:
    """The bytes that a zip of one file holds."""
    with whole_zip(path), zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist() if not entry.filename.startswith(MAC))
