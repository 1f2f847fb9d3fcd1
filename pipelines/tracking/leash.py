"""What ties a mirror to the command that started it: when to end, how long that may take, and what to say."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

# Seconds between two looks at the folder: soon at first, then rarely, as what comes in one go costs W&B's process less.
SOONEST, LATEST, LATER = 0.25, 5.0, 1.5
PATIENCE = 10.0  # seconds that a command waits for W&B at its end


class Leash:
    """What the command that started the mirror says: how it ended, and how long the mirror may still take."""

    def __init__(self) -> None:
        self.parent = os.getppid()
        self.state = "failed"
        self.pause = SOONEST
        self.ended = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def pulled(self) -> bool:
        """Whether to come to an end; waits a little."""
        if not self.ended.wait(self.pause) and os.getppid() != self.parent:  # killed; its children may hold stdin open
            self._end(PATIENCE)
        self.pause = min(LATEST, LATER * self.pause)
        return self.ended.is_set()

    def _listen(self) -> None:
        line = sys.stdin.readline()
        if line.strip():
            last = json.loads(line)
            self.state = last["state"]
            self._end(last["patience"])
        else:
            self._end(PATIENCE)

    def _end(self, patience: float) -> None:
        self.ended.set()
        deadline = threading.Timer(patience, os.killpg, (0, signal.SIGKILL))  # with W&B's own process
        deadline.daemon = True
        deadline.start()


@contextmanager
def limited(seconds: float, say: Callable[[], None]) -> Iterator[None]:
    """While this lasts the mirror has so long; then it says why and ends, whatever its library is waiting for."""

    def give_up() -> None:
        say()
        os._exit(0)  # nothing of a library that hangs is waited for; W&B's own process ends when this one is gone

    deadline = threading.Timer(seconds, give_up)
    deadline.daemon = True
    deadline.start()
    try:
        yield
    finally:
        deadline.cancel()


class Voice:
    """What the mirror says to the person, each kind of thing once; all that others print goes to the log."""

    def __init__(self) -> None:
        self.out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self.said: set[str] = set()
        os.dup2(2, 1)

    def say(self, kind: str, text: str) -> None:
        """One line."""
        if kind not in self.said:
            self.said.add(kind)
            with suppress(BrokenPipeError):  # the command has ended, and models are still on their way
                print("W&B:", " ".join(text.split()), file=self.out, flush=True)
