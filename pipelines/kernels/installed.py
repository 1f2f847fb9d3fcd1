"""What is installed here, by distribution, read off their records: thousands of files are listed there."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata

from pipelines.kernels.image import plain

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


def required_by(name: str) -> list[str]:
    """What an installed distribution requires, without its extras."""
    required = [each for each in metadata.requires(name) or () if "extra ==" not in each]
    return [plain(re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0]) for each in required]


def needed(names: Iterable[str], without: Callable[[str], bool] = lambda _: False) -> Iterator[str]:
    """These distributions and all that they need, as far as installed; not those to go without, nor their needs."""
    waiting, seen = [*names], set[str]()
    while waiting:
        name = waiting.pop(0)
        if name not in seen and not without(name) and is_installed(name):
            seen.add(name)
            yield name
            waiting += required_by(name)


def is_installed(name: str) -> bool:
    """Whether there is such a distribution here."""
    return any(True for _ in metadata.distributions(name=name))
