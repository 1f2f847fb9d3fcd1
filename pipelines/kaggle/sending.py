"""A submission on its way: recorded before it leaves, uploaded once even where the answer is lost, then waited for."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.contract import Competition
from pipelines.kaggle.answers import Sent
from pipelines.kaggle.client import Kaggle
from pipelines.kaggle.refusals import KaggleError
from pipelines.report import Report, took
from submissions.ledger import Ledger
from submissions.ledger_rows import SubmissionRow
from submissions.place import file_digest

NOTEBOOK = "notebook "  # how the ledger's file begins where a notebook's version was submitted
UPLOADING, REFUSED = "uploading", "refused"  # in the ledger, beside what Kaggle says
PENDING, COMPLETE = "pending", "complete"
SLOWEST_LOOK = 60.0  # seconds between two looks, once a score takes long: that of a notebook takes hours
CLOCKS = timedelta(minutes=15)  # by which Kaggle's clock and this one may differ


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A checked file and what is to be said of it."""

    competition: Competition
    path: Path
    digest: str
    message: str
    run: str = ""  # "": made elsewhere

    @property
    def label(self) -> str:
        """What the ledger and messages call it."""
        return str(self.path)

    def judge(self) -> None:
        """Refuse a file that is no longer the one that was checked."""
        if file_digest(self.path) != self.digest:
            raise ValueError(
                f"{self.label}: expected the file that was checked, got another: a command has written it anew "
                "meanwhile; nothing was submitted, run it again"
            )

    def send(self, kaggle: Kaggle) -> str:
        """Submit it: its ref, or "" where nothing was submitted."""
        return kaggle.submit(self.competition.slug, self.path, self.message)

    def row(self, status: str) -> SubmissionRow:
        """What the ledger records before the upload."""
        return SubmissionRow(
            competition=self.competition.name,
            run=self.run,
            file=self.label,
            digest=self.digest,
            message=self.message,
            status=status,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        )


@dataclass(frozen=True, kw_only=True)
class NotebookParcel(Parcel):
    """A version of a notebook at Kaggle; path is what it left there for the visible test set, fetched and checked."""

    notebook: str  # user/slug
    version: int

    @property
    def label(self) -> str:
        """What the ledger and messages call it."""
        return f"{NOTEBOOK}{self.notebook} version {self.version}"

    def judge(self) -> None:
        """A version at Kaggle stays as it is."""

    def send(self, kaggle: Kaggle) -> str:
        """Submit it: Kaggle runs it again on the hidden test set."""
        file = self.competition.submission
        return kaggle.submit_notebook(self.competition.slug, self.notebook, self.version, file, self.message)


