"""Side-by-side measurement: interleaved pairs, their median ratio and its spread, one line per result."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Usage:
    """What one child process took."""

    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Result:
    """One benchmark line; a floor such as '>=10' or '<=1.05' decides ok or short, '' is only shown."""

    name: str
    value: float
    unit: str
    floor: str = ""
    spread: tuple[float, float] | None = None
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether the value reaches its floor."""
        if not self.floor:
            return True
        bound = float(self.floor[2:])
        return self.value >= bound if self.floor.startswith(">=") else self.value <= bound

    def __str__(self) -> str:
        line = (
            f"bench {self.name} {self.value:.3g} {self.unit} floor {self.floor or '-'} {'ok' if self.ok else 'short'}"
        )
        if self.spread:
            line += f"  [{self.spread[0]:.3g} .. {self.spread[1]:.3g}]"
        return line + (f"  {self.note}" if self.note else "")


def child(command: Sequence[str]) -> Usage:
    """Run a command to its end; its wall seconds and peak resident megabytes."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise RuntimeError(f"expected {command} to exit 0, got status {status}")
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return Usage(seconds, usage.ru_maxrss / scale)


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired(
    ours: Callable[[], float], theirs: Callable[[], float], pairs: int = 7
) -> tuple[float, tuple[float, float], list[tuple[float, float]]]:
    """Median ours/theirs over interleaved pairs (order alternates), quartiles as spread, and the raw pairs."""
    raw = []
    for number in range(pairs):
        if number % 2:
            other = theirs()
            raw.append((ours(), other))
        else:
            raw.append((ours(), theirs()))
    ratios = sorted(one / other for one, other in raw)
    quarter = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else [ratios[0]] * 3
    return statistics.median(ratios), (quarter[0], quarter[2]), raw
