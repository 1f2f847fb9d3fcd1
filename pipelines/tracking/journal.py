"""What was handed to one W&B run, in order, so that a resumed command neither doubles nor skips a step.

W&B numbers what it is given; here the place of a key is that number. W&B may lose its latest steps when it is killed:
then the keys from there on are dropped, and their rows are sent again from the run's own files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeAlias

Segment: TypeAlias = Literal["online", "offline"]


class Journal:
    """The keys of a W&B run's steps, the marks of what else it has, and the stretches in which it was written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys: list[str] = []
        self.marks: set[str] = set()
        self.folders: list[str] = []  # of the stretches that came to their end
        self.open: Segment | None = None  # the stretch that did not
        self.start = 0  # of the latest stretch
        self._places: dict[str, int] = {}
        self._before: set[str] = set()  # marks that earlier stretches made sure of
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        self._whole = not text or text.endswith("\n")
        for event, value in _events(text):
            self._replay(event, value)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def place(self, key: str) -> int:
        """The step that a key went out with."""
        return self._places[key]

    def begin(self, segment: Segment, start: int, marked: bool = True) -> None:
        """A stretch begins at step `start`: what was handed over later is lost, and marks not made sure of, or all."""
        self._write([["begin", [segment, start, marked]]])

    def add(self, keys: Iterable[str]) -> None:
        """Keys about to be handed over; on disk before they are."""
        self._write([["row", key] for key in keys])

    def mark(self, name: str) -> None:
        """Remember something that takes no step."""
        self._write([["mark", name]])

    def end(self, folder: str) -> None:
        """The stretch came to its end: W&B has all of it, offline in this folder."""
        self._write([["end", folder]])

    def _write(self, events: list[list[Any]]) -> None:
        if not events:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write("" if self._whole else "\n")
            lines.writelines(json.dumps(event) + "\n" for event in events)
            lines.flush()
            os.fsync(lines.fileno())
        self._whole = True
        for event, value in events:
            self._replay(event, value)

    def _replay(self, event: str, value: Any) -> None:
        if event == "row":
            self._places[value] = len(self.keys)
            self.keys.append(value)
        elif event == "mark":
            self.marks.add(value)
        elif event == "end":
            self.open, self._before = None, set(self.marks)
            self.folders.append(value)
        else:
            self.open, self.start, marked = value
            del self.keys[self.start :]
            self.keys += [""] * (self.start - len(self.keys))  # the server knows steps of which nothing is known here
            self._places = {key: place for place, key in enumerate(self.keys)}
            self._before = self._before if marked else set()
            self.marks = set(self._before)


def _events(text: str) -> Iterable[tuple[str, Any]]:
    """What a journal file holds; a line torn by a kill was never acted on."""
    for line in text.splitlines():
        try:
            event, value = json.loads(line)
        except ValueError:
            continue
        yield event, value
