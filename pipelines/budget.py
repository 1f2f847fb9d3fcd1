"""Time budgets: how long a command may train; never what it trains."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass

SPELLING = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


class OutOfTime(Exception):
    """The budget is used up; what was trained is in a checkpoint."""


def seconds_of(text: str, flag: str) -> float:
    """The seconds that 8h30m, 45m, 30s or 90 mean."""
    found = SPELLING.fullmatch(text.strip().lower())
    if not text.strip() or found is None:
        raise ValueError(f"{flag}: expected a time such as 8h30m, 45m or 90s, got {text!r}")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


@dataclass(frozen=True)
class Clock:
    """When training must stop; without a budget never."""

    until: float = math.inf  # seconds since 1970, so that other processes agree

    @property
    def left(self) -> float:
        """Seconds until then."""
        return self.until - time.time()

    def fits(self, seconds: float) -> bool:
        """Whether something of this length can still be finished."""
        return seconds <= self.left
