"""A competition's files brought into its folder: what is needed and not there yet, checked by size and unpacked."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from features.room import free_disk, size_text
from pipelines.contract import Competition
from pipelines.faults import shorten
from pipelines.kaggle.answers import Listed
from pipelines.kaggle.client import Kaggle
from pipelines.kaggle.downloading import Download
from pipelines.kaggle.listing import judge_names, judge_size, judge_zip, lies_there, serves, wanted_files
from pipelines.kaggle.unpack import ARCHIVES, alone, is_there, prepare
from pipelines.reading import find_file
from pipelines.report import Report
from pipelines.runfolder import write_json

RECORD = ".downloaded.json"  # in the competition's folder: what came from Kaggle, under which name, of what size
MANY = 20  # files that are fetched one by one; beyond, the zip of everything is a single call


@dataclass(frozen=True)
class Fetch:
    """What one `podium data` is about."""

    competition: Competition
    root: Path
    report: Report
    everything: bool = False  # what the competition does not need too
    force: bool = False  # replace what is there

    @property
    def needed(self) -> tuple[str, ...]:
        """The files and folders without which the competition does not load."""
        return self.competition.files

    def complete(self) -> bool:
        """Whether an earlier call brought all this one asks for, and all of it still lies there in its size."""
        record = _read(self.root / RECORD)
        asked = record.get("needed") == list(self.needed) and record.get("everything", False) >= self.everything
        if self.force or not asked:
            return False
        deletable = {*self.needed, self.competition.slug}  # archives of these, once they are unpacked
        kept = all(_kept(self.root / name, size, deletable) for name, size in record.get("files", {}).items())
        return kept and all(is_there(self.root, name) for name in self.needed)

    def bring(self, kaggle: Kaggle) -> str:
        """Download what is missing and unpack what is needed; says in a line what was done."""
        slug = self.competition.slug
        listed = kaggle.files(slug)
        judge_names(listed, slug)
        wanted = wanted_files(listed, self.needed, self.everything)
        self.root.mkdir(parents=True, exist_ok=True)
        with alone(self.root):
            missing = [each for each in wanted if self.force or not lies_there(self.root, each, self.needed)]
            room_for(missing, self.root)
            came = self._download(kaggle, missing)
            if self.force:
                self._drop_unpacked(came)
        self.unpack()
        self._judge_folders(wanted)
        self._record(wanted, came)
        left = [f"{each.name} ({size_text(each.size)})" for each in listed if each not in wanted]
        rest = f"; not needed and left at Kaggle: {shorten(left)} (--all takes them)" if left else ""
        if not missing:
            return f"all {len(wanted):,} files are there in their sizes, nothing to do{rest}"
        size = sum((self.root / name).stat().st_size for name in came)
        return f"{size_text(size)} downloaded to {self.root}{rest}"

    def unpacked(self) -> bool:
        """Whether all that is needed lies there, once the archives that are there are unpacked."""
        if self.root.is_dir():
            prepare(self.root, self.needed, self.report.line, self.report.steps)
        return all(is_there(self.root, name) for name in self.needed)

    def unpack(self) -> None:
        """Unpack what is needed; what is then still missing is an error that shows the tree."""
        prepare(self.root, self.needed, self.report.line, self.report.steps)
        for name in self.needed:
            find_file(self.root, name, slug=self.competition.slug, files=self.needed)

    def _download(self, kaggle: Kaggle, missing: Sequence[Listed]) -> list[str]:
        """The names under which the missing files came."""
        slug, report = self.competition.slug, self.report
        download = Download(slug, kaggle.patience, report.line, report.steps)
        if len(missing) > MANY:
            report.line(f"{slug}: {len(missing):,} files, as one zip")
            path = download.fetch(partial(kaggle.link, slug, ""), self.root)
            judge_zip(path, missing)
            return [path.name]
        came = []
        for number, each in enumerate(missing, 1):
            report.line(f"{each.name} ({number} of {len(missing)}, {size_text(each.size)})")
            path = download.fetch(partial(kaggle.link, slug, each.name), self.root)
            judge_size(path, each)
            came.append(path.relative_to(self.root).as_posix())
        return came

    def _drop_unpacked(self, came: Sequence[str]) -> None:
        """Remove what an archive that just came was unpacked to, so that it is unpacked anew."""
        bundle = f"{self.competition.slug}.zip"
        for name in self.needed:
            path = self.root / name
            archived = [each for each in came if each.endswith(ARCHIVES) and (serves(each, name) or each == bundle)]
            if archived and name not in came and path.exists():
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _judge_folders(self, wanted: Sequence[Listed]) -> None:
        """Refuse a needed folder that was there before and lacks files: unpacking leaves it as it is."""
        for name in self.needed:
            inside = [each for each in wanted if each.name.startswith(f"{name}/")]
            absent = [each.name for each in inside if not lies_there(self.root, each, ())]
            if absent:
                raise ValueError(
                    f"{self.root / name}: expected {len(inside):,} files, got none of {len(absent):,} "
                    f"({shorten(absent)}): delete this folder and run again, it is unpacked anew"
                )

    def _record(self, wanted: Sequence[Listed], came: Sequence[str]) -> None:
        """Remember the files of the top folder, so that the next call needs no connection."""
        names = {*came, *(each.name + ending for each in wanted for ending in ("", ".zip") if "/" not in each.name)}
        paths = {name: self.root / name for name in sorted(names)}
        sizes = {name: path.stat().st_size for name, path in paths.items() if path.is_file()}
        content = {"needed": list(self.needed), "everything": self.everything, "files": sizes}
        write_json(self.root / RECORD, content)


def room_for(missing: Sequence[Listed], root: Path) -> None:
    """Refuse to begin what the disk cannot hold."""
    total, free = sum(each.size for each in missing), free_disk(root)
    if total > free:
        message = f"expected {size_text(total)} free for the files of {root}, got {size_text(free)}"
        raise OSError(errno.ENOSPC, f"{message}: free some, or name a folder on another disk with --data")


def _kept(path: Path, size: int, deletable: Collection[str]) -> bool:
    """Whether a file is as it came; an archive may have been deleted once it was unpacked."""
    if path.is_file():
        return path.stat().st_size == size
    return path.suffix in ARCHIVES and path.stem in deletable


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
