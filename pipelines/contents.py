"""Hashes of files' contents, remembered by path, size and time of change."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Key: TypeAlias = tuple[str, int, int]  # absolute path, bytes, time of change in ns

FRESH = 2 * 10**9  # ns; a file changed this lately may change again without its time showing it (FAT's clock: 2 s)
BATCH = 1000  # files between two writes to the store, which a killed process hashes again


def hash_file(file: Path) -> str:
    """The hash of a file's bytes, in hex."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@dataclass(frozen=True)
class Contents:
    """Content hashes in one SQLite file, which several processes may share."""

    path: Path

    def hashes(self, files: Sequence[Path]) -> list[str]:
        """The content hash of every file; only those not seen before, or changed since, are read."""
        keys = [key_of(file) for file in files]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.path, timeout=60)) as store:
                return fetch(store, keys)
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"expected to keep content hashes in {self.path}, got {error}: delete the file if it is damaged, "
                "it is made anew"
            ) from error


def key_of(file: Path) -> Key:
    """What says that a file is as it was."""
    try:
        status = file.stat()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"expected the file {file}, which a table refers to, got none: put it back, or drop its row in load"
        ) from error
    return str(file.absolute()), status.st_size, status.st_mtime_ns


def fetch(store: sqlite3.Connection, keys: Sequence[Key]) -> list[str]:
    """The hashes of keys, taken from the store or computed and left there."""
    store.execute(
        "CREATE TABLE IF NOT EXISTS contents (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, hash TEXT)"
    )
    known = {(path, size, changed): found for path, size, changed, found in store.execute("SELECT * FROM contents")}
    unknown = [key for key in dict.fromkeys(keys) if key not in known]
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(unknown), BATCH):
            batch = unknown[start : start + BATCH]
            known |= zip(batch, pool.map(lambda key: hash_file(Path(key[0])), batch), strict=True)
            settled = [(*key, known[key]) for key in batch if time.time_ns() - key[2] > FRESH]
            with store:
                store.executemany("INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?)", settled)
    return [known[key] for key in keys]
