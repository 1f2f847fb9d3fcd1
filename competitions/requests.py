"""What most commands take: the fields that their requests share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """What a command takes that looks at runs."""

    runs: Path = Path("runs")
    """Folder that holds all runs."""
    quiet: bool = False
    """No progress on stderr."""


@dataclass(frozen=True)
class FilesRequest(Request):
    """What a command takes that reads a competition's files too."""

    data: Path | None = None
    """Folder that holds this competition's files (default: where the run found them, else data/<slug>)."""
