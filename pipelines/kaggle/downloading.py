"""A file from Kaggle onto the disk: goes on where it stopped, whole or not at all under its name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.room import FULL, size_text
from pipelines.kaggle.answers import Link
from pipelines.kaggle.calls import FAULTS, Patience, is_lost, status_of, wait_after
from pipelines.kaggle.members import Steps
from pipelines.kaggle.refusals import Asked, KaggleError, explain
from pipelines.kaggle.unpack import Say
from pipelines.report import took
from pipelines.runfolder import write_json

CHUNK = 2**18  # bytes taken at a time
CONNECT = 20.0  # seconds to be let in
RESUMABLE, WHOLE, BEYOND = 206, 200, 416  # HTTP: the rest, all of it, nothing behind what is there
PAGES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True)
class Part:
    """What is there of a file so far, beside its place; a note tells of which remote object it is."""

    path: Path

    @property
    def file(self) -> Path:
        """The bytes so far."""
        return self.path.with_name(f".{self.path.name}.download")

    @property
    def note(self) -> Path:
        """The mark that the server gave the object."""
        return self.path.with_name(f".{self.path.name}.download.json")

    def have(self) -> int:
        """How many bytes can be kept."""
        return self.file.stat().st_size if self.file.exists() and self.mark() else 0

    def mark(self) -> str:
        """The server's mark of the object; "" without one, when nothing proves that a rest would fit."""
        try:
            return str(json.loads(self.note.read_text(encoding="utf-8"))["mark"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def drop(self) -> None:
        """Start over."""
        self.file.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def finish(self) -> None:
        """The file takes its name."""
        self.file.replace(self.path)
        self.note.unlink(missing_ok=True)


@dataclass(frozen=True)
class Download:
    """What every download of one command shares."""

    slug: str
    patience: Patience
    say: Say
    steps: Steps

    def fetch(self, find: Callable[[], Link], root: Path) -> Path:
        """Download what find links to into root; find is asked anew for each try, as addresses expire."""
        tried = 0
        while True:
            link = find()
            part = Part(root / link.name)
            part.path.parent.mkdir(parents=True, exist_ok=True)
            before = part.have()
            try:
                self._take(link, part)
                return part.path
            except FAULTS as error:
                tried = 1 if part.have() > before else tried + 1  # what moves on is worth any number of tries
                seconds = self._wait(error, tried, link.name)
            self.say(f"{link.name}: stopped at {size_text(part.have())}; going on in {took(seconds)}")
            time.sleep(seconds)

    def _wait(self, error: Exception, tried: int, name: str) -> float:
        """How long to wait before going on; raises what nothing would mend."""
        if isinstance(error, OSError) and error.errno in FULL:
            message = f"expected room for {name}, got {error.strerror}"
            raise OSError(error.errno, f"{message}: free some and run again, it goes on where it stopped") from None
        if isinstance(error, KaggleError) or (status_of(error) is None and not is_lost(error)):
            raise error
        seconds = wait_after(error, tried, self.patience)
        if seconds is None or tried >= self.patience.tries:
            raise explain(error, Asked(f"download {name}", self.slug)) from None
        return seconds

    def _take(self, link: Link, part: Part) -> None:
        """Append what is missing of one file, and check its size against what the server announced."""
        with self._opened(link, part) as answer:
            if answer.status_code == BEYOND or _misplaced(answer, part):
                part.drop()
                raise _cut("the part that is there fits no file of Kaggle's any more")
            answer.raise_for_status()
            if answer.headers.get("Content-Type", "").split(";")[0] in PAGES and not link.name.endswith(".html"):
                raise KaggleError(
                    "refused",
                    f"{self.slug}: expected {link.name}, got a web page in its place: is a proxy or a login page in "
                    f"the way? Otherwise download it by hand from https://www.kaggle.com/c/{self.slug}/data",
                )
            self._write(answer, link.name, part)

    def _write(self, answer: Any, name: str, part: Part) -> None:
        resumed = answer.status_code == RESUMABLE
        total = _total(answer)
        if not resumed:
            part.drop()
            write_json(part.note, {"mark": answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""})
        chunks = -(-(total or CHUNK) // CHUNK)
        with part.file.open("ab") as sink:
            for chunk in self.steps(answer.iter_content(CHUNK), chunks, name):
                sink.write(chunk)
        written = part.file.stat().st_size
        if total is not None and written != total:
            if written > total:
                part.drop()
            raise _cut(f"{written} of {total} bytes")
        part.finish()

    def _opened(self, link: Link, part: Part) -> Any:
        """The answer to the client's own request, sent again with limits of time, for what is missing of the file."""
        import requests

        request = link.request.copy()
        request.headers["Accept-Encoding"] = "identity"  # sizes and ranges are of the file itself
        if have := part.have():
            request.headers.update({"Range": f"bytes={have}-", "If-Range": part.mark()})
        with requests.Session() as session:
            settings = session.merge_environment_settings(request.url, {}, True, None, None)
            return session.send(request, timeout=(CONNECT, self.patience.silence), **settings)


def _misplaced(answer: Any, part: Part) -> bool:
    """Whether the rest that came is not the one that was asked for."""
    asked = f"bytes {part.have()}-"
    return answer.status_code == RESUMABLE and not answer.headers.get("Content-Range", "").startswith(asked)


def _cut(why: str) -> OSError:
    """An error like that of a lost connection: another try may mend it."""
    import requests

    return requests.ConnectionError(why)


def _total(answer: Any) -> int | None:
    """The size of the whole file by the headers; None: not said."""
    if answer.status_code == RESUMABLE:
        return int(answer.headers["Content-Range"].rpartition("/")[2])
    length = answer.headers.get("Content-Length")
    return None if length is None or "Content-Encoding" in answer.headers else int(length)
