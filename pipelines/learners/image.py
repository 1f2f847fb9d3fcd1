"""The learner of pictures: any timm backbone on decoded-once images, one value or several a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pipelines.learners.image_settings import ImageSettings
from pipelines.learners.pixel_learner import PixelLearner

if TYPE_CHECKING:
    from pipelines.explain.seam import Asked, Shown
    from pipelines.learners.image_model import ImageModel
    from pipelines.learners.pixel_fit import Kind


@dataclass(frozen=True, kw_only=True)
class ImageLearner(ImageSettings, PixelLearner):
    """A backbone with a linear head, trained on augmented images."""

    shown: ClassVar[str] = (
        "First the image as the network saw it, then in colour what in it speaks for an output, or against it, by the "
        "network of the fold that held the row out (its first seed, a single look): gradient times activation of the "
        "last features, which is Grad-CAM for networks of convolutions, and of the last block's tokens for "
        "transformers. Each map is scaled by its own maximum; gray places say nothing of the kind."
    )

    @property
    def kind(self) -> Kind[Any, Any]:
        """How training is made and its model read back."""
        from pipelines.learners.image_fit import KIND

        return KIND

    def show(self, model: ImageModel, inputs: Any, asked: Asked) -> list[Shown]:
        """The rows of one chunk as the network sees them, and what in them speaks for its outputs."""
        from pipelines.learners.image_show import show_images

        return show_images(model, inputs, asked)
