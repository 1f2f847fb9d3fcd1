"""How much memory a process and those it started take together, asked of the system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def used_by(pid: int) -> float:
    """Bytes, what several share counted once; 0 for a process that is gone."""
    return float(sum(_bytes(each) for each in family(pid)))


def family(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(children).split():
            yield from family(int(child))


def _bytes(pid: int) -> int:
    for name, label in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):  # the first is not always allowed
        for line in _read(Path(f"/proc/{pid}/{name}")).splitlines():
            if line.startswith(label):
                return int(line.split()[1]) * 1024
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it ended meanwhile, or its memory is nobody's business
        return ""
