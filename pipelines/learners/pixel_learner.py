"""What learners of pixels offer, whatever their networks make of them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.contract import Model, Out, Table, Targets
from pipelines.learners.pixel_settings import PixelSettings

if TYPE_CHECKING:
    from pipelines.learners.pixel_fit import Kind, Task
    from pipelines.training.finder import Curve


@dataclass(frozen=True, kw_only=True)
class PixelLearner(PixelSettings):
    """Fits, loads and tries out; what is fitted is of its kind, which waits for torch."""

    @property
    @abstractmethod
    def kind(self) -> Kind[Any, Any]:
        """How training is made and its model read back."""

    def fit(self, train: Table, valid: Table | None, targets: Targets, out: Out) -> Model:
        """Train on, from the checkpoint where there is one, and keep the network that predicts."""
        made: Model = self.kind.fit(self._task(train, valid, targets, out))
        return made

    def load(self, out: Out) -> Model:
        """The model that fit left in out."""
        made: Model = self.kind.load(self, out.folder)
        return made

    def provisional(self, out: Out) -> Model | None:
        """The best model that a stopped fit has so far; None before its first checkpoint."""
        made: Model | None = self.kind.provisional(self, out)
        return made

    def rows_in(self, seconds: float, train: Table, targets: Targets, out: Out) -> int:
        """How many training rows an epoch of about so many seconds takes, by timing a few steps."""
        from pipelines.learners.pixel_probe import rows_in
        from pipelines.training.device import free_memory

        rows = rows_in(self.kind, self._task(train, None, targets, out), seconds)
        free_memory()  # the folds may be trained by other processes, on the same card
        return rows

    def find_rate(self, train: Table, targets: Targets, out: Out) -> Curve:
        """The losses of a short training whose learning rate rises, and a rate to use."""
        from pipelines.learners.pixel_probe import find_rate

        return find_rate(self.kind, self._task(train, None, targets, out))

    def _task(self, train: Table, valid: Table | None, targets: Targets, out: Out) -> Task[Any]:
        from pipelines.learners.pixel_fit import Task

        return Task(self, train, valid, targets, out)
