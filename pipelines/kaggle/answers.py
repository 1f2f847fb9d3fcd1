"""What Kaggle answers, typed: files, links, submissions, allowances and leaderboards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Listed:
    """A file as Kaggle lists it."""

    name: str
    size: int  # bytes; 0: not said


@dataclass(frozen=True)
class Link:
    """Where a file's bytes come from."""

    name: str  # the one it arrives under: train.csv may come as train.csv.zip
    request: Any  # as requests prepared it, ready to be sent again


@dataclass(frozen=True)
class Sent:
    """A submission as Kaggle lists it."""

    ref: str
    file: str
    message: str
    date: str  # ISO, in UTC
    status: str  # pending, complete, error
    public: float | None
    private: float | None
    fault: str  # why it has no score


@dataclass(frozen=True)
class Allowance:
    """How many submissions are made and left today."""

    today: int
    ever: int
    left: int


@dataclass(frozen=True)
class Team:
    """A line of a leaderboard."""

    id: str
    name: str
    score: float
    date: str


def name_in(answer: Any, listed: str) -> str:
    """The name a file arrives under: the listed one, or what the address it comes from adds to it."""
    plain = PurePosixPath(listed)
    arrived = PurePosixPath(unquote(urlsplit(answer.url).path)).name
    return str(plain.with_name(arrived)) if arrived in (f"{plain.name}.zip", f"{plain.name}.gz") else listed


def sent_of(given: Any) -> Sent:
    """A submission out of the client's own object."""
    return Sent(
        ref=str(given.ref),
        file=given.file_name,
        message=given.description,
        date=date_of(given.date),
        status=given.status.name.lower(),
        public=score_of(given.public_score),
        private=score_of(given.private_score),
        fault=given.error_description,
    )


def team_of(id: str, name: str, score: str, date: str) -> Team | None:
    """A line of a leaderboard; None without a score."""
    number = score_of(score)
    return None if number is None else Team(id, name, number, date)


def score_of(text: str) -> float | None:
    """Kaggle's scores are texts; an empty one is no score yet."""
    try:
        score = float(text)
    except (TypeError, ValueError):
        return None
    return score if math.isfinite(score) else None


def date_of(given: Any) -> str:
    """A date as text; the client's dates are in UTC and do not say so."""
    return "" if given is None else f"{given.isoformat(timespec='seconds')}+00:00"
