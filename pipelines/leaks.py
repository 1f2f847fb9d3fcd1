"""The leak audit of a competition's tables and folds, remembered beside the fold file."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from folds.audit import Audit, audit
from folds.plan import plan_of
from folds.store import Folds
from folds.together import COLUMN
from pipelines.contract import Competition
from pipelines.loading import Tables
from pipelines.report import Report
from pipelines.runfolder import read_json, write_json
from pipelines.stops import LeakError


def audit_folds(competition: Competition, tables: Tables, folds: Folds, folder: Path) -> Audit:
    """What the audit finds; asked again of the same folds and tables, it is read back."""
    plan = plan_of(folds.recipe)
    asked = f"{folds.fingerprint} {tables.train_fingerprint} {tables.test_fingerprint} {plan}"
    path = folder / f"audit-{hashlib.sha256(asked.encode()).hexdigest()[:12]}.json"
    with suppress(FileNotFoundError, ValueError):  # a damaged one is made anew, like any that is not there
        return Audit.from_json(read_json(path))
    covered = tables.train.loc[folds.ids] if len(folds.ids) < len(tables.train) else tables.train
    if plan.groups:
        covered, plan = covered.assign(**{COLUMN: folds.groups}), replace(plan, group=COLUMN, groups="")
    found = audit(covered, tables.test, competition.targets, folds, plan)
    write_json(path, found.to_json())
    return found


def heed(found: Audit, report: Report, strict: bool) -> None:
    """Say what was found; with --strict something serious stops the command."""
    for line in found.text().splitlines():
        report.line(f"audit: {line}")
    if strict and found.serious:
        raise LeakError("--strict: the audit found something serious (above); mend the plan, or run without --strict")
