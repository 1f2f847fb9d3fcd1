"""A fitted mask learner: how its views' maps are brought back and averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pipelines.contract import Values
from pipelines.learners.mask_settings import MaskSettings
from pipelines.learners.pixel_model import PixelModel, placed, revived
from pipelines.training.segmenters import Segmenter
from pipelines.training.tiles import in_tiles
from pipelines.training.views import as_it_is


@dataclass(frozen=True, kw_only=True)
class MaskModel(PixelModel):
    """Predicts chunks of uint8 images (rows, height, width, channels)."""

    learner: MaskSettings
    channels: int

    def predict(self, inputs: torch.Tensor) -> Values:
        """The maps of one chunk, float32 (rows, height, width) in 0..1, each view's undone before they are averaged."""
        images = self.normalise(inputs)
        size = (images.shape[-2], images.shape[-1])
        total = torch.zeros((len(images), 1, *size), device=images.device)
        for view in self.views:
            total += view.undo(self.look(view.apply(images)), size)
        values: Values = (total / len(self.views))[:, 0].clamp_(0, 1).cpu().numpy()
        return values

    def look(self, images: torch.Tensor) -> torch.Tensor:
        """The maps (rows, 1, height, width) of normalised images, one look, whole or tile by tile."""
        tile = self.learner.tile
        return in_tiles(self._whole, images, tile) if tile else self._whole(images)

    def state(self) -> dict[str, Any]:
        """All but the weights, as JSON."""
        return {**super().state(), "channels": self.channels}

    def _whole(self, images: torch.Tensor) -> torch.Tensor:
        return self.learner.trained_loss.values(self.outputs(images))


def start_model(learner: MaskSettings, channels: int, weights: str) -> MaskModel:
    """A model that has learned nothing yet: the learner's network on its device, one look."""
    segmenter = Segmenter(
        arch=learner.arch, encoder=learner.encoder, channels=channels, width=learner.width, depth=learner.depth
    )
    network, pixels = segmenter.build(weights, learner.seed)
    network, precision = placed(learner, network)
    return MaskModel(
        learner=learner,
        network=network,
        channels=channels,
        pixels=pixels.of_channels(channels),
        precision=precision,
        views=[as_it_is()],
        found={},
    )


def restored(learner: MaskSettings, state: Mapping[str, Any], weights: Path) -> MaskModel:
    """The model that a state and a file of weights describe."""
    return revived(start_model(learner, state["channels"], "none"), state, weights)
