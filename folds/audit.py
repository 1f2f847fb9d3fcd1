"""The leak audit: what makes a score of these folds say more than test will."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from folds.audit_columns import draw_rows, share_columns
from folds.audit_report import FEW, Audit, Finding
from folds.audit_rows import find_copies
from folds.audit_shift import compare_groups, compare_ids, compare_times, suggest_groups, tell_apart
from folds.audit_target import find_answers
from folds.plan import FoldPlan
from folds.store import Folds
from folds.verify import verify

__all__ = ["Audit", "Finding", "audit"]


def audit(
    train: pd.DataFrame, test: pd.DataFrame, targets: Sequence[str], folds: Folds, plan: FoldPlan, seed: int = 0
) -> Audit:
    """Look for leaks between the sides of the folds, from the targets, and between train and test; changes nothing."""
    folds = folds.align(train.index)
    columns = share_columns(train, test, targets)
    excerpt = draw_rows(columns, len(train), len(test), seed)
    return Audit(
        (
            *_check_sides(train, folds, plan),
            *find_copies(columns, train, targets, folds),
            *find_answers(train, targets, folds, excerpt),
            *compare_groups(columns, plan),
            *suggest_groups(columns, excerpt, plan),
            *compare_times(train, test, plan),
            *compare_ids(train.index, test.index),
            *tell_apart(excerpt, plan, seed),
        )
    )


def _check_sides(train: pd.DataFrame, folds: Folds, plan: FoldPlan) -> Iterator[Finding]:
    """Groups on both sides of a fold, times out of order, and whatever else the plan forbids."""
    problems = verify(folds, train, plan)
    if problems:
        more = f"; and {len(problems) - FEW} more" if len(problems) > FEW else ""
        text = f"the folds break their plan: {'; '.join(problems[:FEW])}{more}; make them anew or change the plan"
        yield Finding(kind="sides", serious=True, text=text, numbers={"problems": len(problems)})
