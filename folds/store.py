"""The folds of a table: which ids train and which validate, their fingerprint and their file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from folds.ids import check_ids, show, sorted_positions, text_of

NEITHER, TRAIN, VALID = 0, 1, 2  # a row's role in a fold: one value, so the two sides can't overlap

_GROUP = "group"  # the file's column of groups
_MARK = b"podium folds"  # the file's metadata key; a parquet file without it is not a fold file


@dataclass(frozen=True, eq=False)
class Folds:
    """Pairs of id sets; every fold has both sides. Two are the same when their fingerprints are."""

    ids: pd.Index  # (rows,), in the order of the table they were made from
    roles: np.ndarray  # uint8 (rows, folds): NEITHER, TRAIN or VALID
    repeats: np.ndarray  # (folds,), the repeat that each fold belongs to
    recipe: Mapping[str, Any]  # the plan's fields
    notes: tuple[str, ...] = field(default=())  # what a reader should know, such as pooled classes
    groups: np.ndarray | None = None  # int64 (rows,), rows of one number never span a fold's sides; None: no groups

    def __post_init__(self) -> None:
        check_ids(self.ids, "folds")
        if self.roles.dtype != np.uint8 or self.roles.shape != (len(self.ids), len(self.repeats)):
            raise ValueError(
                f"expected uint8 roles of shape {(len(self.ids), len(self.repeats))} (ids, folds), "
                f"got {self.roles.dtype} of {self.roles.shape}"
            )
        if self.groups is not None and self.groups.shape != (len(self.ids),):
            raise ValueError(f"expected groups of shape {(len(self.ids),)} (ids), got {self.groups.shape}")
        if (self.roles > VALID).any():
            raise ValueError(f"expected roles {NEITHER}, {TRAIN} or {VALID}, got {self.roles.max()}")
        for role, what in ((TRAIN, "training"), (VALID, "validating")):
            empty = np.flatnonzero(~(self.roles == role).any(axis=0))
            if len(empty) or not len(self.repeats):
                raise ValueError(
                    f"expected {what} rows in every fold, got none in fold {show(empty.tolist())} "
                    f"of {len(self.ids):,} rows; keep more rows or use fewer folds"
                )
        self.roles.setflags(write=False)

    def __len__(self) -> int:
        return len(self.repeats)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex over each fold's train ids and valid ids, sorted; neither row order nor recipe matters."""
        order = sorted_positions(self.ids)
        texts, roles = text_of(self.ids).take(order), self.roles[order]
        digest = hashlib.sha256()
        for fold in range(len(self)):
            for role in (TRAIN, VALID):
                members = texts.filter(pa.array(roles[:, fold] == role))
                lengths = np.asarray(pc.binary_length(members)).astype("<i8")  # without them "a", "bc" equals "ab", "c"
                digest.update(f"fold {fold} role {role} ids {len(members)}\n".encode())
                digest.update(lengths.tobytes())
                digest.update(memoryview(members.buffers()[-1])[: lengths.sum()])
        return digest.hexdigest()

    @property
    def never_valid(self) -> int:
        """How many rows validate in no fold."""
        return int((~(self.roles == VALID).any(axis=1)).sum())

    def validates(self, row: int) -> list[int]:
        """The folds that a row, by its position, validates in."""
        return [int(fold) for fold in np.flatnonzero(self.roles[row] == VALID)]

    def align(self, index: pd.Index) -> Self:
        """The same folds with their rows in the order of index; raises ValueError if the ids differ."""
        if self.ids.is_(index):
            return self
        if self.ids.equals(index):
            return replace(self, ids=index)  # the next time it is the same object, which costs nothing to see
        check_ids(index, "the table")
        rows = self.ids.get_indexer(index)
        extra = index[rows < 0]
        lacking = self.ids[index.get_indexer(self.ids) < 0] if len(extra) or len(index) < len(self.ids) else index[:0]
        if len(extra) or len(lacking):
            raise ValueError(
                f"expected the {len(self.ids):,} ids of the folds, got {len(index):,} rows"
                + (f"; ids without a fold: {show(extra)}" if len(extra) else "")
                + (f"; ids of the folds that lack a row: {show(lacking)}" if len(lacking) else "")
                + "; use the table that the folds were made from, or make the folds anew"
            )
        return self._rows(index, rows)

    def split(self, fold: int, index: pd.Index) -> tuple[np.ndarray, np.ndarray]:
        """Positions in index of a fold's training rows and of its validating rows, each rising."""
        if not 0 <= fold < len(self):
            raise ValueError(f"expected a fold from 0 to {len(self) - 1}, got {fold}")
        role = self.align(index).roles[:, fold]
        return np.flatnonzero(role == TRAIN), np.flatnonzero(role == VALID)

    def restrict(self, ids: pd.Index) -> Self:
        """The same folds with these rows only, in this order; raises ValueError for ids that are in no fold."""
        rows = self.ids.get_indexer(ids)
        if (rows < 0).any():
            raise ValueError(
                f"expected ids of the folds, got {show(ids[rows < 0])} besides; rows that were not in the table "
                "when the folds were made are in no fold: leave them out or make the folds anew"
            )
        return self._rows(ids, rows)

    def _rows(self, ids: pd.Index, rows: np.ndarray) -> Self:
        """The folds of rows at these positions, which are these ids'."""
        groups = None if self.groups is None else self.groups[rows]
        return replace(self, ids=ids, roles=self.roles[rows], groups=groups)

    def save(self, path: Path) -> None:
        """Write a parquet file; the same folds give the same bytes."""
        about = {
            "fingerprint": self.fingerprint,
            "id": self.ids.name,
            "notes": self.notes,
            "recipe": dict(self.recipe),
            "repeats": self.repeats.tolist(),
        }
        columns = {f"fold {fold}": pa.array(self.roles[:, fold]) for fold in range(len(self))}
        if self.groups is not None:
            columns[_GROUP] = pa.array(self.groups)
        stored = pa.table({"id": text_of(self.ids), **columns})
        stored = stored.replace_schema_metadata({_MARK: json.dumps(about, sort_keys=True).encode()})
        pq.write_table(stored, path, compression="zstd")

    @classmethod
    def load(cls, path: Path) -> Self:
        """The folds that save wrote; raises ValueError if the file is damaged or not a fold file."""
        stored = _read(path)
        if _MARK not in (stored.schema.metadata or {}):
            raise ValueError(
                f"expected a fold file, got another parquet file: {path}; name the file that podium folds wrote"
            )
        about = json.loads(stored.schema.metadata[_MARK])
        names = [f"fold {fold}" for fold in range(len(about["repeats"]))]
        grouped = _GROUP in stored.column_names
        if stored.column_names != ["id", *names, *([_GROUP] if grouped else [])]:
            raise _altered(path, f"columns id, {', '.join(names)}", ", ".join(stored.column_names))
        folds = cls(
            ids=pd.Index(stored.column("id").to_pandas(), name=about["id"]),
            roles=np.column_stack([stored.column(name).to_numpy() for name in names]),
            repeats=np.array(about["repeats"], dtype=np.int64),
            recipe=about["recipe"],
            notes=tuple(about["notes"]),
            groups=stored.column(_GROUP).to_numpy().astype(np.int64) if grouped else None,
        )
        if folds.fingerprint != about["fingerprint"]:
            raise _altered(path, f"fingerprint {about['fingerprint'][:12]}", folds.fingerprint[:12])
        return folds


