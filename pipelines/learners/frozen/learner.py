"""The learner of frozen features: backbones that are only looked through, and a head that is fitted in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pandas as pd

from pipelines.contract import Chunks, Out, Table, Targets
from pipelines.learners.frozen.settings import FrozenSettings
from pipelines.report import Watcher

if TYPE_CHECKING:
    from pipelines.learners.frozen.model import FrozenModel


@dataclass(frozen=True, kw_only=True)
class FrozenLearner(FrozenSettings):
    """A head on what frozen backbones make of images; each image goes through each backbone once, for all runs."""

    def inputs(self, table: Table) -> Chunks:
        """Chunks of features, float32 (rows, width), out of the store or made now."""
        from pipelines.learners.frozen.features import chunks

        return chunks(self, table)

    def fit(self, train: Table, valid: Table | None, targets: Targets, out: Out) -> FrozenModel:
        """A head on the training rows' features; valid rows are not looked at."""
        from pipelines.learners.frozen.model import fit_frozen

        return fit_frozen(self, train, targets, out)

    def load(self, out: Out) -> FrozenModel:
        """The model that fit left in out."""
        from pipelines.learners.frozen.model import load_frozen

        return load_frozen(self, out.folder)

    def carry(self, folder: Path) -> list[Path]:
        """Write the backbones' weights into a folder, so that predicting needs no others."""
        from pipelines.learners.frozen.carrying import carry

        return carry(self, folder)

    def carried(self, folder: Path) -> Self:
        """The same learner with the weights that lie in a folder; it names those that do not."""
        from pipelines.learners.frozen.carrying import carried

        return carried(self, folder)

    def unreadable(self, train: Table, test: Table, watcher: Watcher) -> dict[Path, str]:
        """Why files cannot be read, for all that cannot."""
        from features.decode import scan
        from pipelines.learners.frozen.features import unseen
        from pipelines.learners.frozen.weights import require_backbones

        files = [] if self.open_images is not None else [*unseen(self, train), *unseen(self, test)]
        if files:  # they will go through the backbones
            require_backbones(self)
        return scan(files, self.workers, watcher.steps)

    def embed(self, train: Table, test: Table, watcher: Watcher) -> None:
        """Make all features that the store lacks, before anything is fitted."""
        from pipelines.learners.frozen.features import stored

        if self.cache == "disk":
            stored(self, pd.concat([train, test]), watcher)
