"""The learner of pictures: any timm backbone on decoded-once images, one value or several a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.learners.image_settings import ImageSettings
from pipelines.learners.pixel_learner import PixelLearner

if TYPE_CHECKING:
    from pipelines.learners.pixel_fit import Kind


@dataclass(frozen=True, kw_only=True)
class ImageLearner(ImageSettings, PixelLearner):
    """A backbone with a linear head, trained on augmented images."""

    @property
    def kind(self) -> Kind[Any, Any]:
        """How training is made and its model read back."""
        from pipelines.learners.image_fit import KIND

        return KIND
