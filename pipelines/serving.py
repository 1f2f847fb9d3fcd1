"""What a notebook meets that training does not: files that cannot be read, where an error would cost everything."""

from __future__ import annotations

from pathlib import Path

from features.decode import scan
from pipelines.contract import Learner, Table
from pipelines.faults import shorten
from pipelines.report import Report


def unreadable(test: Table, learner: Learner, report: Report) -> tuple[str, ...]:
    """The rows whose files cannot be read, each said."""
    columns = [test[name] for name in test.columns if len(test) and isinstance(test[name].iloc[0], Path)]
    reasons = scan([path for column in columns for path in column], getattr(learner, "workers", 2), report.steps)
    for path, reason in reasons.items():
        report.line(f"{path}: cannot be read ({reason}); its row gets the baseline's value")
    ids = {str(id): None for column in columns for id, path in column.items() if path in reasons}
    if ids:
        report.line(f"{len(ids)} of {len(test)} rows get the baseline's value: {shorten([*ids])}")
    return tuple(ids)
