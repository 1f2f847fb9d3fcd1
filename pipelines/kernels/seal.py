"""What must not leave this machine in a bundle: secrets, and paths that only exist here."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pipelines.kaggle.credentials import SHORTEST, secrets
from pipelines.kernels.needs import ROOT

WORDS = {"KEY", "TOKEN", "SECRET", "PASSWORD"}  # in the name of an environment variable that holds a secret


def check_sealed(root: Path) -> None:
    """Refuse a bundle in which a secret or a path of this machine stands, naming the file and never the secret."""
    hidden, here = _secrets(), _paths()
    for name, content in contents(root):
        if any(secret in content for secret in hidden):
            raise ValueError(f"{name}: expected no secret in a bundle, got one of your keys in it: remove it there")
        found = [path for path in here if path in content] if _is_ours(name) else []
        if found:
            raise ValueError(
                f"{name}: expected no path of this machine in a bundle, got {found[0].decode()}: make it relative, "
                "or name the file by a field that is no setting of the run (compare=False)"
            )


def contents(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a bundle, and every member of its wheels as wheel!member."""
    for path in sorted(root.rglob("*")):
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as archive:
                yield from ((f"{path}!{member}", archive.read(member)) for member in archive.namelist())
        elif path.is_file():
            yield str(path), path.read_bytes()


def _is_ours(name: str) -> bool:
    """Whether we wrote this file: packages may name any path in their examples."""
    wheel, _, member = name.partition("!")
    return not member or Path(wheel).name.startswith("podium-")


def _secrets() -> list[bytes]:
    named = [value for name, value in os.environ.items() if WORDS & {*name.upper().split("_")}]
    netrc = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    kept = re.findall(r"password\s+(\S+)", netrc.read_text(encoding="utf-8")) if netrc.is_file() else []
    return [text.encode() for text in {*secrets(), *named, *kept} if len(text) >= SHORTEST + 2 and "/" not in text]


def _paths() -> list[bytes]:
    """This machine's folders that a stray path would begin with."""
    return [f"{path}/".encode() for path in {Path.home(), ROOT, Path.cwd()} if len(path.parts) > 1]
