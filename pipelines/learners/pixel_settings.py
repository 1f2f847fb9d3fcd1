"""The settings that learners of pixels share, and how rows become the images that their networks see."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipelines.contract import Chunks, Table
from pipelines.report import Watcher
from pipelines.training.settings import NetworkSettings
from pipelines.training.views import Views

if TYPE_CHECKING:
    from features.images import Images
    from features.reading import Reading, Size

CACHE = Path("runs/cache/images")  # where the command line says nothing else
CHUNK = 64  # images decoded ahead and predicted at once


def paths_of(table: Table) -> list[Path]:
    """The image files of a table's rows."""
    if "image" not in table:
        raise ValueError(f"expected a column image of paths in the table, got {', '.join(map(str, table.columns))}")
    return list(table["image"])


@dataclass(frozen=True, kw_only=True)
class PixelSettings(NetworkSettings, ABC):
    """A network that sees images; a learner adds what it is and how it sees them."""

    weights: str = "pretrained"
    """pretrained, none, or the path of a safetensors file or of a folder that holds one."""
    augment: Literal["none", "light", "medium", "heavy", "digits"] = "medium"
    """How much images are changed in training."""
    views: Views = "flip"
    """Looks at each image in prediction, averaged."""
    cache: Literal["auto", "disk", "ram", "off"] = field(default="auto", compare=False)
    """Where decoded images are kept."""
    cache_dir: Path | None = field(default=None, compare=False)
    """Folder of the decoded images (default: cache/images under --runs)."""
    # Flags are read off these hints, so they name nothing that is imported for checks of types only.
    open_images: Callable[[Table], Any] | None = None  # features.images.Images of pixels that are no files

    @property
    @abstractmethod
    def reading(self) -> Reading:
        """How files become the pixels that are kept."""

    @property
    @abstractmethod
    def seen(self) -> Size:
        """Height and width of the images that the network sees in prediction."""

    @property
    def interpolation(self) -> str:
        """How views are interpolated."""
        return "bilinear"

    @property
    def chunk(self) -> int:
        """Images that are decoded ahead and predicted at once."""
        return CHUNK

    def check(self) -> None:
        """Refuse weights or devices that do not exist, before any work is done."""
        from pipelines.training.device import choose_device
        from pipelines.training.networks import find_weights

        for device in self.device.split(","):
            choose_device(device)
        if self.weights not in ("pretrained", "none"):
            find_weights(self.weights)

    def inputs(self, table: Table) -> Chunks:
        """Chunks of images as the network sees them, uint8 (rows, height, width, channels), cached or decoded ahead."""
        from features.augment import Augment
        from features.batches import Batches
        from features.recipes import Recipe

        batches = Batches(
            images=self.images(table, keep=False),
            ids=table.index,
            augment=Augment(Recipe(frame="centre"), *self.seen, self.interpolation),
            batch=self.chunk,
            shuffle=False,
            workers=self.workers,
        )
        for batch in batches.epoch(0):
            yield table.index[batch.rows], batch.images

    def unreadable(self, train: Table, test: Table, watcher: Watcher) -> dict[Path, str]:
        """Why files cannot be read, for all that cannot; the training rows' are decoded into the cache on the way."""
        from features.decode import BrokenImages, scan

        if self.open_images is not None:
            return {}
        reasons: dict[Path, str] = {}
        try:
            self.images(train, keep=True, out=watcher)
        except BrokenImages as broken:
            reasons |= broken.reasons
        return reasons | scan(paths_of(test), self.workers, watcher.steps) if len(test) else reasons

    def images(self, table: Table, keep: bool, out: Watcher | None = None) -> Images:
        """The images of a table's rows; keep: decoded into the cache, else only what is there is taken from it."""
        if self.open_images is not None:
            opened: Images = self.open_images(table)
            return opened
        return self.cached(paths_of(table), self.reading, keep, out)

    def cached(self, paths: list[Path], reading: Reading, keep: bool, out: Watcher | None) -> Images:
        """The pixels of files; keep: decoded into the cache, else only what is there is taken from it."""
        from features.cache import Cache

        watch: dict[str, Any] = {} if out is None else {"say": out.say, "steps": out.steps}
        cache = Cache(folder=self.cache_dir or CACHE, mode=self.cache, workers=self.workers, **watch)
        return cache.images(paths, reading) if keep else cache.known(paths, reading)
