"""The settings of the image learner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pipelines.contract import Chunks, Table
from pipelines.learners.pixel_settings import PixelSettings
from pipelines.stops import UsageError
from pipelines.training.losses import BinaryLoss, Loss, with_settings

if TYPE_CHECKING:
    from features.reading import Reading, Size

MARGIN = 256 / 224  # sides kept to crop from, per side seen: what ImageNet's networks are used to


@dataclass(frozen=True, kw_only=True)
class ImageSettings(PixelSettings):
    """A backbone with a linear head, trained on augmented images."""

    model: str = "convnext_tiny"
    """A timm backbone, by name."""
    size: int = 224
    """Side of the images that the network sees."""
    fit_image: Literal["crop", "squash", "letterbox"] = "crop"
    """How an image becomes square: cropped, squashed, or whole with bars."""
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
    loss: Loss = field(default_factory=BinaryLoss)
    # Flags are read off these hints, so they name nothing that is imported for checks of types only.
    network: Callable[[int, int], Any] | None = None  # (outputs, seed) -> a torch network of your own

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
    def seen(self) -> Size:
        """Height and width of the images that the network sees."""
        return self.size, self.size

    @property
    def interpolation(self) -> str:
        """How views are interpolated: as the backbone's own settings say."""
        from pipelines.training.networks import interpolation_of

        return "bilinear" if self.network is not None else interpolation_of(self.model)

    @property
    def trained_loss(self) -> Loss:
        """The loss, smoothed and weighted as the settings say."""
        chosen = {"smoothing": self.smoothing} if self.smoothing else {}
        chosen |= {"pos_weight": self.pos_weight} if self.pos_weight != 1 else {}
        made: Loss = with_settings(self.loss, **chosen)
        return made

    def check(self) -> None:
        """Refuse a backbone, weights or views that there are none of, before any work is done."""
        super().check()
        if self.network is not None:
            self._check_own(self.network)
            return
        from pipelines.training.networks import Backbone, check_model, check_pretrained

        check_model(self.model)
        if self.weights == "pretrained":
            check_pretrained(self.model)
        if self.views == "scales" and Backbone(model=self.model, outputs=0).fixed:
            raise ValueError(
                f"--views scales: expected a model that sees images of any size, got {self.model}; use --views flip"
            )

    def require_weights(self) -> None:
        """Refuse pretrained weights that are neither on this machine nor to be had now."""
        from pipelines.training.pretrained import naming_ways, require_timm

        if self.weights == "pretrained":
            with naming_ways(self.weights, self.model):
                require_timm(self.model)

    def _check_own(self, network: Callable[[int, int], Any]) -> None:
        """Refuse flags that choose among timm's networks and would change nothing of a network of its own."""
        inner = getattr(network, "func", network)  # of a partial
        own = getattr(inner, "__name__", type(inner).__name__)
        for name, only in {"model": own, "weights": "none", "drop": 0.0}.items():
            if (got := getattr(self, name)) != only:
                raise UsageError(
                    f"--{name}: expected {only}, as {own} is a network of the competition's own that starts at random, "
                    f"got {got}; leave --{name} out, or change spec.py"
                )

    def inputs(self, table: Table) -> Chunks:
        """Chunks of images as the network sees them, uint8 (rows, size, size, channels), cached or decoded ahead.

        With columns they come as Joined, beside the images their numbers (rows, columns) as the table has them.
        """
        chunks = super().inputs(table)
        if not self.columns:
            yield from chunks
            return
        import torch

        from pipelines.learners.image_columns import numbers_of
        from pipelines.training.joined import Joined

        numbers = numbers_of(table, self.columns)
        for ids, images in chunks:
            yield ids, Joined(images, torch.from_numpy(numbers[table.index.get_indexer(ids)]))
