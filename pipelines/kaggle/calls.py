"""Calls that may hang, fail or be asked to wait: each gets a deadline, and what may help is tried again."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from json import JSONDecodeError
from types import TracebackType
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from pipelines.report import took

T = TypeVar("T")
BUSY = 429
# What the client raises: requests' errors are OSErrors; the others come of answers that are not what they should be.
FAULTS = (OSError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class Patience:
    """How long to wait for Kaggle; times in seconds."""

    call: float = 60.0  # for one answer
    silence: float = 60.0  # without a byte, in a download
    slowest: float = 50_000.0  # bytes a second that an upload is given time for
    tries: int = 5
    wait: float = 1.0  # before the second try; doubles with each
    longest: float = 120.0  # that a server may ask to wait, and that a wait may grow to
    poll: float = 3.0  # between two looks at a submission that has no score yet

    def before(self, tried: int) -> float:
        """The wait after so many tries."""
        return float(min(self.longest, self.wait * 2 ** (tried - 1)))


PATIENCE = Patience()
Judge: TypeAlias = Callable[[Exception, int, Patience], float | None]


class Slow(TimeoutError):
    """No answer within the deadline; the call may still be going on."""


class Exiting(OSError):
    """The client gave up on its own and would have ended the process."""


class _Answer(Generic[T]):
    """What a call gave in its thread: a value or an error, whichever it is."""

    value: T
    error: BaseException | None = None

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[True]:
        self.error = error
        return True


def within(seconds: float, call: Callable[[], T]) -> T:
    """What call returns or raises; Slow after so many seconds, when it is left to a thread that dies with the process.

    The client prints help, errors and its own other tries, with addresses and more: nothing of it is let through.
    """
    answer = _Answer[T]()

    def work() -> None:
        with answer:
            answer.value = call()

    thread = threading.Thread(target=work, daemon=True)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        thread.start()
        thread.join(seconds)
    if thread.is_alive():
        raise Slow(f"no answer in {took(seconds)}")
    if isinstance(answer.error, SystemExit):
        raise Exiting("the client found no credentials that it can use")
    if answer.error is not None:
        _hang_up(answer.error)
        raise answer.error
    return answer.value


def _hang_up(error: BaseException) -> None:
    """Close what the client leaves open: it reads no body of an error that came in place of a file."""
    response = getattr(error, "response", None)
    if response is not None:
        response.close()


def patiently(call: Callable[[], T], patience: Patience, say: Callable[[str], None], judge: Judge | None = None) -> T:
    """What call returns, tried again after errors that may pass; the last error is raised.

    judge says how long to wait after an error, or None where no other try is worth it or safe.
    """
    for tried in range(1, patience.tries):
        try:
            return call()
        except FAULTS as error:
            seconds = (judge or wait_after)(error, tried, patience)
            if seconds is None:
                raise
            say(f"Kaggle: {reason(error)}; trying again in {took(seconds)} ({tried} of {patience.tries - 1})")
        time.sleep(seconds)
    return call()


def wait_after(error: Exception, tried: int, patience: Patience) -> float | None:
    """How long to wait before another try; None: none would help, or the server asks for more patience than there is.

    5xx, 429, no connection, no answer and a garbled one may pass; whatever else was answered stays.
    """
    status = status_of(error)
    if status == BUSY:
        asked = retry_after(error)
        seconds = patience.before(tried) if asked is None else asked
        return seconds if seconds <= patience.longest else None
    passing = status >= 500 if status is not None else is_lost(error) or isinstance(error, JSONDecodeError)
    return patience.before(tried) if passing else None


def wait_if_busy(error: Exception, tried: int, patience: Patience) -> float | None:
    """As wait_after, for what must not be done twice: only a 429 says that nothing was done."""
    return wait_after(error, tried, patience) if status_of(error) == BUSY else None


def is_lost(error: Exception) -> bool:
    """Whether there was no whole answer: nobody knows what the server did."""
    if isinstance(error, Slow):
        return True
    import requests

    return isinstance(
        error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError
    ) and not isinstance(error, requests.exceptions.SSLError)


def status_of(error: BaseException) -> int | None:
    """The HTTP status of an error, where there was one."""
    status: Any = getattr(getattr(error, "response", None), "status_code", None)
    return None if status is None else int(status)


def retry_after(error: BaseException) -> float | None:
    """The seconds for which the server asks to wait."""
    response = getattr(error, "response", None)
    asked = "" if response is None else str(response.headers.get("Retry-After", ""))
    if asked.replace(".", "", 1).isdigit():
        return float(asked)
    try:
        return max(0.0, (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def reason(error: BaseException) -> str:
    """An error in a few words, without addresses."""
    status = status_of(error)
    if status is not None:
        return f"HTTP {status}"
    if isinstance(error, Slow):
        return str(error)
    seen: BaseException | None = error
    for _ in range(6):  # requests wraps urllib3, which wraps the system's own error
        inner = getattr(seen, "reason", None) or next(
            (each for each in getattr(seen, "args", ()) if isinstance(each, BaseException)), None
        )
        inner = inner if isinstance(inner, BaseException) else getattr(seen, "__context__", None)
        if inner is None:
            break
        seen = inner
    return str(getattr(seen, "strerror", "") or "") or type(error).__name__
