"""The settings of the mask learner, and how rows become images and masks of one size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipelines.contract import Table
from pipelines.learners.pixel_settings import PixelSettings, paths_of
from pipelines.report import Watcher
from pipelines.training.losses import Loss
from pipelines.training.mask_losses import LossName, mask_loss

if TYPE_CHECKING:
    from features.images import Images
    from features.reading import Reading, Size

PIXELS = 2**22  # seen at once in prediction: ten images of 512x768, one of 1280x1918
SMALLEST = 32  # pixels of a side: what encoders halve five times


@dataclass(frozen=True, kw_only=True)
class MaskSettings(PixelSettings):
    """A network that draws each row's mask, trained on images and masks moved alike."""

    arch: Literal["unet", "unetplusplus", "fpn", "linknet", "deeplabv3plus", "plain"] = "unet"
    """unet, unetplusplus, fpn, linknet, deeplabv3plus over an encoder; plain: a U-Net trained from scratch."""
    encoder: str = "resnet34"
    """An encoder of segmentation-models-pytorch, or tu- and a timm backbone, as in tu-convnext_tiny."""
    size: str = "512x768"
    """Height x width of the images that the network sees; maps come out as large."""
    crop: int = 0
    """Side of the random squares that training sees; 0: whole images."""
    tile: int = 0
    """Side of the overlapping squares that prediction sees; 0: whole images."""
    loss: LossName = "bce_dice"
    """What training minimises."""
    border_weight: float = 1.0
    """Weight of pixels near a mask's border; those elsewhere have 1."""
    width: int = 32
    """Channels of the first level of a plain U-Net, doubled at each one below."""
    depth: int = 4
    """Times that a plain U-Net halves its images."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch(r"[1-9]\d*x[1-9]\d*", self.size) or min(self.seen) < SMALLEST:
            raise ValueError(f"--size: expected HEIGHTxWIDTH of {SMALLEST} pixels or more, got {self.size!r}")
        for name in ("crop", "tile"):
            side = getattr(self, name)
            if side and not SMALLEST <= side <= max(self.seen):
                raise ValueError(f"--{name}: expected {SMALLEST} to {max(self.seen)} pixels, or 0, got {side}")
        if self.layer_decay != 1:
            raise ValueError(f"--layer-decay: expected 1 for a network of maps, got {self.layer_decay}; leave it out")
        if self.smoothing:
            raise ValueError(f"--smoothing: expected a loss that takes it, got {self.loss}; leave --smoothing out")
        for name, low in {"width": 1, "depth": 1}.items():
            if getattr(self, name) < low:
                raise ValueError(f"--{name}: expected a whole number of at least {low}, got {getattr(self, name)}")
        least = min(*self.trained_size, *([self.tile] if self.tile else []))
        if self.arch == "plain" and 2**self.depth > least:
            raise ValueError(
                f"--depth: expected at most {least.bit_length() - 1} halvings of {least} pixels, got {self.depth}"
            )
        _ = self.trained_loss  # refuses what the loss does not take

    @property
    def idle(self) -> Mapping[str, str]:
        """The fields that decide nothing as the others are, and why."""
        if self.arch == "plain":
            return {"encoder": "--arch plain, which has no encoder"}
        return dict.fromkeys(("width", "depth"), f"--arch {self.arch}, whose encoder decides that")

    @property
    def seen(self) -> Size:
        """Height and width of the images that the network sees in prediction."""
        height, width = map(int, self.size.split("x"))
        return height, width

    @property
    def trained_size(self) -> Size:
        """Height and width of what training sees."""
        height, width = self.seen
        return (min(self.crop, height), min(self.crop, width)) if self.crop else (height, width)

    @property
    def model(self) -> str:
        """The network in a word."""
        return "plain" if self.arch == "plain" else f"{self.arch}-{self.encoder}"

    @property
    def chunk(self) -> int:
        """Images that are decoded ahead and predicted at once."""
        height, width = self.seen
        return max(1, min(super().chunk, PIXELS // (height * width)))

    @property
    def reading(self) -> Reading:
        """How files become the pixels that are kept: as they are stored, so that masks lie on them pixel by pixel."""
        from features.reading import Reading

        return Reading(height=self.seen[0], width=self.seen[1], fit="squash", orient=False)

    @property
    def mask_reading(self) -> Reading:
        """How mask files become the pixels that are kept."""
        from features.reading import Reading

        height, width = self.seen
        return Reading(height=height, width=width, fit="squash", channels=1, orient=False, mask=True)

    @property
    def trained_loss(self) -> Loss:
        """The loss by its name, pixels weighed as the settings say."""
        return mask_loss(self.loss, self.border_weight)

    def check(self) -> None:
        """Refuse an encoder or weights that do not exist, before any work is done."""
        from pipelines.training.segmenters import check_weights

        check_weights(self.arch, self.encoder, self.weights)
        super().check()

    def require_weights(self) -> None:
        """Refuse pretrained weights that are neither on this machine nor to be had now."""
        from pipelines.training.pretrained import naming_ways
        from pipelines.training.segmenters import require_encoder

        if self.weights == "pretrained":
            with naming_ways(self.weights, self.encoder):
                require_encoder(self.encoder)

    def masks(self, table: Table, keep: bool, out: Watcher | None = None) -> Images:
        """The masks of a table's rows; keep: decoded into the cache, else only what is there is taken from it."""
        return self.cached(masks_of(table), self.mask_reading, keep, out)

    def unreadable(self, train: Table, test: Table, watcher: Watcher) -> dict[Path, str]:
        """Why images and masks cannot be read, for all that cannot; those of training go into the cache on the way."""
        from features.decode import BrokenImages

        reasons: dict[Path, str] = {}
        try:
            self.masks(train, keep=True, out=watcher)
        except BrokenImages as broken:
            reasons = broken.reasons
        return reasons | super().unreadable(train, test, watcher)


def masks_of(table: Table) -> list[Path]:
    """The mask files of a table's rows, which must have images too."""
    paths_of(table)
    if "mask" not in table:
        raise ValueError(f"expected a column mask of paths in the table, got {', '.join(map(str, table.columns))}")
    return list(table["mask"])
