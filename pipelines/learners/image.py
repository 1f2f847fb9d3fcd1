"""The learner of pictures: any timm backbone on decoded-once images, one value or several a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pipelines.contract import Out, Table, Targets
from pipelines.learners.image_settings import ImageSettings

if TYPE_CHECKING:
    from pipelines.explain.seam import Asked, Shown
    from pipelines.learners.image_model import ImageModel
    from pipelines.training.finder import Curve


@dataclass(frozen=True, kw_only=True)
class ImageLearner(ImageSettings):
    """A backbone with a linear head, trained on augmented images."""

    shown: ClassVar[str] = (
        "First the image as the network saw it, then in colour what in it speaks for an output, by the network of the "
        "fold that held the row out (its first seed, a single look): gradient times activation of the last features, "
        "which is Grad-CAM for networks of convolutions, and of the last block's tokens for transformers. Each map is "
        "scaled by its own maximum; gray places do not speak for the output, and may speak against it."
    )

    def fit(self, train: Table, valid: Table | None, targets: Targets, out: Out) -> ImageModel:
        """Train on, from the checkpoint where there is one, and keep the network that predicts."""
        from pipelines.learners.image_fit import Task, fit_images

        return fit_images(Task(self, train, valid, targets, out))

    def load(self, out: Out) -> ImageModel:
        """The model that fit left in out."""
        from pipelines.learners.image_model import load_image_model

        return load_image_model(self, out.folder)

    def provisional(self, out: Out) -> ImageModel | None:
        """The best model that a stopped fit has so far; None before its first checkpoint."""
        from pipelines.learners.image_fit import provisional

        return provisional(self, out)

    def rows_in(self, seconds: float, train: Table, targets: Targets, out: Out) -> int:
        """How many training rows an epoch of about so many seconds takes, by timing a few steps."""
        from pipelines.learners.image_fit import Task
        from pipelines.learners.image_probe import rows_in

        return rows_in(Task(self, train, None, targets, out), seconds)

    def find_rate(self, train: Table, targets: Targets, out: Out) -> Curve:
        """The losses of a short training whose learning rate rises, and a rate to use."""
        from pipelines.learners.image_fit import Task
        from pipelines.learners.image_probe import find_rate

        return find_rate(Task(self, train, None, targets, out))

    def show(self, model: ImageModel, inputs: Any, asked: Asked) -> list[Shown]:
        """The rows of one chunk as the network sees them, and what in them speaks for its outputs."""
        from pipelines.learners.image_show import show_images

        return show_images(model, inputs, asked)
