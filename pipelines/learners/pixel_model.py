"""What fitted learners of pixels share: a network in evaluation mode, its looks at an image, and its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

import torch

from features.batches import Normalise
from pipelines.learners.pixel_settings import PixelSettings
from pipelines.runfolder import read_json, write_json
from pipelines.training.device import Precision, choose_precision, free_memory, memory_ran_out
from pipelines.training.fit import load_weights, save_weights
from pipelines.training.joined import Inputs
from pipelines.training.networks import Pixels
from pipelines.training.views import View, as_it_is, views_named

WEIGHTS, STATE = "model.safetensors", "model.json"


@dataclass(frozen=True, kw_only=True)
class PixelModel:
    """Predicts chunks of uint8 images (rows, height, width, channels)."""

    learner: PixelSettings
    network: torch.nn.Module
    pixels: Pixels
    precision: Precision
    views: list[View]
    found: Mapping[str, int]

    @property
    def plain(self) -> Self | None:
        """The same model with a single look, to show what its views are worth; None where it has one look only."""
        return replace(self, views=[as_it_is()]) if len(self.views) > 1 else None

    @property
    def normalise(self) -> Normalise:
        """Bytes to what the network takes."""
        device = str(self.precision.device)
        return Normalise(self.pixels.mean, self.pixels.std, device, channels_last=self.learner.channels_last)

    def outputs(self, images: Inputs) -> torch.Tensor:
        """The network's raw outputs for normalised images (rows, channels, height, width)."""
        self.network.eval()
        with torch.inference_mode(), self.precision.autocast():
            return in_memory(self.network, images)

    def save(self, folder: Path) -> None:
        """Write the weights and, last, what surrounds them."""
        save_weights(self.network, folder / WEIGHTS)
        write_json(folder / STATE, self.state())

    def state(self) -> dict[str, Any]:
        """All but the weights, as JSON."""
        return {"pixels": asdict(self.pixels), "found": dict(self.found)}


M = TypeVar("M", bound=PixelModel)


def in_memory(network: torch.nn.Module, images: Inputs) -> torch.Tensor:
    """The network's outputs, computed half by half where memory does not hold them at once."""
    try:
        return network(images)  # type: ignore[no-any-return]
    except RuntimeError as error:
        if not memory_ran_out(error):
            raise
        if len(images) == 1:
            raise ValueError(
                f"expected one image to fit the memory of {images.device}, got: {str(error).splitlines()[0]}; end what "
                "else computes there, set --device cpu, or train with a smaller --size or --model"
            ) from None
    free_memory()
    return torch.cat([in_memory(network, half) for half in images.tensor_split(2)])


def placed(learner: PixelSettings, network: torch.nn.Module) -> tuple[torch.nn.Module, Precision]:
    """A network on its device, in the layout that the learner asks for."""
    precision = choose_precision(learner.device, learner.precision)
    network = network.to(precision.device)
    return network.to(memory_format=torch.channels_last) if learner.channels_last else network, precision


def stored_state(folder: Path) -> dict[str, Any]:
    """What fit left in a folder beside the weights."""
    if not (folder / STATE).exists():
        raise FileNotFoundError(f"{folder / STATE}: expected a fitted model, got none; fit this fold first")
    return read_json(folder / STATE)


def revived(model: M, state: Mapping[str, Any], weights: Path) -> M:
    """A model that has learned nothing yet, with what a state and a file of weights hold."""
    load_weights(model.network, weights)
    pixels = Pixels(**tupled(state["pixels"]))
    return replace(model, pixels=pixels, views=views_named(model.learner.views), found=state["found"])


def tupled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that were read from JSON, lists as the tuples that they were."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