@dataclass(frozen=True)
class Sending:
    """What one `podium submit` works with."""

    kaggle: Kaggle
    ledger: Ledger
    report: Report

    def earlier(self, parcel: Parcel) -> Sent | None:
        """What became of an upload of this file by an earlier command that had no answer; None: it never arrived."""
        row = self.ledger.find_submission(parcel.competition.name, parcel.digest)
        if row is None or row.ref or row.status != UPLOADING:
            return None
        self.report.line(f"{row.file}: an earlier upload had no answer; asking Kaggle whether it arrived")
        found = arrived(self.kaggle.submissions(parcel.competition.slug), row, self._known(parcel))
        if found is not None:
            self._enter(replace(parcel, message=row.message), found)
        return found

    def judge_allowance(self, slug: str) -> None:
        """Refuse where no submission is left today, before anything is uploaded."""
        allowance = self.kaggle.allowance(slug)
        if allowance.left:
            self.report.line(f"{slug}: {allowance.today} submissions today, {allowance.left} left")
        elif allowance.today or allowance.ever:
            now = datetime.now(UTC)
            midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            raise KaggleError(
                "limit",
                f"{slug}: expected a submission left today, got {allowance.today} made and none left: the daily limit "
                f"starts anew at 00:00 UTC, in {took((midnight - now).total_seconds())}",
            )
        elif self.kaggle.about(slug).joined is False:  # Kaggle gives all zeros to who is on no team
            raise KaggleError(
                "rules",
                f"{slug}: expected a competition that you have joined, got no team of yours in it: accept its rules "
                f"at https://www.kaggle.com/c/{slug}/rules, then run it again",
            )

    def upload(self, parcel: Parcel) -> Sent:
        """Submit a file exactly once; what Kaggle refuses is recorded as refused."""
        parcel.judge()
        slug, patience = parcel.competition.slug, self.kaggle.patience
        known = self._known(parcel) | {each.ref for each in self.kaggle.recent(slug)}
        row = parcel.row(UPLOADING)
        self.ledger.record_submission(row)
        for tried in range(1, patience.tries + 1):
            try:
                ref = parcel.send(self.kaggle)
            except KaggleError as error:
                if not error.unknown:
                    self.ledger.record_submission(replace(row, status=REFUSED))
                    raise
                ref, last = self._look(slug, row, known), error
                if not ref and error.kind == "slow":  # the upload may still be going on: no second one beside it
                    raise unsure(error, parcel.label) from None
            else:
                last = _failed(slug, parcel.label)
            if ref:
                return self._enter(
                    parcel, Sent(ref, parcel.path.name, parcel.message, row.date, PENDING, None, None, "")
                )
            if tried < patience.tries:
                self.report.line(f"{last}; it did not arrive, trying again in {took(patience.before(tried))}")
                time.sleep(patience.before(tried))
        raise last

    def wait(self, parcel: Parcel, ref: str, seconds: float) -> Sent | None:
        """The submission once it has a score or an error; None when that takes longer. The ledger has what is known."""
        start, slug, poll = time.monotonic(), parcel.competition.slug, self.kaggle.patience.poll
        while True:
            found = next((each for each in self.kaggle.recent(slug) if each.ref == ref), None)
            spent = time.monotonic() - start
            if found is not None and found.status != PENDING:
                name = parcel.competition.name
                self.ledger.update_scores(name, ref, found.status, found.public, found.private)
                return found
            if spent >= seconds:
                return None
            self.report.line(f"{slug}: submission {ref} has no score yet, {took(spent)} gone")
            time.sleep(min(poll, max(0.0, seconds - spent)))
            poll = min(1.5 * poll, SLOWEST_LOOK)

    def _look(self, slug: str, row: SubmissionRow, known: Collection[str]) -> str:
        """The ref under which an upload without an answer arrived, "" if it did not; asked twice, as lists lag."""
        patience = self.kaggle.patience
        try:
            for tried in (1, 2):
                time.sleep(patience.before(tried))
                if found := arrived(self.kaggle.recent(slug), row, known):
                    return found.ref
        except KaggleError as error:
            raise unsure(error, row.file) from None
        return ""

    def _known(self, parcel: Parcel) -> set[str]:
        """Submissions that the ledger has a ref of."""
        return {row.ref for row in self.ledger.submissions(parcel.competition.name) if row.ref}

    def _enter(self, parcel: Parcel, sent: Sent) -> Sent:
        row = replace(parcel.row(sent.status), ref=sent.ref, date=sent.date, public=sent.public, private=sent.private)
        self.ledger.record_submission(row)
        return sent


def arrived(listed: Sequence[Sent], row: SubmissionRow, known: Collection[str]) -> Sent | None:
    """The submission that a recorded upload without a ref became: nobody else's, same name and words, not older."""
    since = _time(row.date) - CLOCKS
    fitting = [
        each
        for each in listed
        if each.ref not in known
        and (each.file in ("", Path(row.file).name) or row.file.startswith(NOTEBOOK))
        and each.message.strip() == row.message.strip()
        and (not each.date or _time(each.date) >= since)
    ]
    return min(fitting, key=lambda each: each.date, default=None)


def unsure(error: KaggleError, label: str) -> KaggleError:
    """The error, and that nobody knows what became of the upload."""
    message = f"{error}; whether {label} arrived is not known, the same command asks Kaggle before it uploads again"
    return KaggleError(error.kind, message)


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _failed(slug: str, label: str) -> KaggleError:
    return KaggleError(
        "server",
        f"{slug}: expected {label} to be taken, got a failed upload: nothing was submitted, run it again later",
    )
