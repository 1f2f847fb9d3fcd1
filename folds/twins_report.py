"""What near-duplicate images mean for the folds, in findings of the audit."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from folds.audit_columns import refers
from folds.audit_report import FEW, Finding
from folds.audit_rows import BEYOND, NOTABLE, conflicting, spanning
from folds.store import Folds


def conflicts(groups: np.ndarray, train: pd.DataFrame, targets: Sequence[str]) -> np.ndarray:
    """The numbers of groups (rows,) whose rows differ in a target; files that targets refer to are not compared."""
    told = [target for target in targets if not refers(train[target])]
    return np.unique(groups[conflicting(groups, train, told)]) if told else np.empty(0, np.int64)


def report_twins(
    groups: tuple[np.ndarray, np.ndarray], train: pd.DataFrame, targets: Sequence[str], folds: Folds, file: str
) -> Iterator[Finding]:
    """Groups across folds, across train and test, and with conflicting targets.

    Groups are those of the train rows (rows,) and of the test rows, -1 for none, named alike; the file holds them.
    """
    ours, theirs = groups
    known = np.unique(np.concatenate([ours, theirs]))
    known = known[known >= 0]
    if not len(known):
        text = f"no near-duplicates among {len(ours) + len(theirs):,} images"
        yield Finding(kind="twins", serious=False, text=text, numbers={"groups": 0})
        return
    yield _in_all(ours, theirs, len(known), train.index, file)
    spans, share = spanning(ours, folds.align(train.index))
    shared = np.isin(theirs, ours[ours >= 0])
    if spans.any():
        yield _across_folds(spans, ours, (share, float(shared.mean()) if len(shared) else 0.0), train.index, file)
    if shared.any():
        yield _across_tables(ours, theirs, shared, train.index)
    differing = conflicts(ours, train, targets)
    if len(differing):
        rows = np.isin(ours, differing)
        yield Finding(
            kind="twin targets",
            serious=False,
            text=f"{_groups(len(differing))} with conflicting targets, of {rows.sum():,} train rows, such as "
            f"{_members(rows & (ours == ours[rows][0]), train.index)}: look at their pictures, mend or drop the wrong "
            "ones in load",
            ids=tuple(train.index[rows][:FEW]),
            numbers={"groups": len(differing), "rows": int(rows.sum())},
        )


def _in_all(ours: np.ndarray, theirs: np.ndarray, count: int, ids: pd.Index, file: str) -> Finding:
    rows, others = int((ours >= 0).sum()), int((theirs >= 0).sum())
    return Finding(
        kind="twins",
        serious=False,
        text=f"{_groups(count)}, of {rows:,} train and {others:,} test rows, in {file}",
        ids=tuple(ids[ours >= 0][:FEW]),
        numbers={"groups": count, "rows": rows, "test_rows": others},
    )


def _across_folds(
    spans: np.ndarray, ours: np.ndarray, shares: tuple[float, float], ids: pd.Index, file: str
) -> Finding:
    share, test_share = shares
    count = len(np.unique(ours[spans]))
    serious = share >= NOTABLE and share > BEYOND * test_share
    text = f"{_groups(count)} across folds: {spans.sum():,} of {len(spans):,} train rows "
    text += f"({spans.mean():.2%}) have one on the other side of a fold; so have {test_share:.2%} of test rows in train"
    if serious:
        flags = f"--kind stratified-group --groups {shlex.quote(file)}"
        text += f": the score flatters what memorises; keep them together with {flags}"
    numbers = {"groups": count, "rows": int(spans.sum()), "share": share, "test_share": test_share}
    return Finding(kind="twins across folds", serious=serious, text=text, ids=tuple(ids[spans][:FEW]), numbers=numbers)


def _across_tables(ours: np.ndarray, theirs: np.ndarray, shared: np.ndarray, ids: pd.Index) -> Finding:
    count, rows = len(np.unique(theirs[shared])), np.isin(ours, theirs[shared])
    return Finding(
        kind="twins in test",
        serious=False,
        text=f"{_groups(count)} across train and test: {rows.sum():,} train rows and "
        f"{shared.sum():,} test rows ({shared.mean():.2%})",
        ids=tuple(ids[rows][:FEW]),
        numbers={"groups": count, "rows": int(rows.sum()), "test_rows": int(shared.sum())},
    )


def _groups(count: int) -> str:
    return f"{count:,} group{'s' * (count != 1)} of near-duplicate images"


def _members(rows: np.ndarray, ids: pd.Index) -> str:
    return ", ".join(map(str, ids[rows][:FEW]))
