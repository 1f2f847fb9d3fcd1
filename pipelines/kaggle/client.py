"""Kaggle as podium uses it: the real client behind typed calls, each with a deadline and errors that say what to do."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from pipelines.kaggle.answers import Allowance, Link, Listed, Sent, Team, date_of, name_in, sent_of, team_of
from pipelines.kaggle.calls import FAULTS, PATIENCE, Patience, patiently, status_of, wait_if_busy, within
from pipelines.kaggle.credentials import config_file, source
from pipelines.kaggle.refusals import About, Asked, KaggleError, explain, no_credentials
from pipelines.kaggle.unpack import Say

T = TypeVar("T")
Board: TypeAlias = Literal["public", "private"]
PAGE = 200  # entries asked for at a time, the most that Kaggle gives; a server may give fewer
NOISY = ("VERBOSE", "VERBOSE_OUTPUT")  # with these set the client prints whole requests, credentials and all


def connect(say: Say = lambda line: None, patience: Patience | None = None) -> Kaggle:
    """The client, its credentials accepted as far as it looks at them itself; nothing is imported without any."""
    if not source():
        raise no_credentials()
    logging.getLogger("urllib3.connectionpool").addFilter(_unlogged)
    asked, patience = Asked("sign in", "Kaggle"), patience or PATIENCE
    try:
        api = patiently(partial(within, patience.call, _signed_in), patience, say)
    except ModuleNotFoundError as error:
        message = f"expected Kaggle's client, got no module {error.name}"
        raise ValueError(f'{message}; install it: pip install "podium[kaggle]"') from None
    except FAULTS as error:
        if isinstance(error, OSError) and error.filename:
            message = f"{error.filename}: Kaggle's client expected a folder of its own, got {error.strerror}"
            raise OSError(error.errno, f"{message}; name one with KAGGLE_CONFIG_DIR") from None
        raise explain(error, asked) from None
    return Kaggle(api, patience, say)


def _unlogged(record: logging.LogRecord) -> bool:
    """Nothing passes: urllib3 warns of every other try, with the address and its signature, and that goes to stderr."""
    return False


def _signed_in() -> Any:
    config_file().parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # the client fails where another makes it too
    with _silent():
        from kaggle.api.kaggle_api_extended import KaggleApi

        api = KaggleApi()
        api.authenticate()
    return api


@contextmanager
def _silent() -> Iterator[None]:
    hidden = {name: os.environ.pop(name) for name in NOISY if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


@dataclass(frozen=True)
class Kaggle:
    """A signed-in client; every method raises KaggleError in place of the client's own errors."""

    api: Any
    patience: Patience
    say: Say

    def files(self, slug: str) -> list[Listed]:
        """Every file of a competition."""
        request = partial(self.api.competition_list_files, slug, page_size=PAGE)
        asked = Asked("list its files", slug)
        found = self._pages(asked, lambda token: request(page_token=token), "files")
        return [Listed(each.name, each.total_bytes) for each in found]

    def link(self, slug: str, name: str) -> Link:
        """Where a file comes from now, or with no name the zip of all of them; addresses live for minutes."""
        from kagglesdk.competitions.types.competition_api_service import (
            ApiDownloadDataFileRequest,
            ApiDownloadDataFilesRequest,
        )

        request = ApiDownloadDataFileRequest() if name else ApiDownloadDataFilesRequest()
        request.competition_name = slug
        if name:
            request.file_name = name

        def ask(service: Any) -> Any:
            answer = service.download_data_file(request) if name else service.download_data_files(request)
            answer.close()
            return answer

        answer = self._ask(Asked(f"download {name or 'all files'}", slug), ask)
        return Link(name_in(answer, name or f"{slug}.zip"), answer.request)

    def allowance(self, slug: str) -> Allowance:
        """How many submissions are left today."""
        asked = Asked("say how many submissions are left today", slug)
        found = self._call(asked, lambda: self.api.competition_get_submission_limits(slug))
        return Allowance(found.num_today, found.num_total, found.num_allowed_now)

    def about(self, slug: str) -> About:
        """What Kaggle says of the competition, as far as it answers at all."""
        from kagglesdk.competitions.types.competition_api_service import ApiGetCompetitionRequest

        request = ApiGetCompetitionRequest()
        request.competition_name = slug
        once = replace(self.patience, tries=1)
        try:
            found = self._answer(lambda service: service.get_competition(request), once)
        except FAULTS:  # asked only to say more about another error
            return About()
        return About(
            joined=found.user_has_entered,
            closed=found.submissions_disabled,
            code=found.is_kernels_submissions_only,
            ended=found.deadline and found.deadline < datetime.now(UTC).replace(tzinfo=None),  # in UTC, and says so not
        )

    def submissions(self, slug: str) -> list[Sent]:
        """All own submissions, newest first."""
        found: dict[str, Sent] = {}
        token, page = "", 1
        while True:
            answer = self._listing(slug, token, page)
            fresh = {each.ref: each for each in map(sent_of, answer.submissions) if each.ref not in found}
            found |= fresh
            token, page = answer.next_page_token, page + 1
            if not fresh or (not token and len(answer.submissions) < PAGE):
                return list(found.values())

    def recent(self, slug: str) -> list[Sent]:
        """The latest own submissions, newest first."""
        return [sent_of(each) for each in self._listing(slug, "", 1).submissions]

    def submit(self, slug: str, path: Path, message: str) -> str:
        """Upload a file once and submit it: its ref, or "" where the upload failed and nothing was submitted."""
        seconds = self.patience.call * 2 + path.stat().st_size / self.patience.slowest
        upload = partial(self.api.competition_submit, str(path), message, slug, quiet=True)
        return self._submitted(Asked(f"take {path.name}", slug), seconds, upload)

    def submit_notebook(self, slug: str, notebook: str, version: int, file: str, message: str) -> str:
        """Submit a version of a notebook (user/slug), which Kaggle runs again on the hidden test set: its ref."""
        asked = Asked(f"take version {version} of {notebook}", slug, notebook=True)
        ask = partial(self.api.competition_submit_code, file, message, slug, notebook, version, quiet=True)
        return self._submitted(asked, self.patience.call, ask)

    def teams(self, slug: str, board: Board) -> list[Team]:
        """A leaderboard in its order; where no private one is out, Kaggle gives the public one in its place."""
        from kagglesdk.competitions.types.competition_api_service import ApiGetLeaderboardRequest

        asked = Asked(f"show its {board} leaderboard", slug)

        def ask(token: str) -> Any:
            request = ApiGetLeaderboardRequest()
            request.competition_name, request.override_public = slug, board == "public"
            request.page_size, request.page_token = PAGE, token
            with self.api.build_kaggle_client() as client:
                return client.competitions.competition_api_client.get_leaderboard(request)

        found = self._pages(asked, ask, "submissions")
        teams = [
            team_of(str(each.team_id), each.team_name, each.score, date_of(each.submission_date)) for each in found
        ]
        return [team for team in teams if team is not None]

    def leaderboard(self, slug: str) -> bytes:
        """The leaderboard's zip, one call where pages are many."""
        from kagglesdk.competitions.types.competition_api_service import ApiDownloadLeaderboardRequest

        request = ApiDownloadLeaderboardRequest()
        request.competition_name = slug
        asked = Asked("download its leaderboard", slug)
        return bytes(self._ask(asked, lambda service: service.download_leaderboard(request).content))

    def _submitted(self, asked: Asked, seconds: float, call: Callable[[], Any]) -> str:
        """The ref of what was submitted once; the client reports a failed upload as a submission without one."""
        try:
            answer = patiently(partial(within, seconds, call), self.patience, self.say, wait_if_busy)
        except FAULTS as error:
            raise self._explained(error, asked) from None
        return str(answer.ref) if answer.ref else ""

    def _listing(self, slug: str, token: str, page: int) -> Any:
        from kagglesdk.competitions.types.competition_api_service import ApiListSubmissionsRequest

        request = ApiListSubmissionsRequest()
        request.competition_name, request.page, request.page_size = slug, page, PAGE
        request.page_token = token
        return self._ask(Asked("list your submissions", slug), lambda service: service.list_submissions(request))

    def _pages(self, asked: Asked, ask: Callable[[str], Any], entries: str) -> list[Any]:
        """The entries of all pages; a token that comes again ends them too."""
        found, token, seen = [], "", {""}
        while True:
            answer = self._call(asked, partial(ask, token))
            found += getattr(answer, entries)
            token = answer.next_page_token
            if token in seen:
                return found
            seen.add(token)

    def _ask(self, asked: Asked, ask: Callable[[Any], T]) -> T:
        try:
            return self._answer(ask, self.patience)
        except FAULTS as error:
            raise self._explained(error, asked) from None

    def _answer(self, ask: Callable[[Any], T], patience: Patience) -> T:
        def call() -> T:
            with self.api.build_kaggle_client() as client:
                return ask(client.competitions.competition_api_client)

        return patiently(partial(within, patience.call, call), patience, self.say)

    def _call(self, asked: Asked, call: Callable[[], T]) -> T:
        try:
            return patiently(partial(within, self.patience.call, call), self.patience, self.say)
        except FAULTS as error:
            raise self._explained(error, asked) from None

    def _explained(self, error: Exception, asked: Asked) -> KaggleError:
        """The error in words; what a bare 400 or 403 means is asked for."""
        if status_of(error) in (400, 403):
            asked = replace(asked, about=self.about(asked.slug))
        return explain(error, asked)
