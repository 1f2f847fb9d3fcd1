"""The learner of masks: which pixels of an image belong to the thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.learners.mask_settings import MaskSettings
from pipelines.learners.pixel_learner import PixelLearner

if TYPE_CHECKING:
    from pipelines.learners.pixel_fit import Kind


@dataclass(frozen=True, kw_only=True)
class MaskLearner(MaskSettings, PixelLearner):
    """A network that draws each row's mask; its values are maps of probabilities at the size that it sees."""

    @property
    def kind(self) -> Kind[Any, Any]:
        """How training is made and its model read back."""
        from pipelines.learners.mask_fit import KIND

        return KIND
