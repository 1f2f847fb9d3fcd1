"""What other commands tell W&B: a run's leaderboard scores, pictures made later, and the board of all runs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.report import Report
from pipelines.runfolder import RunFolder, read_json, write_json
from pipelines.tracking.mirror import Job, project_of
from pipelines.tracking.mode import Mode, settle_mode
from pipelines.tracking.tracker import Tracker
from submissions.place import replacing


def send_submission(
    folder: RunFolder, public: float | None, private: float | None, mode: Mode, report: Report, note: str = ""
) -> None:
    """A run's point of CV against leaderboard, once Kaggle has scored its submission."""
    settled, said = settle_mode(mode)
    if said:
        report.line(said)
    if settled == "off" and not folder.tracking.exists():  # of a run that was mirrored it is kept for the next command
        return
    score = (read_json(folder.record).get("scores") or {}).get("score")
    folder.tracking.mkdir(parents=True, exist_ok=True)
    with (folder.tracking / "submissions.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"cv": score, "public": public, "private": private, "note": note}) + "\n")
        lines.flush()
        os.fsync(lines.fileno())
    send_rest(folder, mode, report)


def send_rest(folder: RunFolder, mode: Mode, report: Report) -> None:
    """Everything in a run's folder that W&B lacks, pictures made since included."""
    settled, _ = settle_mode(mode)
    if settled != "off":
        Tracker(Job(str(folder.root.resolve()), settled), report).stop("done")


def send_board(
    folder: Path, competition: str, rows: Sequence[Mapping[str, Any]], plot: Path | None, mode: Mode, report: Report
) -> None:
    """All runs as a table, and the plot (PNG) of CV against leaderboard: a W&B run of its own, kept in this folder."""
    settled, said = settle_mode(mode)
    if said:
        report.line(said)
    if settled == "off":
        return
    kept = RunFolder(folder)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    content = {"columns": columns, "rows": [[row.get(name) for name in columns] for row in rows]}
    write_json(kept.tracking / "board.table.json", content)
    if plot is not None:
        with replacing(kept.pictures / "board.png") as draft:
            shutil.copyfile(plot, draft)
    job = Job(str(folder.resolve()), settled, board=project_of(competition, toy=False))
    Tracker(job, report).stop("done")
