"""The folds of a run: made once per recipe, stored, and from then on only read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from folds.plan import COLUMN_FIELDS, FoldPlan, plan_of
from folds.split import make_folds
from folds.store import Folds, compare
from pipelines.contract import Table
from pipelines.groupfile import read_groups
from pipelines.report import Report
from pipelines.stops import UsageError
from submissions.place import replacing


def settle_folds(train: Table, plan: FoldPlan, path: Path, report: Report, remake: bool = False) -> Folds:
    """The stored folds of this plan, made now where there are none; says so when the plan would move rows today."""
    made = make_folds(train, plan, read_groups(plan, str(train.index.name)))
    if not path.exists() or remake:
        with replacing(path) as draft:
            made.save(draft)
        report.line(f"folds: {path} made, fingerprint {made.fingerprint[:12]}")
        return made
    stored = Folds.load(path)
    if stored.fingerprint != made.fingerprint:
        _warn(stored, made, path, report)
    stored = _aligned(stored, train, path, " (`podium folds NAME --remake`)")
    return stored if stored.groups is not None else replace(stored, groups=made.groups)


def check_numbers(asked: Sequence[int], count: int) -> None:
    """Refuse --folds that there are none of."""
    if wrong := [str(fold) for fold in asked if not 0 <= fold < count]:
        raise UsageError(f"--folds: expected numbers from 0 to {count - 1}, got {', '.join(wrong)}")


def given_folds(train: Table, path: Path) -> Folds:
    """The folds of a file the user names; its ids must be the training rows', its plan's columns theirs."""
    folds = Folds.load(path)
    plan = plan_of(folds.recipe)
    named = [column for name in COLUMN_FIELDS if (column := getattr(plan, name))]
    absent = [column for column in named if column not in train]
    if absent or (folds.groups is None and (plan.group or plan.groups)):
        lacking = f"no column {', '.join(absent)} in the training rows" if absent else "no groups in the file"
        raise ValueError(
            f"{path}: expected what its plan of kind {plan.kind} names, got {lacking}; make it anew with `podium folds`"
        )
    return _aligned(folds, train, path)


def fold_path(folder: Path, plan: FoldPlan) -> Path:
    """A file name that differs whenever the recipe does."""
    recipe = hashlib.sha256(json.dumps(asdict(plan), sort_keys=True).encode()).hexdigest()
    return folder / f"{plan.kind}-{plan.n}-{recipe[:8]}.parquet"


def _aligned(folds: Folds, train: Table, path: Path, way: str = "") -> Folds:
    try:
        return folds.align(train.index)
    except ValueError as error:
        raise ValueError(f"{path}: {error}{way}") from None


def _warn(stored: Folds, made: Folds, path: Path, report: Report) -> None:
    moved = compare(stored, made)
    report.line(
        f"folds: {path} stays in force, but the same plan would now place {len(moved):,} rows otherwise "
        f"({', '.join(map(str, moved[:3]))}): rows, labels or a library changed; "
        "`podium folds NAME --remake` makes them anew"
    )
