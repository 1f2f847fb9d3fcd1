"""Kaggle's answers in words: what was expected, what came, and what to do about it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pipelines.kaggle.calls import BUSY, Exiting, Slow, is_lost, reason, retry_after, status_of
from pipelines.kaggle.credentials import looked_at, scrubbed, source
from pipelines.report import took

Kind: TypeAlias = Literal[
    "credentials", "rules", "closed", "code", "absent", "limit", "busy", "server", "offline", "slow", "refused"
]
SETTINGS = "https://www.kaggle.com/settings"
MAKE_TOKEN = f"make a token at {SETTINGS} (API) and save it as ~/.kaggle/access_token, or set KAGGLE_API_TOKEN to it"
LIMIT = re.compile(r"allowance|daily|per day|submission limit|too many submissions|maximum number", re.IGNORECASE)
CLOSED = re.compile(r"deadline|closed|has ended|is over|no longer|not accepting|late submission", re.IGNORECASE)
RULES = re.compile(r"rules|accept|\bjoin|not entered|must enter", re.IGNORECASE)
LENGTH = 200  # letters of Kaggle's own words that are shown


class KaggleError(ValueError):
    """What Kaggle refused or failed to do, and the remedy; kind is for programs."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(scrubbed(message))
        self.kind = kind
        self.unknown = kind in ("offline", "slow", "server")  # whether the server may have done it all the same


@dataclass(frozen=True)
class About:
    """What Kaggle says of a competition and of who asks; None: not said."""

    joined: bool | None = None
    closed: bool | None = None  # takes no submissions at all
    code: bool | None = None  # takes notebooks only
    ended: bool | None = None  # past its deadline; late submissions may still be taken


@dataclass(frozen=True)
class Asked:
    """What was asked when an error came."""

    doing: str  # as in "list the files"
    slug: str
    about: About = field(default_factory=About)
    notebook: bool = False  # whether it was a notebook's version that was to be taken, no file

    @property
    def head(self) -> str:
        """How every message begins."""
        return f"{self.slug}: expected to {self.doing}"


def no_credentials() -> KaggleError:
    """Nothing to ask Kaggle with."""
    return KaggleError("credentials", f"expected Kaggle credentials, got none in {looked_at()}: {MAKE_TOKEN}")


def explain(error: BaseException, asked: Asked) -> KaggleError:
    """The error for what the client raised."""
    status = status_of(error)
    if isinstance(error, Exiting) or status == 401:
        return _wrong_credentials(asked)
    if status is not None:
        return _answered(error, status, asked)
    if isinstance(error, Slow):
        return KaggleError("slow", f"{asked.head}, got {error}: nothing is lost, run the same command again later")
    if isinstance(error, Exception) and is_lost(error):
        return KaggleError(
            "offline",
            f"{asked.head}, got no connection ({reason(error)}): check the network and run the same command again; a "
            "Kaggle kernel has none unless its settings turn the internet on",
        )
    return KaggleError(
        "server",
        f"{asked.head}, got an answer that is none of Kaggle's ({type(error).__name__}): is a proxy or a login page in "
        'the way? else update the client: pip install --upgrade "kaggle>=2.2.4,<3"',
    )


def _wrong_credentials(asked: Asked) -> KaggleError:
    stray = "KAGGLE_TOKEN is set and used in their place: unset it, or else " if "KAGGLE_TOKEN" in os.environ else ""
    return KaggleError(
        "credentials",
        f"{asked.head}, got credentials refused, those of {source() or 'nowhere'}: {stray}{MAKE_TOKEN}",
    )


def _answered(error: BaseException, status: int, asked: Asked) -> KaggleError:
    """The error for an HTTP status, by what Kaggle says beside it and by what it says of the competition."""
    words, about = _words(error), asked.about
    got = f"{asked.head}, got HTTP {status}{words and f' ({words})'}"
    page = f"https://www.kaggle.com/c/{asked.slug}"
    if status == BUSY:
        wait = retry_after(error)
        when = "in a few minutes" if wait is None else f"in {took(wait)}"
        return KaggleError("busy", f"{got}, too many requests: run the same command again {when}")
    if status >= 500:
        return KaggleError("server", f"{got}, a failure at Kaggle: run the same command again later")
    if status == 404:
        there = "is that version of the notebook there, and " if asked.notebook else ""
        return KaggleError("absent", f"{got}: {there}is there such a page as {page}? a private one needs an invitation")
    if LIMIT.search(words):
        return KaggleError("limit", f"{got}: the daily limit starts anew at 00:00 UTC, run it again then")
    if about.code and not asked.notebook:
        return KaggleError("code", f"{got}: {code_only(asked.slug)}")
    if about.closed or CLOSED.search(words):
        return KaggleError("closed", f"{got}: it takes no submissions any more; {page} says whether late ones count")
    if about.joined is False or (about.joined is None and (status == 403 or RULES.search(words))):
        return KaggleError("rules", f"{got}: join it and accept its rules at {page}/rules, then run it again")
    return KaggleError(
        "refused",
        f"{got}: Kaggle says no more; usual reasons are rules not accepted ({page}/rules), a passed deadline, the "
        f"daily limit, or an account whose phone is not verified ({SETTINGS})",
    )


def code_only(slug: str) -> str:
    """Why no file can be submitted, and what can."""
    return (
        f"{slug} is a code competition, it takes a notebook and no file: podium kernel build RUN makes one, "
        "podium kernel push RUN runs it there, podium kernel submit RUN submits it"
    )


def _words(error: BaseException) -> str:
    """Kaggle's own words; requests' own sentence, which repeats the address, is none of them."""
    text = " ".join(str(error).split())
    if re.match(r"\d{3} (Client|Server) Error", text):
        return ""
    return text if len(text) <= LENGTH else f"{text[:LENGTH]}..."
