"""A fit is short to read: few of our files and lines take part in it."""

from __future__ import annotations

import sys
from pathlib import Path

from competitions.registry import find_competition
from pipelines.contract import Targets
from pipelines.report import Report
from pipelines.runfolder import RunFolder
from tests.source import PACKAGES, ROOT


def test_one_fit_takes_few_of_our_files_and_lines(raw_files, tmp_path):
    competition = find_competition("tps_tabular/may-2022")
    train, _ = competition.load(raw_files)
    targets = Targets(competition.targets, competition.truth, competition.metric)
    learner = competition.experiments["toy"]
    out = RunFolder(tmp_path).fit(0, 0, Report(quiet=True))
    out.prepare()
    learner.fit(train.iloc[:600], train.iloc[600:], targets, out)  # imports are not counted
    seen: dict[str, set[int]] = {}
    ours = tuple(str(ROOT / package) for package in PACKAGES)

    def trace(frame, event, _):
        path = frame.f_code.co_filename
        if not path.startswith(ours):
            return None
        if event == "line":
            seen.setdefault(path, set()).add(frame.f_lineno)
        return trace

    sys.settrace(trace)
    try:
        learner.fit(train.iloc[:600], train.iloc[600:], targets, out)
    finally:
        sys.settrace(None)
    machinery = {path: lines for path, lines in seen.items() if "competitions" not in Path(path).parts}
    assert 4 <= len(machinery) <= 10, sorted(machinery)
    assert sum(map(len, seen.values())) <= 1500
