"""A fitted image learner: its network in evaluation mode, and how its views are averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from features.batches import Normalise
from pipelines.contract import Values
from pipelines.learners.image_columns import scaled
from pipelines.learners.image_settings import ImageSettings
from pipelines.runfolder import read_json, write_json
from pipelines.training.device import Precision, choose_precision, free_memory, memory_ran_out
from pipelines.training.fit import load_weights, save_weights
from pipelines.training.joined import Inputs, Joined, JoinedNetwork
from pipelines.training.networks import Backbone, Pixels, pixels_of
from pipelines.training.views import View, as_it_is, views_named

WEIGHTS, STATE = "model.safetensors", "model.json"


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
class ImageModel:
    """Predicts chunks of uint8 images (rows, height, width, channels), with or without numbers beside them."""

    learner: ImageSettings
    network: torch.nn.Module
    shape: Shape
    pixels: Pixels
    precision: Precision
    views: list[View]
    found: Mapping[str, int]
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
    def plain(self) -> ImageModel | None:
        """The same model with a single look, to show what its views are worth; None where it has one look only."""
        return replace(self, views=[as_it_is()]) if len(self.views) > 1 else None

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
        self.network.eval()
        with torch.inference_mode(), self.precision.autocast():
            outputs = in_memory(self.network, images)
        values: np.ndarray = self.learner.loss.values(outputs).double().cpu().numpy()
        return values * self.shape.spread + self.shape.centre

    def ranked(self, values: Values) -> Values:
        """Values as ranks among the validation rows' values, 0..1, where the learner averages ranks."""
        if self.ranks is None:
            return values
        even = np.linspace(0, 1, len(self.ranks))
        columns = zip(values.T, self.ranks.T, strict=True)
        return np.stack([np.interp(column, known, even) for column, known in columns], axis=1)

    @property
    def normalise(self) -> Normalise:
        """Bytes to what the network takes."""
        device = str(self.precision.device)
        return Normalise(self.pixels.mean, self.pixels.std, device, channels_last=self.learner.channels_last)

    def save(self, folder: Path) -> None:
        """Write the weights and, last, what surrounds them."""
        save_weights(self.network, folder / WEIGHTS)
        write_json(folder / STATE, self.state())

    def state(self) -> dict[str, Any]:
        """All but the weights, as JSON."""
        ranks = None if self.ranks is None else self.ranks.tolist()
        return {
            "shape": asdict(self.shape),
            "pixels": asdict(self.pixels),
            "found": dict(self.found),
            "ranks": ranks,
        }


def in_memory(network: torch.nn.Module, images: Inputs) -> torch.Tensor:
    """The network's outputs, computed half by half where memory does not hold them at once."""
    try:
        return network(images)  # type: ignore[no-any-return]
    except RuntimeError as error:
        if len(images) == 1 or not memory_ran_out(error):
            raise
    free_memory()
    return torch.cat([in_memory(network, half) for half in images.tensor_split(2)])


def start_model(learner: ImageSettings, shape: Shape, weights: str) -> ImageModel:
    """A model that has learned nothing yet: the learner's network on its device, one look."""
    precision = choose_precision(learner.device, learner.precision)
    network, pixels = _network(learner, shape, weights)
    network = network.to(precision.device)
    if learner.channels_last:
        network = network.to(memory_format=torch.channels_last)
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
    if not (folder / STATE).exists():
        raise FileNotFoundError(f"{folder / STATE}: expected a fitted model, got none; fit this fold first")
    return restored(learner, read_json(folder / STATE), folder / WEIGHTS)


def restored(learner: ImageSettings, state: dict[str, Any], weights: Path) -> ImageModel:
    """The model that a state and a file of weights describe."""
    model = start_model(learner, Shape(**_tupled(state["shape"])), "none")
    load_weights(model.network, weights)
    return replace(
        model,
        pixels=Pixels(**_tupled(state["pixels"])),
        views=views_named(learner.views),
        found=state["found"],
        ranks=None if state["ranks"] is None else np.asarray(state["ranks"]),
    )


def _tupled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


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
    if learner.views == "scales" and backbone.fixed:
        raise ValueError(
            f"--views scales: expected a model that sees images of any size, got {learner.model}; use --views flip"
        )
    network = backbone.build(weights, learner.seed)
    return network, pixels_of(network)
