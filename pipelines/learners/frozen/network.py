"""A frozen backbone: images in, vectors out, no gradient anywhere."""

from __future__ import annotations

import numpy as np
import torch

from features.batches import Normalise
from pipelines.contract import Table
from pipelines.learners.frozen.settings import FrozenSettings
from pipelines.learners.frozen.weights import weights_file
from pipelines.learners.image_settings import ImageSettings
from pipelines.learners.pixel_model import in_memory
from pipelines.training.device import Precision, choose_device
from pipelines.training.networks import Backbone, check_model, pixels_of
from pipelines.training.views import views_named


class Glasses:
    """One backbone on its device, ready to look at rows."""

    def __init__(self, learner: FrozenSettings, backbone: str) -> None:
        check_model(backbone, "--backbones")
        self.backbone, self.views = backbone, views_named(learner.views)
        # Beside others an image's features differ in their last bits, over which a row may jump a split of a tree.
        self.alone = learner.head == "lightgbm"
        self.size = learner.size or native_size(backbone)
        kept = None if learner.output == "logits" else 0  # outputs: the classifier it came with, or none
        made = Backbone(model=backbone, outputs=kept, size=self.size)
        if learner.views == "scales" and made.fixed:
            raise ValueError(
                f"--views scales: expected backbones that see images of any size, got {backbone}; use --views flip"
            )
        plain = learner.weights in ("pretrained", "none")
        weights = learner.weights if plain else str(weights_file(learner.weights, learner.backbones, backbone))
        self.precision = Precision(choose_device(learner.device), learner.precision)
        # Random weights are always drawn from the same seed: features are shared by seeds.
        self.network = made.build(weights, seed=0).to(self.precision.device).eval()
        pixels = pixels_of(self.network)
        self.normalise = Normalise(pixels.mean, pixels.std, str(self.precision.device))
        self.images = ImageSettings(
            size=self.size,
            fit_image=learner.fit_image,
            cache="off",
            workers=learner.workers,
            open_images=learner.open_images,
        )

    def look(self, table: Table) -> list[np.ndarray]:
        """Each view's vectors of a table's rows, float32 (rows, width)."""
        seen = [self._seen(images) for _, images in self.images.inputs(table)]
        return [np.concatenate(parts) for parts in zip(*seen, strict=True)]

    def _seen(self, images: torch.Tensor) -> list[np.ndarray]:
        """Each view's vectors of uint8 images (rows, height, width, channels); gray ones take three channels."""
        colours = images if images.shape[3] == 3 else images[..., :1].expand(-1, -1, -1, 3).contiguous()
        normalised = self.normalise(colours)
        try:
            with torch.inference_mode(), self.precision.autocast():
                vectors = [self._vectors(view.apply(normalised)) for view in self.views]
        except AssertionError as error:  # how timm's transformers refuse a size
            raise ValueError(
                f"--size {self.size}: expected a size that {self.backbone} takes, got: {error}; use --size 0"
            ) from error
        bad = sum(int((~np.isfinite(each).all(axis=1)).sum()) for each in vectors)
        if bad:
            raise ValueError(
                f"{self.backbone}: expected finite features, got NaN or infinity for {bad} of {len(images)} images; "
                "use --precision fp32"
            )
        return vectors

    def _vectors(self, images: torch.Tensor) -> np.ndarray:
        """The network's outputs, float32 (rows, width)."""
        pieces = images.split(1) if self.alone else [images]
        return np.concatenate([in_memory(self.network, piece).float().cpu().numpy() for piece in pieces])


def native_size(backbone: str) -> int:
    """The side of the images that a backbone was trained on."""
    import timm

    known = timm.get_pretrained_cfg(backbone)
    return int(known.input_size[-1]) if known is not None else 224
