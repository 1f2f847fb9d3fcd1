"""Losses as objects: what a network's raw output (rows, outputs) is compared by, and what makes values of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch


class Loss(Protocol):
    """A frozen dataclass; its fields are settings."""

    scaled: ClassVar[bool]  # whether the network learns targets less their mean, in units of their spread

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean over rows and outputs."""

    def values(self, outputs: torch.Tensor) -> torch.Tensor:
        """The values that raw outputs stand for."""


@dataclass(frozen=True)
class BinaryLoss:
    """Cross entropy of independent yes/no outputs; soft targets in 0..1 fit too, as for a scaled regression."""

    scaled: ClassVar[bool] = False
    smoothing: float = 0.0
    pos_weight: float = 1.0  # of the positive side

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean over rows and outputs."""
        import torch

        soft = targets * (1 - self.smoothing) + self.smoothing / 2
        weight = None if self.pos_weight == 1 else torch.full((), self.pos_weight, device=outputs.device)
        return torch.nn.functional.binary_cross_entropy_with_logits(outputs.float(), soft, pos_weight=weight)

    def values(self, outputs: torch.Tensor) -> torch.Tensor:
        """Probabilities."""
        return outputs.float().sigmoid()


@dataclass(frozen=True)
class ClassLoss:
    """Cross entropy over classes; targets are one-hot or mixed."""

    scaled: ClassVar[bool] = False
    smoothing: float = 0.0

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean over rows."""
        import torch

        return torch.nn.functional.cross_entropy(outputs.float(), targets, label_smoothing=self.smoothing)

    def values(self, outputs: torch.Tensor) -> torch.Tensor:
        """Probabilities that add up to 1."""
        return outputs.float().softmax(dim=1)


@dataclass(frozen=True)
class SquareLoss:
    """Squared error of numbers of any size."""

    scaled: ClassVar[bool] = True

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean over rows and outputs."""
        import torch

        return torch.nn.functional.mse_loss(outputs.float(), targets)

    def values(self, outputs: torch.Tensor) -> torch.Tensor:
        """The numbers themselves."""
        return outputs.float()


@dataclass(frozen=True)
class RangeLoss:
    """Numbers of a known range, learned as shares of it: by cross entropy of a soft target, or by squared error."""

    scaled: ClassVar[bool] = False
    low: float = 0.0
    high: float = 1.0
    by: Literal["entropy", "square"] = "entropy"

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean over rows and outputs, of shares."""
        import torch

        shares = (targets - self.low) / (self.high - self.low)
        if self.by == "square":
            return torch.nn.functional.mse_loss(outputs.float().sigmoid(), shares)
        return torch.nn.functional.binary_cross_entropy_with_logits(outputs.float(), shares)

    def values(self, outputs: torch.Tensor) -> torch.Tensor:
        """Numbers from low to high."""
        return outputs.float().sigmoid() * (self.high - self.low) + self.low

    def check(self, truth: np.ndarray) -> None:
        """Refuse truth outside the range, which would have no share."""
        beyond = (truth < self.low) | (truth > self.high)
        if beyond.any():
            raise ValueError(
                f"RangeLoss: expected targets from {self.low:g} to {self.high:g}, got {int(beyond.sum())} others, "
                f"first {truth[beyond][0]:g}; widen the range, or correct these rows in load"
            )


def with_settings(loss: Any, **chosen: float) -> Any:
    """The loss with what the flags say of it; one that has no such side to it refuses."""
    from dataclasses import fields, replace

    known = {field.name for field in fields(loss)}
    for name in chosen:
        if name not in known:
            flag = f"--{name.replace('_', '-')}"
            raise ValueError(f"{flag}: expected a loss that takes it, got {type(loss).__name__}; leave {flag} out")
    return replace(loss, **chosen)
