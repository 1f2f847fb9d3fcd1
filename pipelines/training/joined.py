"""Images with numbers beside them, and the network that sees both: a small perceptron joins the pooled features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

HIDDEN, GIVEN = 32, 16  # outputs of the perceptron's two layers: a few columns next to hundreds of features


@dataclass(frozen=True, eq=False)
class Joined:
    """Images (rows, ...) and the numbers of the same rows (rows, columns)."""

    images: torch.Tensor
    numbers: torch.Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def device(self) -> torch.device:
        """Where both are."""
        return self.images.device

    def tensor_split(self, count: int) -> list[Joined]:
        """The rows in so many parts."""
        parts = zip(self.images.tensor_split(count), self.numbers.tensor_split(count), strict=True)
        return [Joined(*part) for part in parts]


Inputs: TypeAlias = torch.Tensor | Joined  # what a network is given


class JoinedNetwork(torch.nn.Module):
    """A network of pooled features (rows, width), numbers beside them, and one linear head on both."""

    def __init__(self, network: torch.nn.Module, columns: int, outputs: int, seed: int) -> None:
        super().__init__()
        width = feature_count(network)
        torch.manual_seed(seed)
        self.network, self.columns = network, columns
        self.perceptron = torch.nn.Sequential(
            torch.nn.Linear(columns, HIDDEN), torch.nn.GELU(), torch.nn.Linear(HIDDEN, GIVEN), torch.nn.GELU()
        )
        self.head = torch.nn.Linear(width + GIVEN, outputs)

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Outputs (rows, outputs); images alone are seen with every number at its mean, which is 0."""
        images = inputs.images if isinstance(inputs, Joined) else inputs
        means = torch.zeros(len(images), self.columns, device=images.device)
        numbers = inputs.numbers if isinstance(inputs, Joined) else means
        features: torch.Tensor = self.network(images)
        given: torch.Tensor = self.perceptron(numbers)
        outputs: torch.Tensor = self.head(torch.cat([features, given], dim=1))
        return outputs

    def group_matcher(self, coarse: bool = False) -> Callable[[str], int]:
        """The layer of each weight, as timm groups the inner network's; what joins it learns as its head does."""
        from timm.models import group_parameters

        inner: Any = self.network
        layers = group_parameters(inner, inner.group_matcher(coarse=coarse), reverse=True)
        last = max(layers.values()) + 1
        return lambda name: layers.get(name.removeprefix("network."), last)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Compute the inner network's activations again in the backward pass."""
        inner: Any = self.network
        inner.set_grad_checkpointing(enable)


def feature_count(network: torch.nn.Module) -> int:
    """How many pooled features a network built for no outputs gives, as it says itself."""
    width = getattr(network, "head_hidden_size", None) or getattr(network, "num_features", None)
    if not isinstance(width, int):
        raise ValueError(
            f"--columns: expected a network that, built for 0 outputs, gives its pooled features and says their "
            f"num_features, as timm's do, got {type(network).__name__}; leave --columns out"
        )
    return width
