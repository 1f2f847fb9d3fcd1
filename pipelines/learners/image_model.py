"""A fitted image learner: how its views are averaged, and how its network is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipelines.contract import Values
from pipelines.learners.image_columns import scaled
from pipelines.learners.image_settings import ImageSettings
from pipelines.learners.pixel_model import WEIGHTS, PixelModel, placed, revived, stored_state, tupled
from pipelines.training.joined import Inputs, Joined, JoinedNetwork
from pipelines.training.networks import Backbone, Pixels, pixels_of
from pipelines.training.views import as_it_is


@dataclass(frozen=True)
class Shape:
    """What of the training rows decides the network's form: made by fit, stored with the model."""

    outputs: int
    channels: int
    centre: tuple[float, ...]  # of each output: a network of numbers learns them less this,
    spread: tuple[float, ...]  # in units of this
    means: tuple[float, ...] = ()  # of the columns beside the images
    spreads: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImageModel(PixelModel):
    """Predicts chunks of uint8 images (rows, height, width, channels), with or without numbers beside them."""

    learner: ImageSettings
    shape: Shape
    ranks: np.ndarray | None = None  # (quantiles, outputs): values of the validation rows at even ranks
    images_only: bool = False  # every column at its mean

    def predict(self, inputs: Inputs) -> Values:
        """The values of one chunk (rows, outputs), views averaged."""
        joined = inputs if isinstance(inputs, Joined) else None
        images = self.normalise(inputs.images if isinstance(inputs, Joined) else inputs)
        seen = [self._beside(view.apply(images), joined) for view in self.views]
        values = [self.ranked(self.look(each)) for each in seen]
        mean: np.ndarray = sum(values[1:], start=values[0]) / len(values)
        return mean

    @property
    def blind(self) -> ImageModel | None:
        """The same model with every column at its mean, to show what they are worth; None where it sees none."""
        return replace(self, images_only=True) if self.learner.columns else None

    def _beside(self, images: torch.Tensor, inputs: Joined | None) -> Inputs:
        """Normalised images, with their rows' numbers, scaled, where the network sees them."""
        if inputs is None or self.images_only:
            return images
        numbers = scaled(inputs.numbers.numpy(), self.shape.means, self.shape.spreads)
        return Joined(images, torch.from_numpy(numbers).to(images.device))

    def look(self, images: Inputs) -> Values:
        """The values of normalised images (rows, channels, height, width), one look."""
        values = self.learner.loss.values(self.outputs(images)).cpu()  # first: Apple's cards have no doubles
        return values.double().numpy() * self.shape.spread + self.shape.centre

    def ranked(self, values: Values) -> Values:
        """Values as ranks among the validation rows' values, 0..1, where the learner averages ranks."""
        if self.ranks is None:
            return values
        even = np.linspace(0, 1, len(self.ranks))
        columns = zip(values.T, self.ranks.T, strict=True)
        return np.stack([np.interp(column, known, even) for column, known in columns], axis=1)

    def state(self) -> dict[str, Any]:
        """All but the weights, as JSON."""
        ranks = None if self.ranks is None else self.ranks.tolist()
        return {**super().state(), "shape": asdict(self.shape), "ranks": ranks}


def start_model(learner: ImageSettings, shape: Shape, weights: str) -> ImageModel:
    """A model that has learned nothing yet: the learner's network on its device, one look."""
    network, pixels = _network(learner, shape, weights)
    network, precision = placed(learner, network)
    return ImageModel(
        learner=learner,
        network=network,
        shape=shape,
        pixels=pixels.of_channels(shape.channels),
        precision=precision,
        views=[as_it_is()],
        found={},
    )


def load_image_model(learner: ImageSettings, folder: Path) -> ImageModel:
    """The model that fit left in a folder; it needs no other weights."""
    return restored(learner, stored_state(folder), folder / WEIGHTS)


def restored(learner: ImageSettings, state: Mapping[str, Any], weights: Path) -> ImageModel:
    """The model that a state and a file of weights describe."""
    model = revived(start_model(learner, Shape(**tupled(state["shape"])), "none"), state, weights)
    return replace(model, ranks=None if state["ranks"] is None else np.asarray(state["ranks"]))


def _network(learner: ImageSettings, shape: Shape, weights: str) -> tuple[torch.nn.Module, Pixels]:
    """The learner's network, and the pixels it expects."""
    columns = len(learner.columns)
    outputs = 0 if columns else shape.outputs
    network, pixels = (
        _own_network(learner, outputs) if learner.network else _timm_network(learner, shape, weights, outputs)
    )
    return JoinedNetwork(network, columns, shape.outputs, learner.seed) if columns else network, pixels


def _own_network(learner: ImageSettings, outputs: int) -> tuple[torch.nn.Module, Pixels]:
    assert learner.network is not None
    network = learner.network(outputs, learner.seed)
    return network, getattr(network, "pixels", Pixels((0.5,), (0.5,), "bilinear"))


def _timm_network(learner: ImageSettings, shape: Shape, weights: str, outputs: int) -> tuple[torch.nn.Module, Pixels]:
    backbone = Backbone(
        model=learner.model, outputs=outputs, size=learner.size, channels=shape.channels, drop=learner.drop
    )
    network = backbone.build(weights, learner.seed)
    return network, pixels_of(network)
