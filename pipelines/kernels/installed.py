"""What is installed here, by distribution, read off their records: thousands of files are listed there."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import metadata

OUTSIDE = {"..", "__pycache__"}  # scripts, and the compiled form of single modules


def tops_of(found: metadata.Distribution) -> set[str]:
    """The files and folders at the top of where a distribution lies, its own information included."""
    lines = (found.read_text("RECORD") or "").splitlines()
    return {line.split("/", 1)[0].split(",", 1)[0].strip('"') for line in lines if line} - OUTSIDE


@functools.cache  # nothing is installed while a command runs
def providers() -> Mapping[str, list[str]]:
    """The distributions that have a module of each top-level name."""
    known: dict[str, list[str]] = {}
    for found in metadata.distributions():
        for top in tops_of(found):
            if not top.endswith((".dist-info", ".libs", ".pth")):
                known.setdefault(top.split(".")[0], []).append(found.name)
    return known
