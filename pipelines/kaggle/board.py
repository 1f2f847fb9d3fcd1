"""Runs beside what the leaderboard said of them: the table of `podium board`, and where a score would stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.contract import Competition
from submissions.ledger import Ledger
from submissions.ledger_rows import LedgerRow
from submissions.standing import estimate

FEWEST = 3  # points, from which on a line and a correlation say anything


@dataclass(frozen=True)
class Point:
    """A run that has a score of its own and one of the leaderboard."""

    name: str
    cv: float
    error: float  # standard error of the CV score; 0: not known
    public: float | None
    private: float | None


@dataclass(frozen=True)
class Line:
    """The straight line through points, and how close they lie to it."""

    slope: float
    offset: float
    correlation: float
    points: int

    def describe(self, board: str) -> str:
        """The correlation in words."""
        return f"CV against {board}: correlation {self.correlation:+.3f} over {self.points} submissions"


@dataclass(frozen=True)
class Standings:
    """All teams' scores on the leaderboards of a competition, as far as the ledger has them."""

    competition: Competition
    public: Sequence[float] = ()
    private: Sequence[float] = ()

    def place(self, public: float | None, private: float | None) -> str:
        """Where scores would stand in words: by these leaderboards, or by lines of the last private one."""
        higher = self.competition.metric.higher_is_better
        words = {
            "private": estimate(private, self.private, self.competition.places, higher),
            "public": estimate(public, self.public, {}, higher),
        }
        return "; ".join(f"{board}: {text}" for board, text in words.items() if text)


def standings(ledger: Ledger, competition: Competition) -> Standings:
    """The leaderboards that the ledger has."""
    public, private = ([row.score for row in ledger.board(competition.name, name)] for name in ("public", "private"))
    return Standings(competition, public, private)


def board_rows(ledger: Ledger, competition: Competition) -> list[tuple[str, ...]]:
    """A header, and a line for every run and submission of a competition."""
    head = ("run", competition.metric.name, "se", "fold sd", "public", "private", "stands")
    known = standings(ledger, competition)
    return [head, *(_cells(row, known) for row in ledger.rows(competition.name))]


def _cells(row: LedgerRow, known: Standings) -> tuple[str, ...]:
    run, sent = row.run, row.submission
    name = run.run if run is not None else (sent.message if sent is not None else "") or "(no message)"
    own = (None, None, None) if run is None else (run.score, run.score_se, spread(run.fold_scores))
    theirs = (None, None) if sent is None else (sent.public, sent.private)
    waiting = "" if sent is None or sent.status in ("complete", "") else sent.status
    quick = f" (--limit {run.limit})" if run is not None and run.limit else ""
    place = known.place(*theirs) or waiting or "-"
    return (f"{name[:48]}{quick}", *(_shown(number) for number in (*own, *theirs)), place)


def spread(scores: Sequence[float | None]) -> float | None:
    """The standard deviation of the folds' scores; None with fewer than two."""
    known = [score for score in scores if score is not None]
    return float(np.std(known, ddof=1)) if len(known) > 1 else None


def points_of(rows: Sequence[LedgerRow]) -> list[Point]:
    """The runs with both kinds of score; quick passes on part of the rows are none of them."""
    pairs = [(row.run, row.submission) for row in rows]
    return [
        Point(run.run, run.score, run.score_se or 0.0, sent.public, sent.private)
        for run, sent in pairs
        if run is not None and sent is not None and run.score is not None and not run.limit
        if sent.public is not None or sent.private is not None
    ]


def line_through(pairs: Sequence[tuple[float, float]]) -> Line | None:
    """The least-squares line through (CV, leaderboard) pairs; None where too few or all alike."""
    if len(pairs) < FEWEST:
        return None
    first, second = np.asarray(pairs, dtype=float).T
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    slope, offset = np.polyfit(first, second, 1)
    return Line(float(slope), float(offset), float(np.corrcoef(first, second)[0, 1]), len(pairs))


def pairs_of(points: Sequence[Point], board: str) -> list[tuple[float, float]]:
    """(CV, score on that board) of the points that have one."""
    found = [(point.cv, point.public if board == "public" else point.private) for point in points]
    return [(cv, score) for cv, score in found if score is not None]


def scores_beside(public: float | None, private: float | None) -> str:
    """Scores as they stand behind other words; "" without any."""
    given = {"public": public, "private": private}
    return "".join(f" · {board} {score:.5f}" for board, score in given.items() if score is not None)


def _shown(number: float | None) -> str:
    return "-" if number is None or math.isnan(number) else f"{number:.5f}"
