"""Runs in namespaces of its own, standard library only: makes a root that looks like a kernel's, then becomes it.

It is read as a script by the Python it runs under, as nothing of ours is on the path there.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any

READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE, RELATIME = 1, 32, 4096, 16384, 1 << 18, 1 << 21  # linux/mount.h
KEPT = 2 | 4 | 8 | 1024 | 2048  # nosuid, nodev, noexec, noatime, nodiratime: statvfs and mount number them alike
NO_STAGE = 97  # exit code: the machine refused something
UP = (0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING


def main(plan: dict[str, Any]) -> None:
    """Set the stage and run the command on it."""
    root = Path(plan["root"])
    mount("none", Path("/"), RECURSIVE | PRIVATE)
    mount("tmpfs", root, 0, "tmpfs")
    for source, target, writable in plan["binds"]:
        bind(Path(source), root / target.lstrip("/"), writable)
    for name, text in plan["links"].items():
        (root / name).symlink_to(text)
    for folder in plan["folders"]:
        (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for folder in plan["sealed"]:
        mount("none", root / folder.lstrip("/"), REMOUNT | READ_ONLY)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, *UP)  # a kernel has a loopback, and nothing else here
    os.chroot(root)
    os.chdir(plan["folder"])


def bind(source: Path, target: Path, writable: bool) -> None:
    """Show a file or folder under another name; an empty source is a fresh folder in memory."""
    if str(source) == ".":
        target.mkdir(parents=True, exist_ok=True)
        mount("tmpfs", target, 0, "tmpfs")
        return
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(str(source), target, BIND | RECURSIVE)
    if not writable:
        held = os.statvfs(target).f_flag  # what a mount has already must be said again
        mount("none", target, REMOUNT | BIND | READ_ONLY | (held & KEPT) | (RELATIME if held & 4096 else 0))


def mount(source: str, target: Path, flags: int, kind: str = "none") -> None:
    """mount(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), str(target).encode(), kind.encode(), ctypes.c_ulong(flags), None):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {target}: {os.strerror(number)}")


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        main(given)
    except OSError as error:
        print(f"stage: {error}", file=sys.stderr)
        sys.exit(NO_STAGE)
    os.execve(given["command"][0], given["command"], given["environment"])