def _altered(path: Path, expected: str, got: str) -> ValueError:
    return ValueError(
        f"expected a fold file with {expected}, got {got}: {path} was changed after it was written; "
        "restore it or make the folds anew"
    )


def _read(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"expected a fold file at {path}, got none; make it with podium folds")
    try:
        with pq.ParquetFile(path) as file:
            return file.read()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"expected a whole fold file, got one that can't be read: {path} ({error}); "
            "restore it or make the folds anew"
        ) from error


def compare(stored: Folds, fresh: Folds) -> pd.Index:
    """The ids whose role differs in any fold, and those that only one of the two has."""
    if stored.fingerprint == fresh.fingerprint:
        return stored.ids[:0]
    rows = fresh.ids.get_indexer(stored.ids)
    folds = max(len(stored), len(fresh))
    ours, theirs = _widened(stored.roles, folds), _widened(fresh.roles, folds)
    moved = (ours != theirs[rows]).any(axis=1) | (rows < 0)
    added = fresh.ids[stored.ids.get_indexer(fresh.ids) < 0]
    return stored.ids[moved].append(added)


def _widened(roles: np.ndarray, folds: int) -> np.ndarray:
    return np.pad(roles, ((0, 0), (0, folds - roles.shape[1])), constant_values=NEITHER)
