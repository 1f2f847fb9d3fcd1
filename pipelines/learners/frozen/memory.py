"""How much memory a head may take, and clear words when that does not hold what is to come."""

from __future__ import annotations

import os
import re
from pathlib import Path

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def bytes_of(text: str) -> int:
    """The bytes of 2GB, 500MB, 1.5G or a plain number."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?\s*", text.upper())
    if found is None or not float(found[1]):
        raise ValueError(f"--memory: expected an amount above 0 as in 2GB or 500MB, got {text!r}")
    return int(float(found[1]) * UNITS[found[2]])


def room_in(memory: str) -> int:
    """Bytes that are left of this amount beside what the process holds already."""
    return bytes_of(memory) - held()


def held() -> int:
    """Bytes of memory that are this process's own; 0 where the system does not say.

    Pages of files (libraries, stored features) are left out: the system takes them back when it needs the room.
    """
    pages = Path("/proc/self/statm")
    if not pages.exists():
        return 0
    _, resident, shared, *_ = map(int, pages.read_text().split())
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


def require(need: int, memory: str, what: str, instead: str) -> None:
    """Refuse what does not fit the memory given."""
    from features.room import size_text

    room = room_in(memory)
    if need > room:
        raise ValueError(
            f"--memory {memory}: expected room for {what}, {size_text(need)}, got {size_text(max(0, room))} beside the "
            f"{size_text(held())} held already; give more, as in --memory {size_text(need + held()).replace(' ', '')}"
            f"{instead}"
        )
