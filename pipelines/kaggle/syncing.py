"""What Kaggle knows and the ledger does not: past submissions, their scores, and the leaderboards."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace

from pipelines.contract import Competition
from pipelines.kaggle.answers import Sent, Team, team_of
from pipelines.kaggle.client import Board, Kaggle
from pipelines.kaggle.refusals import KaggleError
from pipelines.kaggle.sending import UPLOADING, arrived
from submissions.ledger import Ledger
from submissions.ledger_rows import BoardRow, SubmissionRow

WHOLE = 0.9  # of the public leaderboard's teams, from which on another one counts as whole


def sync_submissions(competition: Competition, kaggle: Kaggle, ledger: Ledger) -> tuple[int, int]:
    """Record every own submission and its score: how many there are, and how many the ledger did not know."""
    name = competition.name
    listed = kaggle.submissions(competition.slug)
    _adopt(listed, name, ledger)
    known = {row.ref: row for row in ledger.submissions(name) if row.ref}
    runs = {run.run for run in ledger.runs(name)}
    for each in reversed(listed):  # oldest first
        if each.ref in known:
            _update(ledger, known[each.ref], each)
            continue
        word = next(iter(each.message.split()), "")  # podium's own messages begin with the run's name
        ledger.record_submission(_row(name, each, word if word in runs else ""))
    return len(listed), sum(each.ref not in known for each in listed)


def _adopt(listed: Sequence[Sent], name: str, ledger: Ledger) -> None:
    """Give uploads whose answer was lost the ref that Kaggle lists them under."""
    for row in ledger.submissions(name):
        if row.status == UPLOADING and not row.ref:
            known = {each.ref for each in ledger.submissions(name) if each.ref}
            if found := arrived(listed, row, known):
                ledger.record_submission(replace(row, ref=found.ref, status=found.status))


def _update(ledger: Ledger, row: SubmissionRow, sent: Sent) -> None:
    """What Kaggle says of a known submission now; a write takes a while, so only where it is news."""
    if (row.status, row.public, row.private) != (sent.status, sent.public, sent.private):
        ledger.update_scores(row.competition, sent.ref, sent.status, sent.public, sent.private)


def _row(competition: str, sent: Sent, run: str) -> SubmissionRow:
    return SubmissionRow(
        competition=competition,
        run=run,
        file=sent.file,
        message=sent.message,
        ref=sent.ref,
        status=sent.status,
        date=sent.date,
        public=sent.public,
        private=sent.private,
    )


def sync_boards(competition: Competition, kaggle: Kaggle, ledger: Ledger) -> dict[Board, int]:
    """Record the public leaderboard, and the private one where it is out: how many teams each has."""
    slug, higher = competition.slug, competition.metric.higher_is_better
    boards: dict[Board, list[BoardRow]] = {"public": ranked(whole_board(kaggle, slug), higher)}
    if kaggle.about(slug).ended:
        private = ranked(kaggle.teams(slug, "private"), higher)
        if is_private(private, boards["public"]):
            boards["private"] = private
    for board, rows in boards.items():
        ledger.record_board(competition.name, board, rows)
    return {board: len(rows) for board, rows in boards.items()}


def whole_board(kaggle: Kaggle, slug: str) -> list[Team]:
    """The public leaderboard: its download, or page by page where there is none."""
    try:
        found = read_board(kaggle.leaderboard(slug))
    except KaggleError as error:
        if error.kind not in ("absent", "refused", "server"):
            raise
        found = []
    return found or kaggle.teams(slug, "public")


def read_board(packed: bytes) -> list[Team]:
    """The teams of a downloaded leaderboard; none where it is no zip of a CSV with teams and scores."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            name = next((each for each in archive.namelist() if each.endswith(".csv") and "private" not in each), "")
            text = archive.read(name).decode("utf-8-sig") if name else ""
    except (zipfile.BadZipFile, UnicodeDecodeError):
        return []
    teams = []
    for line in csv.DictReader(io.StringIO(text)):
        name = line.get("TeamName") or ""
        date = line.get("LastSubmissionDate") or line.get("SubmissionDate") or ""
        teams.append(team_of(line.get("TeamId") or name, name, line.get("Score") or "", date))
    return [team for team in teams if team is not None]


def is_private(shown: Sequence[BoardRow], public: Sequence[BoardRow]) -> bool:
    """Whether a board that was shown is the private one: whole, and not the public one over again."""
    scores = {row.team: row.score for row in public}
    other = any(scores.get(row.team) != row.score for row in shown)
    return other and len(shown) >= WHOLE * len(public)


def ranked(teams: Sequence[Team], higher_is_better: bool) -> list[BoardRow]:
    """Every team's best line, in the order of the scores: a download may hold a line for each step up."""
    best: dict[str, Team] = {}
    for team in sorted(teams, key=lambda team: -team.score if higher_is_better else team.score):
        best.setdefault(team.id, team)
    return [
        BoardRow(place=place, team=team.name, score=team.score, date=team.date)
        for place, team in enumerate(best.values(), 1)
    ]
