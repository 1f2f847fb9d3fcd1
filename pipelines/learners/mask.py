"""The learner of masks: which pixels of an image belong to the thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pipelines.learners.mask_settings import MaskSettings
from pipelines.learners.pixel_learner import PixelLearner

if TYPE_CHECKING:
    from pipelines.explain.seam import Asked, Shown
    from pipelines.learners.mask_model import MaskModel
    from pipelines.learners.pixel_fit import Kind


@dataclass(frozen=True, kw_only=True)
class MaskLearner(MaskSettings, PixelLearner):
    """A network that draws each row's mask; its values are maps of probabilities at the size that it sees."""

    shown: ClassVar[str] = (
        "The image as the network saw it, the mask, the map of probabilities by the network of the fold that held the "
        "row out (its first seed), and where both disagree at the threshold that OOF chose: red was missed, blue is "
        "too much. The border error is the share of pixels within 2 pixels of the mask's border that are wrong."
    )

    @property
    def kind(self) -> Kind[Any, Any]:
        """How training is made and its model read back."""
        from pipelines.learners.mask_fit import KIND

        return KIND

    def show(self, model: MaskModel, inputs: Any, asked: Asked) -> list[Shown]:
        """The rows of one chunk: image, mask, map and disagreement."""
        from pipelines.learners.mask_show import show_masks

        return show_masks(model, inputs, asked)
