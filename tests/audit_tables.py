"""Tables for the tests of the leak audit, and what it finds in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from folds.audit import Audit, Finding, audit
from folds.plan import FoldPlan
from folds.split import make_folds

STRATIFIED = FoldPlan(kind="stratified", stratify="target", n=3)


def ids(rows: int, start: int = 0) -> pd.Index:
    return pd.Index(pd.array([str(start + row) for row in range(rows)], dtype="string[pyarrow]"), name="id")


def tables(rows: int = 500, seed: int = 0, columns: int = 6) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train and test drawn alike: numbers, a text column, a class column, holes, a constant; the target needs two."""
    rng = np.random.default_rng(seed)
    both = pd.DataFrame({f"f{at}": rng.standard_normal(2 * rows).astype(np.float32) for at in range(columns)})
    both["color"] = pd.array(rng.choice(["red", "green", "blue"], 2 * rows), dtype="string[pyarrow]")
    both["size"] = pd.Categorical(rng.choice(["s", "m", None], 2 * rows))
    both["holes"] = np.where(rng.random(2 * rows) < 0.3, np.nan, rng.random(2 * rows)).astype(np.float32)
    both["constant"] = np.int8(3)
    both["target"] = (both["f0"] + both["f1"] + rng.standard_normal(2 * rows) > 0).astype(np.int8)
    train, test = both[:rows].set_index(ids(rows)), both[rows:].set_index(ids(rows, rows))
    return train, test.drop(columns="target")


def copied(train: pd.DataFrame) -> pd.DataFrame:
    """The table with its first 40 rows in place of the next 40, too."""
    return pd.concat([train[:40], train[:40], train[80:]]).set_axis(train.index)


def found(
    train: pd.DataFrame, test: pd.DataFrame, plan: FoldPlan = STRATIFIED, targets: Sequence[str] = ("target",)
) -> Audit:
    return audit(train, test, targets, make_folds(train, plan), plan)


def only(result: Audit, kind: str) -> Finding:
    """The one finding of a kind."""
    (finding,) = [finding for finding in result.findings if finding.kind == kind]
    return finding


def kinds(result: Audit) -> set[str]:
    return {finding.kind for finding in result.findings}
