"""What a kernel is to be, and what it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.contract import Competition
from pipelines.kernels.image import Machine
from pipelines.kernels.source import Form
from pipelines.runfolder import RunFolder, read_json

NOBODY = "owner"  # who owns a bundle that was built without knowing; podium kernel push fills in who signs in
LONGEST = 50  # letters of a title, and of a dataset's slug
SUFFIX = len("-weights")  # the longest that a dataset's slug has behind the kernel's
UNPACKED = (".zip", ".gz", ".tar", ".tgz", ".bz2", ".xz", ".7z")  # Kaggle unpacks these when it takes in a dataset


@dataclass(frozen=True)
class Part:
    """A run whose models predict: all there is to a kernel, or one of a blend's."""

    run: RunFolder
    competition: Competition  # with the run's learner
    weight: float = 1.0

    @property
    def record(self) -> dict[str, Any]:
        """The run's record."""
        return read_json(self.run.record)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be built."""

    run: RunFolder  # or a blend's folder
    parts: tuple[Part, ...]
    machine: Machine
    train: bool = False
    form: Form = "notebook"
    owner: str = NOBODY
    name: str = ""  # "": of the competition, the run and its fingerprint
    weights: Path | None = None
    wheels: Path | None = None
    internet: bool = False
    public: bool = False
    folds: tuple[int, ...] = ()  # that a training kernel fits; none: all
    budget: str = ""
    archives: bool = False  # whether the raw files are 7z archives

    @property
    def root(self) -> Path:
        """Where the bundle goes."""
        return self.run.root / ("kernel-train" if self.train else "kernel")

    @property
    def competition(self) -> Competition:
        """What it is for, with the first run's learner."""
        return self.parts[0].competition

    @property
    def record(self) -> dict[str, Any]:
        """The run's record, or the blend's."""
        return read_json(self.run.record)

    def place(self, part: Part) -> str:
        """Where a run lies within what the kernel carries."""
        return f"runs/{part.run.name}"


def name_of(order: Order) -> str:
    """A kernel's slug: competition, run, fingerprint; short enough for a dataset's with what is appended."""
    label = slug_of(f"{order.competition.name}-{order.run.name[:-9]}")
    end = f"-{order.record['fingerprint'][:8]}{'-train' if order.train else ''}"
    return label[: LONGEST - SUFFIX - len(end)].strip("-") + end


def named(order: Order) -> Order:
    """The order with a name that is a slug and leaves room for what is appended."""
    slug = slug_of(order.name)
    if order.name and not 5 <= len(slug) <= LONGEST - SUFFIX:
        raise ValueError(
            f"--name: expected 5 to {LONGEST - len('-weights')} letters, digits and dashes, got {order.name!r}"
        )
    return replace(order, name=slug)


def slug_of(text: str) -> str:
    """A text as Kaggle's addresses have it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def words_of(slug: str) -> str:
    """The title whose slug this is."""
    return slug.replace("-", " ")


def flat_name(place: str) -> str:
    """A file name for a dataset, which keeps no folders and unpacks archives."""
    name = place.replace("/", "--")
    return f"{name}.kept" if name.endswith(UNPACKED) else name
