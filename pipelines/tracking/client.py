"""The only module that speaks to wandb: open one of its runs, write steps and files to it, end it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.tracking.journal import Journal, Segment

OPENING = 5.0  # seconds for W&B's first answer
STARTING = 60.0  # seconds for a busy machine to start wandb's own process, where nobody else is asked
# What W&B collects on its own: code, command line, host, packages, console, statistics of the machine. None of it is
# asked for, and some of it may hold a secret. Settings that an older wandb does not know are left out.
SILENT: dict[str, Any] = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "host": "-",
    "init_timeout": OPENING,
    "program": "podium",
    "program_abspath": "podium",
    "program_relpath": "podium",
    "save_code": False,
    "silent": True,
    "x_disable_machine_info": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_disable_viewer": True,
    "x_executable": "python",
    "x_save_requirements": False,
    "x_skip_transaction_log": True,  # online: a local copy that `wandb sync` would send a second time
}


class Unreachable(Exception):
    """W&B did not open a run: no answer, a key it refuses, an id it does not take."""


class Refused(Exception):
    """W&B did not take files."""


class Uncertain(Exception):
    """Only the server knows how much of a run it has, so that nothing can be written offline without doubling it."""


@dataclass(frozen=True)
class Card:
    """What a W&B run is called and belongs to."""

    id: str
    name: str
    project: str
    group: str
    kind: str  # W&B's job type
    settings: Mapping[str, Any]
    tags: Sequence[str] = ()


class Line:
    """An open W&B run and its journal; a resumed one goes on where W&B's own knowledge of it ends."""

    def __init__(self, card: Card, folder: Path, journal: Journal, segment: Segment) -> None:
        self.folder, self.journal, self.segment = folder, journal, segment
        self.axes: set[str] = set()
        start = None if segment == "online" else self._offline_start(card)
        self.run = _opened(card, folder, segment)
        stale = self._unsynced(card) if start is None else []
        for each in stale:  # W&B gets all of it now; syncing that too would double it
            shutil.rmtree(each)
        if start is None:
            start = int(self.run.starting_step) if self.run.resumed else 0
        journal.begin(segment, start, marked=not stale)

    @property
    def url(self) -> str:
        """Where a person looks at it."""
        return str(self.run.url or "") if self.segment == "online" else str(self.folder / "wandb")

    def log(self, key: str, content: Mapping[str, Any], axis: str) -> None:
        """One step; its key is in the journal by now."""
        for name in content:
            if axis and name not in self.axes:
                self.axes.add(name)
                self.run.define_metric(name, step_metric=None if name == axis else axis)
        self.run.log(dict(content), step=self.journal.place(key), commit=True)

    def summarise(self, numbers: Mapping[str, Any]) -> None:
        """The numbers that W&B shows for the run as a whole."""
        self.run.summary.update(dict(numbers))

    def send_files(self, name: str, files: Iterable[tuple[Path, str]], seconds: float) -> None:
        """Model files, each with its name in there, as an artifact; W&B has them when this comes back."""
        import wandb

        artifact = wandb.Artifact(re.sub(r"[^A-Za-z0-9._-]", "-", name), type="model")
        for path, inside in files:
            artifact.add_file(str(path), name=inside, policy="immutable", skip_cache=True)
        sent = self.run.log_artifact(artifact)
        if self.segment == "online":
            with ThreadPoolExecutor(1) as pool:  # whose future holds the error, of whatever kind wandb makes it
                error = pool.submit(sent.wait, timeout=int(seconds) + 1).exception()
            if error is not None:
                raise Refused(_first_line(error)) from error

    def close(self, exit_code: int) -> None:
        """W&B has all of it when this comes back."""
        self.run.finish(exit_code=exit_code)
        self.journal.end(Path(self.run.dir).parent.name if self.segment == "offline" else "")

    def _offline_start(self, card: Card) -> int:
        """The step at which a new offline folder begins; a folder that a kill left incomplete makes way."""
        journal = self.journal
        if journal.open is None:
            return len(journal.keys)
        torn = [folder for folder in self._folders(card) if folder.name not in journal.folders]
        if journal.open == "online" or any(_synced(folder) for folder in torn):
            raise Uncertain
        for folder in torn:
            shutil.rmtree(folder)
        return journal.start

    def _unsynced(self, card: Card) -> list[Path]:
        return [folder for folder in self._folders(card) if not _synced(folder)]

    def _folders(self, card: Card) -> list[Path]:
        return sorted((self.folder / "wandb").glob(f"offline-run-*-{card.id}"))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """A table for W&B."""
    import wandb

    return wandb.Table(columns=list(columns), rows=[list(row) for row in rows])


def picture(path: Path) -> Any:
    """A picture for W&B."""
    import wandb

    return wandb.Image(str(path))


def start_over() -> None:
    """Let go of wandb's own process, which keeps the name of a run that it could not open."""
    import wandb

    wandb.teardown()


def _synced(folder: Path) -> bool:
    return any(folder.glob("*.synced"))


def _opened(card: Card, folder: Path, segment: Segment) -> Any:
    import wandb

    known = {name: value for name, value in SILENT.items() if name in wandb.Settings.model_fields}
    if segment == "offline":
        known.pop("x_skip_transaction_log", None)
        known["init_timeout"] = STARTING
    elif os.environ.get("WANDB_INIT_TIMEOUT"):
        del known["init_timeout"]  # wandb reads it itself
    try:
        return wandb.init(
            project=card.project,
            id=card.id,
            name=card.name,
            group=card.group,
            job_type=card.kind,
            tags=list(card.tags),
            config=dict(card.settings),
            resume="allow",
            mode=segment,
            dir=str(folder),
            reinit="create_new",
            settings=wandb.Settings(**known),
        )
    except (wandb.Error, TimeoutError, OSError) as error:
        raise Unreachable(_first_line(error)) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
