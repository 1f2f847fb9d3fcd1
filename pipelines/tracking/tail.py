"""Follow metrics.jsonl while others write to it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO


class Tail:
    """Reads what was added to a file of JSON lines; a file written anew is read again from its start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: BinaryIO | None = None  # held open, so that the next file cannot get its number

    def read(self) -> tuple[bool, list[dict[str, Any]]]:
        """Whether all was read again, and the lines: all of them then, else those since the last time."""
        again = self._replaced()
        if again:
            self.close()
            self.file = self.path.open("rb")
        return again, [] if self.file is None else _whole_lines(self.file)

    def close(self) -> None:
        """Let go of the file."""
        if self.file is not None:
            self.file.close()
        self.file = None

    def _replaced(self) -> bool:
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        if self.file is None:
            return True
        held = os.fstat(self.file.fileno())
        return (there.st_ino, there.st_dev) != (held.st_ino, held.st_dev) or there.st_size < self.file.tell()


def _whole_lines(file: BinaryIO) -> list[dict[str, Any]]:
    """The lines from here on that are whole; the rest of one being written waits for the next time."""
    start = file.tell()
    text, newline, _ = file.read().rpartition(b"\n")
    file.seek(start + len(text) + len(newline))
    found = []
    for line in text.splitlines():
        try:
            numbers = json.loads(line)
        except ValueError:  # torn by a kill, and dropped by the next command
            continue
        if isinstance(numbers, dict):
            found.append(numbers)
    return found
