"""Losses of maps: raw outputs against masks, how much of a pixel is set, 0..1; both (rows, 1, height, width)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, get_args

from pipelines.training.losses import Loss

if TYPE_CHECKING:
    import torch

LossName: TypeAlias = Literal["bce", "dice", "bce_dice", "bce_log_dice", "focal", "lovasz"]
SMOOTH = 1.0  # pixels added to both sides of a Dice, so that an empty mask predicted empty is a perfect one
REACH = 25  # a border is as wide as the image's height divided by this; 41 pixels of 1024 won Carvana
FOCUS = 2.0  # exponent of the focal loss, as in its paper


class _Probable:
    """What all losses of maps share: the network's outputs are logits."""

    scaled: ClassVar[bool] = False

    def values(self, outputs: torch.Tensor) -> torch.Tensor:
        """Probabilities."""
        return outputs.float().sigmoid()


@dataclass(frozen=True)
class PixelLoss(_Probable):
    """Cross entropy of each pixel; focus above 0 lowers the weight of those that are right already (focal loss)."""

    focus: float = 0.0
    border: float = 1.0  # weight of pixels near the mask's border

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean over rows and pixels."""
        import torch

        outputs = outputs.float()
        each = torch.nn.functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
        if self.focus:
            each = each * (1 - torch.exp(-each)) ** self.focus
        return weighed_mean(each, border_weights(targets, self.border))


@dataclass(frozen=True)
class DiceLoss(_Probable):
    """How far the soft Dice of each row is from 1; logarithmic: minus its logarithm."""

    logarithmic: bool = False
    border: float = 1.0

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean over rows."""
        weights = border_weights(targets, self.border)
        found = outputs.float().sigmoid()
        dims = tuple(range(1, targets.ndim))
        shared = (found * targets * weights).sum(dims)
        total = (found * weights).sum(dims) + (targets * weights).sum(dims)
        dice = (2 * shared + SMOOTH) / (total + SMOOTH)
        return -dice.log().mean() if self.logarithmic else 1 - dice.mean()


@dataclass(frozen=True)
class LovaszLoss(_Probable):
    """The Lovász extension of the Jaccard index, each row by itself (Berman, Triki, Blaschko 2018)."""

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean over rows."""
        import torch

        outputs, truth = outputs.float().flatten(1), targets.flatten(1).round()
        errors, order = (1 - outputs * (2 * truth - 1)).sort(dim=1, descending=True)
        truth = truth.gather(1, order)
        total = truth.sum(dim=1, keepdim=True)
        missed, added = total - truth.cumsum(1), total + (1 - truth).cumsum(1)
        jaccard = 1 - missed / added
        steps = torch.cat([jaccard[:, :1], jaccard.diff(dim=1)], dim=1)  # by how much each error raises the loss
        return (errors.clamp(min=0) * steps).sum(dim=1).mean()


@dataclass(frozen=True)
class SumLoss(_Probable):
    """The sum of two losses."""

    one: Loss
    other: Loss

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The sum of their means."""
        return self.one(outputs, targets) + self.other(outputs, targets)


def border_weights(targets: torch.Tensor, weight: float) -> torch.Tensor:
    """The weight of each pixel: `weight` where both sides of a mask are near, 1 elsewhere; 1 has no effect."""
    import torch

    if weight == 1:
        return torch.ones((), device=targets.device)
    side = max(3, targets.shape[-2] // REACH) // 2 * 2 + 1
    mean = torch.nn.functional.avg_pool2d(targets, side, stride=1, padding=side // 2, count_include_pad=False)
    near = (mean > 0.005) & (mean < 0.995)
    return 1 + (weight - 1) * near.to(targets.dtype)


def weighed_mean(each: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The mean over rows of each row's mean by its pixels' weights: a batch in pieces has the same."""
    if weights.ndim == 0:
        return each.mean()
    return ((each * weights).flatten(1).sum(1) / weights.flatten(1).sum(1)).mean()


def mask_loss(name: LossName, border: float) -> Loss:
    """A loss by its name; border is the weight of pixels near the mask's border."""
    made: Mapping[str, Callable[[], Loss]] = {
        "bce": lambda: PixelLoss(border=border),
        "dice": lambda: DiceLoss(border=border),
        "bce_dice": lambda: SumLoss(PixelLoss(border=border), DiceLoss(border=border)),
        "bce_log_dice": lambda: SumLoss(PixelLoss(border=border), DiceLoss(logarithmic=True, border=border)),
        "focal": lambda: PixelLoss(focus=FOCUS, border=border),
        "lovasz": LovaszLoss,
    }
    if name not in made:
        raise ValueError(f"--loss: expected one of {', '.join(get_args(LossName))}, got {name!r}")
    if border <= 0:
        raise ValueError(f"--border-weight: expected a number above 0, got {border}")
    if name == "lovasz" and border != 1:
        raise ValueError("--border-weight: expected a loss that weighs pixels, got lovasz; leave --border-weight out")
    return made[name]()
