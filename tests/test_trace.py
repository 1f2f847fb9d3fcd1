"""A fit is short to read: few of our files and lines take part in it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

from competitions.registry import find_competition
from pipelines.contract import Targets
from pipelines.report import Report
from pipelines.runfolder import RunFolder
from tests.source import PACKAGES, ROOT

LINES = 1500
FILES = 10
# Beside the loop a fit of images has a cache, decoding, augmentation, batches, a network, its rates, losses and
# checkpoints: each is a file that is read by itself, and in the order in which a photo goes through them. The last one
# puts whole files in place, of a run as of a submission.
IMAGE_FILES = 43


def lines_of(fit: Callable[[], object]) -> dict[str, set[int]]:
    """The lines of our files that a fit runs, in threads too; the competitions' own files apart."""
    seen: dict[str, set[int]] = {}
    ours = tuple(str(ROOT / package) for package in PACKAGES)

    def trace(frame, event, _):
        path = frame.f_code.co_filename
        if not path.startswith(ours):
            return None
        if event == "line":
            seen.setdefault(path, set()).add(frame.f_lineno)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)
    try:
        fit()
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]  # as its documentation has it
    return {path: lines for path, lines in seen.items() if "competitions" not in Path(path).parts}


def folder(root: Path):
    out = RunFolder(root).fit(0, 0, Report(quiet=True))
    out.prepare()
    return out


def test_one_fit_takes_few_of_our_files_and_lines(raw_files, tmp_path):
    competition = find_competition("tps_tabular/may-2022")
    train, _ = competition.load(raw_files)
    targets = Targets(competition.targets, competition.truth, competition.metric)
    learner, out = competition.experiments["toy"], folder(tmp_path)

    def fit():
        learner.fit(train.iloc[:600], train.iloc[600:], targets, out)

    fit()  # imports are not counted
    seen = lines_of(fit)
    assert 4 <= len(seen) <= FILES, sorted(seen)
    assert sum(map(len, seen.values())) <= LINES


def test_one_fit_of_images_takes_as_few_lines(tmp_path):
    from tests.photos import load, photo_learner, photo_targets, write_photos

    write_photos(tmp_path / "raw")
    train, _ = load(tmp_path / "raw")
    learner = photo_learner(tmp_path / "cache", network=None, model="test_resnet", weights="none", size=32, ema=0.9)

    def fit(name: str) -> None:
        learner.fit(train.iloc[:30], train.iloc[30:], photo_targets(), folder(tmp_path / name))

    fit("first")  # imports are not counted
    for path in (tmp_path / "cache").rglob("*.*"):
        path.unlink()  # but the cache is
    seen = lines_of(lambda: fit("second"))
    assert len(seen) <= IMAGE_FILES, sorted(seen)
    assert sum(map(len, seen.values())) <= LINES
