"""The settings of the image learner, and how rows become the images that its network sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipelines.contract import Chunks, Table
from pipelines.report import Watcher
from pipelines.training.losses import BinaryLoss, Loss, with_settings
from pipelines.training.settings import NetworkSettings
from pipelines.training.views import Views

if TYPE_CHECKING:
    from features.batches import Batch
    from features.images import Images
    from features.reading import Reading
    from pipelines.training.joined import Joined

CACHE = Path("runs/cache/images")  # where the command line says nothing else
CHUNK = 64  # images decoded ahead and predicted at once
MARGIN = 256 / 224  # sides kept to crop from, per side seen: what ImageNet's networks are used to


def paths_of(table: Table) -> list[Path]:
    """The image files of a table's rows."""
    if "image" not in table:
        raise ValueError(f"expected a column image of paths in the table, got {', '.join(map(str, table.columns))}")
    return list(table["image"])


@dataclass(frozen=True, kw_only=True)
class ImageSettings(NetworkSettings):
    """A backbone with a linear head, trained on augmented images."""

    model: str = "convnext_tiny"
    """A timm backbone, by name."""
    weights: str = "pretrained"
    """pretrained, none, or the path of a safetensors file or of a folder that holds one."""
    size: int = 224
    """Side of the images that the network sees."""
    fit_image: Literal["crop", "squash", "letterbox"] = "crop"
    """How an image becomes square: cropped, squashed, or whole with bars."""
    augment: Literal["none", "light", "medium", "heavy", "digits"] = "medium"
    """How much images are changed in training."""
    views: Views = "flip"
    """Looks at each image in prediction, averaged."""
    space: Literal["probability", "rank"] = "probability"
    """Where views and models are averaged: rank reads ranks off the model's own validation rows."""
    drop: float = 0.0
    """Dropout before the head."""
    balance: bool = False
    """Draw rows so that classes are equally frequent."""
    pos_weight: float = 1.0
    """Weight of the positive side of a yes/no target."""
    columns: tuple[str, ...] = ()
    """Columns of numbers that the network sees beside the image, as in Eyes,Face."""
    cache: Literal["auto", "disk", "ram", "off"] = field(default="auto", compare=False)
    """Where decoded images are kept."""
    cache_dir: Path | None = field(default=None, compare=False)
    """Folder of the decoded images (default: cache/images under --runs)."""
    loss: Loss = field(default_factory=BinaryLoss)
    # Flags are read off these hints, so they name nothing that is imported for checks of types only.
    network: Callable[[int, int], Any] | None = None  # (outputs, seed) -> a torch network of your own
    open_images: Callable[[Table], Any] | None = None  # features.images.Images of pixels that are no files

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size < 8:
            raise ValueError(f"--size: expected at least 8 pixels, got {self.size}")
        if not 0 <= self.drop < 1:
            raise ValueError(f"--drop: expected a share from 0 to below 1, got {self.drop}")
        if self.balance and self.loss.scaled:
            raise ValueError("--balance: expected classes to balance, got a loss of numbers; leave --balance out")
        _ = self.trained_loss  # refuses what the loss does not take

    @property
    def reading(self) -> Reading:
        """How files become the pixels that are kept: a margin is left to crop from."""
        from features.reading import Reading

        side = round(self.size * MARGIN) if self.fit_image == "crop" else self.size
        kinds: dict[str, Any] = {"crop": "margin", "squash": "squash", "letterbox": "letterbox"}
        return Reading(height=side, width=side, fit=kinds[self.fit_image])

    @property
    def trained_loss(self) -> Loss:
        """The loss, smoothed and weighted as the settings say."""
        chosen = {"smoothing": self.smoothing} if self.smoothing else {}
        chosen |= {"pos_weight": self.pos_weight} if self.pos_weight != 1 else {}
        made: Loss = with_settings(self.loss, **chosen)
        return made

    def check(self) -> None:
        """Refuse a backbone or weights that do not exist, before any work is done."""
        if self.network is not None:
            return
        from pipelines.training.networks import check_model, find_weights

        check_model(self.model)
        if self.weights not in ("pretrained", "none"):
            find_weights(self.weights)

    def inputs(self, table: Table) -> Chunks:
        """Chunks of images as the network sees them, uint8 (rows, size, size, channels), cached or decoded ahead.

        With columns they come as Joined, beside the images their numbers (rows, columns) as the table has them.
        """
        from features.augment import Augment
        from features.batches import Batches
        from features.recipes import Recipe

        batches = Batches(
            images=self.images(table, keep=False),
            ids=table.index,
            augment=Augment(Recipe(frame="centre"), self.size, self.size),
            batch=CHUNK,
            shuffle=False,
            workers=self.workers,
        )
        joined = self._joining(table) if self.columns else None
        for batch in batches.epoch(0):
            yield table.index[batch.rows], joined(batch) if joined else batch.images

    def _joining(self, table: Table) -> Callable[[Batch], Joined]:
        """What puts a batch's numbers beside its images."""
        import torch

        from pipelines.learners.image_columns import numbers_of
        from pipelines.training.joined import Joined

        numbers = numbers_of(table, self.columns)
        return lambda batch: Joined(batch.images, torch.from_numpy(numbers[batch.rows]))

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
        from features.cache import Cache

        if self.open_images is not None:
            opened: Images = self.open_images(table)
            return opened
        watch: dict[str, Any] = {} if out is None else {"say": out.say, "steps": out.steps}
        cache = Cache(folder=self.cache_dir or CACHE, mode=self.cache, workers=self.workers, **watch)
        return cache.images(paths_of(table), self.reading) if keep else cache.known(paths_of(table), self.reading)
