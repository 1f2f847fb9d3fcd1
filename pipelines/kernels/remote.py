"""A bundle at Kaggle: its datasets uploaded, its source pushed, its session watched, its output fetched."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from pipelines.kaggle.calls import BUSY, FAULTS, patiently, status_of, wait_if_busy, within
from pipelines.kaggle.client import Kaggle
from pipelines.kaggle.refusals import Asked, KaggleError, explain
from pipelines.report import Report, took
from pipelines.runfolder import read_json

T = TypeVar("T")
READY, FAILED = "ready", "failed"  # of a dataset
DONE = ("complete", "error", "cancel_acknowledged")  # of a session
UNPACKING = 1800.0  # seconds that Kaggle may take to take in a dataset


@dataclass(frozen=True)
class Pushed:
    """A kernel at Kaggle."""

    ref: str  # user/slug
    version: int
    url: str


@dataclass(frozen=True)
class Session:
    """How a kernel's last session does."""

    state: str  # queued, running, complete, error, ...
    failure: str

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in DONE


@dataclass(frozen=True)
class Remote:
    """What one `podium kernel` says to Kaggle."""

    kaggle: Kaggle
    report: Report

    @property
    def user(self) -> str:
        """Who is signed in."""
        return str(self.kaggle.api.get_config_value("username") or "")

    def upload(self, folder: Path, public: bool) -> None:
        """Make the dataset in a folder at Kaggle: new, or a new version of the one there; wait until it can be read."""
        ref = str(read_json(folder / "dataset-metadata.json")["id"])
        patience, files = self.kaggle.patience, [path for path in folder.iterdir() if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        seconds = patience.call * (len(files) + 2) + size / patience.slowest
        there = bool(self.dataset_state(ref))
        self.report.line(f"{ref}: uploading {'a new version' if there else 'it'}, {size / 1e6:.1f} MB")
        api = self.kaggle.api
        if there:
            make = partial(api.dataset_create_version, str(folder), "podium kernel push", quiet=True)
        else:
            make = partial(api.dataset_create_new, str(folder), public=public, quiet=True)
        try:
            with forgotten():
                answer = self._call(f"take {len(files)} files", ref, make, seconds)
            if answer.error or (answer.status or "ok").lower() != "ok":
                got = answer.error or answer.status
                raise KaggleError("refused", f"{ref}: expected to make the dataset, got: {got}")
        except KaggleError:
            if there or not self.dataset_state(ref):  # it may have been made though the answer was lost
                raise
        self.wait_ready(ref)

    def dataset_state(self, ref: str) -> str:
        """ready, failed or a stage on the way; "" where there is no such dataset of yours."""
        try:
            return str(self._call("say whether it is there", ref, partial(self.kaggle.api.dataset_status, ref)))
        except KaggleError as error:
            if error.kind not in ("absent", "rules"):  # of a private dataset that is not there Kaggle says 403
                raise
            return ""

    def wait_ready(self, ref: str) -> None:
        """Wait until Kaggle has taken a dataset in: a kernel started before would see the last version."""
        start, poll = time.monotonic(), self.kaggle.patience.poll
        while (state := self.dataset_state(ref)) != READY:
            if state == FAILED:
                raise KaggleError("refused", f"{ref}: expected a dataset ready to use, got one that failed: push again")
            if time.monotonic() - start > UNPACKING:
                raise KaggleError(
                    "slow", f"{ref}: expected it ready in {took(UNPACKING)}, got {state}: push again later"
                )
            time.sleep(poll)
            poll = min(poll * 1.5, 30)

    def push(self, folder: Path) -> Pushed:
        """Save a kernel, which runs it; once only, as a second time would be a second run."""
        metadata = read_json(folder / "kernel-metadata.json")
        ref = str(metadata["id"])
        answer = self._call("take the kernel", ref, partial(self.kaggle.api.kernels_push, str(folder)), once=True)
        if answer.error:
            raise KaggleError("refused", f"{ref}: expected the kernel saved, got: {answer.error}")
        without = [*(answer.invalid_dataset_sources or ()), *(answer.invalid_competition_sources or ())]
        if without:
            page = f"https://www.kaggle.com/c/{metadata['competition_sources'][0]}/rules"
            raise KaggleError(
                "rules",
                f"{ref}: expected a kernel with all it needs, got one saved without {', '.join(without)}: accept the "
                f"rules at {page}, then push again",
            )
        return Pushed(answer.ref.removeprefix("/code/") or ref, int(answer.version_number or 0), str(answer.url))

    def session(self, ref: str) -> Session:
        """How the kernel's last session does."""
        found = self._call("say how it does", ref, partial(self.kaggle.api.kernels_status, ref))
        return Session(found.status.name.lower(), str(found.failure_message or ""))

    def wait(self, ref: str, seconds: float) -> Session:
        """The session once it is over, or as it is after so many seconds."""
        start, poll, last = time.monotonic(), self.kaggle.patience.poll, ""
        while True:
            found, spent = self.session(ref), time.monotonic() - start
            if found.over or spent >= seconds:
                return found
            if found.state != last:
                self.report.line(f"{ref}: {found.state}")
            last = found.state
            time.sleep(min(poll, max(0.0, seconds - spent)))
            poll = min(poll * 1.2, 60)

    def fetch(self, ref: str, folder: Path, pattern: str, seconds: float) -> list[Path]:
        """The files of a kernel's output whose names fit, and its log."""
        ask = partial(self.kaggle.api.kernels_output, ref, str(folder), file_pattern=pattern, force=True, quiet=True)
        names, _ = self._call("give its output", ref, ask, seconds)
        return [Path(name) for name in names]

    def _call(self, doing: str, ref: str, call: Callable[[], T], seconds: float = 0.0, once: bool = False) -> T:
        patience = self.kaggle.patience
        limited = partial(within, max(seconds, patience.call), call)
        try:
            return patiently(limited, patience, self.kaggle.say, wait_if_busy if once else None)
        except FAULTS as error:
            found = explained(error, doing, ref)
        if once and found.unknown:
            raise KaggleError(
                found.kind,
                f"{ref}: expected Kaggle to {doing}, got no answer: it may have done so all the same, so ask "
                "first: podium kernel status RUN",
            )
        raise found


@contextmanager
def forgotten() -> Iterator[None]:
    """While this lasts, the client remembers its uploads in a folder that goes away.

    It keeps addresses and tokens in the system's temporary folder for a week, and what is in there of an upload that
    cannot go on makes every later one of the same file fail.
    """
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="podium-upload-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def explained(error: Exception, doing: str, ref: str) -> KaggleError:
    """The error in words: kernels and datasets have other remedies than competitions."""
    head, status = f"{ref}: expected Kaggle to {doing}", status_of(error)
    words = " ".join(str(error).split())[:200]
    if type(error) is ValueError:  # the client's own words
        kind = "absent" if "Cannot access" in words else "refused"
        if kind == "absent":
            words = "no access: is it pushed, by this account? podium kernel push"
        remedy = "" if kind == "absent" else "; run the same command again, what is there is not sent twice"
        return KaggleError(kind, f"{head}, got: {words}{remedy}")  # type: ignore[arg-type]
    if status in (403, 404):
        kind = "absent" if status == 404 else "rules"
        hint = "is it there, and yours? names are those of the address, user/slug"
        return KaggleError(kind, f"{head}, got HTTP {status}: {hint}")  # type: ignore[arg-type]
    if status is not None and status not in (401, BUSY) and status < 500:
        return KaggleError("refused", f"{head}, got HTTP {status} ({words}): change what it says and push again")
    return explain(error, Asked(doing, ref))
