"""What frozen backbones make of a table's images: looked up by content, made where absent, read in blocks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from features.ahead import silent, to_stderr
from features.vectors import Vectors
from pipelines.contract import Chunks, Table
from pipelines.learners.frozen.memory import require
from pipelines.learners.frozen.settings import FrozenSettings
from pipelines.learners.frozen.weights import weights_identity
from pipelines.learners.pixel_settings import CHUNK, paths_of
from pipelines.report import Watcher
from pipelines.training.views import views_named

BLOCK = 1024  # rows read at a time


KEY = "key of the content"  # the column that holds it meanwhile


class Rows(Protocol):
    """Features by row, wherever they are kept."""

    def __len__(self) -> int: ...

    @property
    def width(self) -> int:
        """Numbers in a row."""

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop, float32 (rows, width)."""


@dataclass(frozen=True)
class Stored:
    """Rows out of stores: backbones side by side, the views of each averaged."""

    parts: Sequence[Sequence[tuple[Vectors, np.ndarray]]]  # by backbone, by view: a store and each row's place in it

    def __len__(self) -> int:
        return len(self.parts[0][0][1])

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return sum(views[0][0].width for views in self.parts)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop, float32 (rows, width)."""
        read = [[store.read(places[start:stop]) for store, places in views] for views in self.parts]
        return np.concatenate([mean_of(views) for views in read], axis=1)


@dataclass(frozen=True)
class Held:
    """Rows in memory."""

    array: np.ndarray

    def __len__(self) -> int:
        return len(self.array)

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return int(self.array.shape[1])

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop, float32 (rows, width)."""
        return self.array[start:stop]


class Unwatched:
    """Nobody watches; what must be said goes to stderr."""

    def say(self, text: str) -> None:
        """A line to stderr."""
        to_stderr(text)

    steps = staticmethod(silent)


def chunks(learner: FrozenSettings, table: Table) -> Chunks:
    """Chunks of features, out of the store or, without one, straight from the backbones."""
    if learner.cache == "off":
        from pipelines.learners.frozen.network import Glasses

        glasses = [Glasses(learner, backbone) for backbone in learner.backbones]
        for start in range(0, len(table), CHUNK):
            rows = table.iloc[start : start + CHUNK]
            yield rows.index, np.concatenate([mean_of(each.look(rows)) for each in glasses], axis=1)
        return
    rows_stored = stored(learner, table, Unwatched())
    for start in range(0, len(table), BLOCK):
        yield table.index[start : start + BLOCK], rows_stored.read(start, start + BLOCK)


def rows_of(learner: FrozenSettings, table: Table, watcher: Watcher) -> Rows:
    """The features of a table's rows."""
    if learner.cache == "off":
        return held_rows(chunks(learner, table), len(table), learner.memory)
    return stored(learner, table, watcher)


def held_rows(parts: Chunks, count: int, memory: str) -> Held:
    """Features of so many rows in memory, if it holds them."""
    array, filled = np.empty((0, 0), np.float32), 0
    for _, part in parts:
        if not filled:
            what = f"the features of {count:,} rows, {part.shape[1]:,} each"
            require(4 * count * part.shape[1], memory, what, "; --cache disk keeps them in a file")
            array = np.empty((count, part.shape[1]), np.float32)
        array[filled : filled + len(part)] = part
        filled += len(part)
    return Held(array)


def stored(learner: FrozenSettings, table: Table, watcher: Watcher) -> Stored:
    """The rows' features out of the stores, those that these lack made first."""
    keys = keys_of(learner, table)
    parts = []
    for backbone in learner.backbones:
        stores = [Vectors(folder, watcher.say) for folder in folders_of(learner, backbone)]
        if any((store.find(keys) < 0).any() for store in stores):
            fill(learner, backbone, stores, table.assign(**{KEY: keys}), watcher)
        parts.append([(store, store.find(keys)) for store in stores])
    return Stored(parts)


def fill(learner: FrozenSettings, backbone: str, stores: Sequence[Vectors], table: Table, watcher: Watcher) -> None:
    """Send the images that the stores lack through a backbone, each content once."""
    from contextlib import ExitStack

    with ExitStack() as held:
        for store in stores:
            held.enter_context(store.adding())
        distinct = table.drop_duplicates(KEY)
        keys = distinct[KEY].to_numpy()
        lacking = np.stack([store.find(list(keys)) < 0 for store in stores])
        missing, lacking = distinct[lacking.any(axis=0)], lacking[:, lacking.any(axis=0)]
        if not len(missing):
            return
        from pipelines.learners.frozen.network import Glasses

        glasses = Glasses(learner, backbone)
        watcher.say(f"features: {len(missing):,} images go through {backbone} ({glasses.size} px), once")
        starts = range(0, len(missing), CHUNK * 4)
        for start in watcher.steps(starts, len(starts), f"features of {backbone}"):
            rows = slice(start, start + CHUNK * 4)
            vectors = glasses.look(missing.iloc[rows])
            for store, made, absent in zip(stores, vectors, lacking[:, rows], strict=True):
                store.add(missing[KEY].to_numpy()[rows][absent].tolist(), made[absent])


def mean_of(views: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of several views' features."""
    return views[0] if len(views) == 1 else np.asarray(np.mean(views, axis=0, dtype=np.float32))


def keys_of(learner: FrozenSettings, table: Table) -> list[str]:
    """Each row's content hash: of its file, or of its pixels where it has none."""
    if learner.open_images is None:
        return learner.contents.hashes(paths_of(table))
    images = learner.open_images(table)
    pixels = (images[row] for row in range(len(images)))
    return [hashlib.blake2b(f"{each.shape}".encode() + each.tobytes(), digest_size=16).hexdigest() for each in pixels]


def unseen(learner: FrozenSettings, table: Table) -> list[Path]:
    """The files of rows whose features are not all known; those that are not there at all too."""
    paths = paths_of(table) if len(table) else []
    there = [path for path in paths if path.is_file()]
    if learner.cache == "off" or not there:
        return paths
    keys = learner.contents.hashes(there)
    known = np.ones(len(there), bool)
    for backbone in learner.backbones:
        for folder in folders_of(learner, backbone):
            known &= Vectors(folder, to_stderr).find(keys) >= 0
    seen = {path for path, each in zip(there, known, strict=True) if each}
    return [path for path in paths if path not in seen]


def folders_of(learner: FrozenSettings, backbone: str) -> list[Path]:
    """A store's folder for each view: its name holds all that decides a vector beside the image's content."""
    about = {
        "weights": weights_identity(learner, backbone),
        "output": learner.output,
        "size": learner.size,
        "fit": learner.fit_image,
        "precision": learner.precision,
    }
    names = []
    for view in views_named(learner.views):
        text = json.dumps({**about, "view": view.name}, sort_keys=True)
        names.append(f"{backbone}-{hashlib.sha256(text.encode()).hexdigest()[:12]}")
    return [learner.kept_in / name for name in names]


def blocks(rows: Rows, size: int = BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
    """All rows, some at a time: which, and their features."""
    for start in range(0, len(rows), size):
        stop = min(len(rows), start + size)
        yield slice(start, stop), rows.read(start, stop)
