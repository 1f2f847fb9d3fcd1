"""How much disk and memory is free, and clear words when it does not hold what is to come."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota or file size limit reached
MEMORY_SHARE = 0.8  # of what is free; the rest is left to training
CGROUP = Path("/sys/fs/cgroup")  # a container's own limit, where there is one


def free_disk(folder: Path) -> int:
    """Bytes free where this folder, or the nearest one above it that exists, lies."""
    existing = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    return shutil.disk_usage(existing).free


def free_memory() -> int:
    """Bytes of memory that a cache may take."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    else:  # macOS names no such number: half of all there is
        free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return max(0, int(min(free, _container_memory()) * MEMORY_SHARE))


def _container_memory() -> float:
    """Bytes that a container's own limit leaves; files kept in memory give way, so they do not count as used."""
    limit, used, kinds = (CGROUP / name for name in ("memory.max", "memory.current", "memory.stat"))
    if not (limit.exists() and used.exists() and kinds.exists()) or limit.read_text().strip() == "max":
        return float("inf")
    counts = dict(line.split() for line in kinds.read_text().splitlines())
    return int(limit.read_text()) - int(used.read_text()) + int(counts.get("inactive_file", 0))


def size_text(count: int) -> str:
    """A number of bytes as people read it."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.2f} GB"


def disk_full(folder: Path, need: int, reason: str = "") -> OSError:
    """The error that says how much this folder was to take and how much is free, or why it took no more."""
    return OSError(
        errno.ENOSPC,
        f"expected {size_text(need)} of free disk for the image cache in {folder}, got "
        f"{size_text(free_disk(folder))}{reason and f' and then: {reason}'}; "
        "free some, put the cache on another disk, make its images smaller, or run with --cache ram or --cache off",
    )


def memory_full(need: int, free: int) -> OSError:
    """The error that says how much memory was to be taken and how much is free."""
    return OSError(
        errno.ENOMEM,
        f"expected {size_text(need)} of free memory for the image cache, got {size_text(free)}; "
        "make its images smaller, or run with --cache disk or --cache off",
    )
