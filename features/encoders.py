"""Features fitted on training rows: what an encoder is, and the ones that come along; their state is plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from features.codes import Categories, FittedCategories
from features.imputer import LinearImputer
from features.means import TargetMean

__all__ = ["Categories", "Crossed", "Encoder", "Fitted", "FittedCategories", "LinearImputer", "TargetMean"]


class Fitted(Protocol):
    """What an encoder learned from the training rows."""

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with this feature; no row's value depends on the others."""

    def state(self) -> dict[str, Any]:
        """All it learned, as JSON."""


@runtime_checkable
class Crossed(Protocol):
    """A fitted feature made of targets: the rows it was fitted on get values that leave their own target out."""

    def apply_crossed(self, table: pd.DataFrame) -> pd.DataFrame:
        """The training rows with this feature."""


class Encoder(Protocol):
    """A feature that learns from training rows."""

    def fit(self, table: pd.DataFrame, values: np.ndarray) -> Fitted:
        """Learn from the training rows and their truth (rows, ...)."""

    def load(self, state: Mapping[str, Any]) -> Fitted:
        """What fit returned, from its state."""
