"""The verbs that look at the leaderboard: `podium sync` fetches it, `podium board` lays runs beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from competitions.flags import parse
from competitions.overview import columns
from competitions.registry import find_competition
from competitions.requests import Request
from competitions.verbs import named
from pipelines.contract import Competition
from pipelines.kaggle.board import board_rows, line_through, pairs_of, points_of
from pipelines.kaggle.chart import draw_board
from pipelines.kaggle.client import connect
from pipelines.kaggle.syncing import sync_boards, sync_submissions
from pipelines.report import Report
from pipelines.tracking.mode import Mode
from pipelines.tracking.sending import send_board
from submissions.ledger import LEDGER, Ledger


@dataclasses.dataclass(frozen=True)
class BoardRequest(Request):
    """What `podium sync` and `podium board` take."""

    toy: bool = False
    """The runs on toy files; they have no leaderboard."""
    plot: bool = True
    """Draw CV against the leaderboard."""
    picture: Path | None = None
    """Where the plot goes (default: runs/<competition>/board.png)."""
    wandb: Mode = "off"
    """Send the table and the plot to W&B."""
    csv: Path | None = None
    """Write the whole ledger, of all competitions, to this CSV file."""


def sync(arguments: Sequence[str]) -> int:
    """Put all that Kaggle knows of one's submissions, and the leaderboard, into the ledger."""
    competition, request = _asked(arguments, "sync")
    report = Report(request.quiet)
    ledger = Ledger(request.runs / LEDGER)
    kaggle = connect(say=report.line)
    every, unknown = sync_submissions(competition, kaggle, ledger)
    print(f"{competition.name}: {every} submissions, {unknown} of them not in the ledger before")
    for board, teams in sync_boards(competition, kaggle, ledger).items():
        print(f"{board} leaderboard: {teams:,} teams")
    return 0


def board(arguments: Sequence[str]) -> int:
    """Every run with its CV, spread and leaderboard scores; the plot of one against the other."""
    competition, request = _asked(arguments, "board")
    root = request.runs / "toy" if request.toy else request.runs
    ledger = Ledger(root / LEDGER)
    rows = board_rows(ledger, competition)
    if request.csv is not None:
        ledger.export_csv(request.csv)
        print(f"the ledger as CSV: {request.csv}")
    if len(rows) == 1:
        toy = " --toy" if request.toy else ""
        print(f"no runs of {competition.name} in {ledger.path}: podium run {competition.name}{toy} makes one")
        return 0
    print(columns(rows))
    points = points_of(ledger.rows(competition.name))
    for name in ("public", "private"):
        if line := line_through(pairs_of(points, name)):
            print(line.describe(name))
    if not points:
        print("no run has a leaderboard score yet, so there is no plot: podium submit RUN, or podium sync NAME")
    elif request.plot:
        path = request.picture or root / competition.name / "board.png"
        draw_board(points, competition.slug, competition.metric.name, path)
        print(f"plot: {path}")
    plot = path if points and request.plot else None
    table = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    send_board(root / competition.name / "board", competition.name, table, plot, request.wandb, Report(request.quiet))
    return 0


def _asked(arguments: Sequence[str], verb: str) -> tuple[Competition, BoardRequest]:
    name, rest = named(arguments, verb)
    return find_competition(name), parse(rest, f"podium {verb} {name}", BoardRequest())[0]
