"""What a person sees while work goes on: lines and progress bars on stderr, the same lines in run.log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


class Watcher(Protocol):
    """Who is told how work goes on: a report, or a fit's folder."""

    def say(self, text: str) -> None:
        """One line for the person who watches."""

    def steps(self, items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
        """The items, with a progress bar and ETA."""


@dataclass
class Report:
    """Progress goes to stderr: bars with ETA on a terminal, one line per stage otherwise, nothing when quiet."""

    quiet: bool = False
    log: Path | None = None
    started: float = field(default_factory=time.monotonic)

    def line(self, text: str) -> None:
        """One line for the person and for run.log."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as lines:
                lines.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {text}\n")

    def say(self, text: str) -> None:
        """The same, under the name that a fit's folder has for it."""
        self.line(text)

    def steps(self, items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
        """The items, one after the other, with a bar and ETA where a person watches."""
        if self.quiet or not sys.stderr.isatty():
            yield from items
            return
        from tqdm import tqdm

        yield from tqdm(items, total=total, desc=what, file=sys.stderr, leave=False, dynamic_ncols=True)


def took(seconds: float) -> str:
    """Seconds as a person reads them: 3.2 s, 4 min 10 s, 2 h 05 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
