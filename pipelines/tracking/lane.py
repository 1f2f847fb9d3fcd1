"""One W&B run as the mirror sees it: what it should hold, what it holds, and the way to close the gap."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from pipelines.tracking.client import Card, Line, Uncertain, Unreachable, start_over
from pipelines.tracking.journal import Journal, Segment
from pipelines.tracking.leash import limited
from pipelines.tracking.rows import Row

Say: TypeAlias = Callable[[str, str], None]  # (what kind of thing, the line): a kind is said once
MANY = 500  # rows between two writes of the journal


class Lane:
    """A W&B run that is opened when there is something to send, and never twice for the same step."""

    def __init__(self, card: Card, folder: Path, journal: Journal) -> None:
        self.card, self.folder, self.journal = card, folder, journal
        self.rows: list[Row] = []
        self.seen = 0  # of these rows
        self.line: Line | None = None
        self.lost = False  # nothing can be written to it by this command

    def behind(self) -> bool:
        """Whether W&B lacks something, or may lack something."""
        while self.seen < len(self.rows) and self.rows[self.seen].key in self.journal:
            self.seen += 1
        return self.seen < len(self.rows) or (self.line is None and self.journal.open is not None)

    def restart(self) -> None:
        """All rows are about to be given again."""
        self.rows, self.seen = [], 0

    def opened(self, segment: Segment, say: Say) -> Line | None:
        """The open W&B run; None when this command can't write to it."""
        if self.line is None and not self.lost:
            try:
                self.line = Line(self.card, self.folder, self.journal, segment)
                self.seen = 0  # W&B may hold less than was handed over
            except Uncertain:
                self.lost = True
                say(
                    "uncertain",
                    f"only the server knows how much of {self.card.name} it has, nothing is written offline; the same "
                    "command sends the rest when W&B answers",
                )
        return self.line

    def send(self, line: Line) -> None:
        """Everything that waits."""
        while self.seen < len(self.rows):
            batch = self.rows[self.seen : self.seen + MANY]
            waiting = list({row.key: row for row in batch if row.key not in self.journal}.values())
            self.journal.add(row.key for row in waiting)
            for row in waiting:
                line.log(row.key, row.content(), row.axis)
            self.seen += len(batch)

    def summarise(self, line: Line, numbers: Mapping[str, Any]) -> None:
        """The run's numbers as a whole, unless it has these."""
        name = summary_mark(numbers)
        if name not in self.journal.marks:
            line.summarise(numbers)
            self.journal.mark(name)

    def close(self, exit_code: int) -> None:
        """End the W&B run if it is open."""
        if self.line is not None:
            self.line.close(exit_code)
            self.line = None


class Post:
    """Delivers what lanes hold, offline once W&B did not open the first of their runs."""

    def __init__(self, segment: Segment, log: Path, say: Say, longest: float) -> None:
        self.segment, self.log, self.say, self.longest = segment, log, say, longest
        self.began = False  # whether a run was opened

    def deliver(self, lane: Lane) -> Line | None:
        """Send what waits in a lane; the open run, if there is one."""
        try:
            with limited(self.longest, self._give_up):
                line = lane.opened(self.segment, self.say)
        except Unreachable as error:
            return self._without(lane, error)
        if line is not None:
            self.began = True
            online = line.segment == "online"
            self.say("where", line.url if online else f"offline; `wandb sync {shlex.quote(line.url)}` sends it")
            lane.send(line)
        return line

    def _give_up(self) -> None:
        waited = f"it did not open a run within {self.longest:.0f} s"
        self.say("hangs", f"{waited}; nothing more is sent, the same command sends it")

    def _without(self, lane: Lane, error: Unreachable) -> Line | None:
        """Go on offline, or without this lane when wandb's process is busy with others that are open."""
        if self.segment == "online" and not self.began:
            self.say("offline", f"it did not open a run ({error}); going on offline")
            self.segment = "offline"
            start_over()
            return self.deliver(lane)
        lane.lost = True
        self.say("lost", f"it did not open {lane.card.name} ({error}, see {self.log}); the same command sends it")
        return None


def summary_mark(numbers: Mapping[str, Any]) -> str:
    """How the journal remembers a summary."""
    return f"summary:{digest(json.dumps(numbers, sort_keys=True).encode())}"


def digest(content: bytes) -> str:
    """A short fingerprint."""
    return hashlib.sha256(content).hexdigest()[:16]
