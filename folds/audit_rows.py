"""Rows that are equal in every column: across the sides of a fold, and across train and test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from folds.audit_columns import MOST, Shared, encode
from folds.audit_report import FEW, Finding
from folds.store import TRAIN, VALID, Folds

BLOCK = 2**15  # rows hashed at once, so that they stay in the processor's cache
NOTABLE = 0.005  # share of validating rows with a copy in training from which a score may move
BEYOND = 3  # times as many as chance or as test has


def find_copies(
    columns: Sequence[Shared], train: pd.DataFrame, targets: Sequence[str], folds: Folds
) -> Iterator[Finding]:
    """Train rows with an exact copy on a fold's other side, and those with one in test."""
    if not columns:
        return
    labels = label_rows(columns)
    ours, theirs = labels[: len(train)], labels[len(train) :]
    shared = np.isin(theirs, ours[ours >= 0])
    spans, share = spanning(ours, folds)
    if spans.any():
        test_share = float(shared.mean()) if len(shared) else 0.0
        chance = _chance(columns, int((folds.roles == TRAIN).sum()) // len(folds))
        differing = spans & conflicting(ours, train, targets)
        yield _across_sides(spans, differing, (share, test_share, chance), train.index)
    if shared.any():
        yield _in_test(np.isin(ours, theirs[shared]), shared, train.index)


def label_rows(columns: Sequence[Shared], seed: int = 0) -> np.ndarray:
    """A number for each row of train, then test: rows equal in every column share one, -1 is a row without a copy."""
    codes = pd.factorize(_hashes(columns, seed))[0]
    rows = np.flatnonzero((np.bincount(codes) > 1)[codes])
    order = rows[np.argsort(codes[rows], kind="stable")]
    if not _verified(columns, order, codes[order]):
        return label_rows(columns, seed + 1)
    labels = np.full(len(codes), -1, dtype=np.int64)
    labels[rows] = codes[rows]
    return labels


def _hashes(columns: Sequence[Shared], seed: int) -> np.ndarray:
    """A sum of each row's bits, each column times an odd number of its own, modulo 2^64, (rows,)."""
    keys = np.random.default_rng(seed).integers(2**63, size=len(columns), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    sides = [[column.train for column in columns], [column.test for column in columns]]
    return np.concatenate([_hash_side(values, keys) for values in sides])


def _hash_side(columns: Sequence[np.ndarray], keys: np.ndarray) -> np.ndarray:
    hashes = np.zeros(len(columns[0]), dtype=np.uint64)
    for start in range(0, len(hashes), BLOCK):
        part = hashes[start : start + BLOCK]
        for values, key in zip(columns, keys, strict=True):
            part += _bits(values[start : start + BLOCK]) * key
    return hashes


def _bits(values: np.ndarray) -> np.ndarray:
    """A number per value, equal for equal values; NaN equals NaN and 0.0 equals -0.0."""
    if values.dtype.kind == "f":
        values = values + values.dtype.type(0)
        values[np.isnan(values)] = np.nan
    bits = values.view(f"u{values.dtype.itemsize}").astype(np.uint64)
    return bits ^ (bits >> np.uint64(32))  # round floats have their low bits empty, and a product keeps them so


def _verified(columns: Sequence[Shared], order: np.ndarray, codes: np.ndarray) -> bool:
    """Whether rows of one code, neighbours in order, are equal in every column."""
    pairs = np.flatnonzero(codes[1:] == codes[:-1])
    for column in columns:
        values = _gather(column, order)
        one, other = values[pairs], values[pairs + 1]
        if not ((one == other) | (np.isnan(one) & np.isnan(other))).all():
            return False
    return True


def _gather(column: Shared, positions: np.ndarray) -> np.ndarray:
    """Values of a column at positions in train, then test."""
    values = np.empty(len(positions), dtype=column.train.dtype)
    test = positions >= len(column.train)
    values[~test] = column.train[positions[~test]]
    values[test] = column.test[positions[test] - len(column.train)]
    return values


def spanning(labels: np.ndarray, folds: Folds) -> tuple[np.ndarray, float]:
    """Which rows have a copy in training in a fold where they validate, and the share of validating rows that do."""
    rows = np.flatnonzero(labels >= 0)
    known, label = np.unique(labels[rows], return_inverse=True)
    spans, hits = np.zeros(len(labels), dtype=bool), 0
    for fold in range(len(folds)):
        role = folds.roles[rows, fold]
        trained = np.zeros(len(known), dtype=bool)
        trained[label[role == TRAIN]] = True
        hit = trained[label] & (role == VALID)
        spans[rows[hit]] = True
        hits += int(hit.sum())
    return spans, hits / int((folds.roles == VALID).sum())


def conflicting(labels: np.ndarray, train: pd.DataFrame, targets: Sequence[str]) -> np.ndarray:
    """Which rows have a copy with another target, (rows,)."""
    rows = np.flatnonzero(labels >= 0)
    codes = pd.DataFrame({target: encode([train[target].iloc[rows]])[0] for target in targets})
    differ = (codes.groupby(labels[rows]).transform("nunique") > 1).any(axis=1).to_numpy()
    conflicting = np.zeros(len(labels), dtype=bool)
    conflicting[rows[differ]] = True
    return conflicting


def _chance(columns: Sequence[Shared], rows: int) -> float:
    """The share of rows with a copy among so many others, were the columns independent."""
    alike = 1.0
    for column in columns:
        if column.refers:
            return 0.0  # the same file is the same by no accident
        values = column.train[:: -(-len(column.train) // MOST)]
        counts = np.unique(values, return_counts=True)[1].astype(np.float64)
        alike *= float((counts * (counts - 1)).sum()) / max(len(values) * (len(values) - 1), 1)
    return float(-np.expm1(-rows * alike))


def _across_sides(
    spans: np.ndarray, differing: np.ndarray, shares: tuple[float, float, float], ids: pd.Index
) -> Finding:
    share, test_share, chance = shares
    usual = max(test_share, chance)
    text = (
        f"{spans.sum():,} of {len(spans):,} train rows ({spans.mean():.2%}) have an exact copy on the other side of a "
        f"fold, {differing.sum():,} of them one with another target; {test_share:.2%} of test rows have one in train"
    )
    if share > BEYOND * usual:
        text += ": the score flatters what memorises; drop the copies in load, or name their group (FoldPlan.group)"
    else:
        text += f", {chance:.2%} would by chance: the columns are coarse, that is no leak"
    return Finding(
        kind="copies",
        serious=share >= NOTABLE and share > BEYOND * usual,
        text=text,
        ids=tuple(ids[spans][:FEW]),
        numbers={
            "rows": int(spans.sum()),
            "conflicting": int(differing.sum()),
            "share": share,
            "test_share": test_share,
            "chance": chance,
        },
    )


def _in_test(ours: np.ndarray, theirs: np.ndarray, ids: pd.Index) -> Finding:
    return Finding(
        kind="test copies",
        serious=False,
        text=f"{ours.sum():,} train rows equal a test row in every column; so do {theirs.sum():,} test rows "
        f"({theirs.mean():.2%}) a train row",
        ids=tuple(ids[ours][:FEW]),
        numbers={"rows": int(ours.sum()), "test_rows": int(theirs.sum())},
    )
