"""How long a person waits for `podium --help` and for bare `podium`."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator

from tests.bench.harness import Result, child, paired


def results() -> Iterator[Result]:
    """Median of seven starts each, beside a bare interpreter's."""
    for name, arguments, floor in (("help", ["--help"], "<=0.5"), ("bare", [], "<=1.5")):
        command = [sys.executable, "-m", "competitions", *arguments]

        def ours(command: list[str] = command) -> float:
            return child(command).seconds

        _, _, raw = paired(ours, lambda: child([sys.executable, "-c", "import json"]).seconds)
        taken = sorted(one for one, _ in raw)
        bare = statistics.median(other for _, other in raw)
        yield Result(
            f"startup_{name}",
            statistics.median(taken),
            "s",
            floor,
            (taken[0], taken[-1]),
            f"interpreter alone {bare:.2f} s",
        )
