"""What a learner may offer beside fit and load: to draw rows as its model sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pipelines.contract import Choice, Ids, Model, Values


@dataclass(frozen=True)
class Towards:
    """One output of a model that a row is asked about: what in it speaks for this output, or against it."""

    output: int  # a column of the values
    label: str
    against: bool = False


@dataclass(frozen=True, eq=False)
class Asked:
    """Rows to draw, and what is known of them."""

    ids: Ids
    truth: Values  # (rows, ...)
    prediction: Values | None  # (rows, ...) out of fold; None where a run keeps no values, as of maps
    choice: Choice  # what OOF decided
    towards: Sequence[Sequence[Towards]]  # (rows,): none where no output is a matter of its own


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of a row, uint8 (height, width, 3), and what it shows."""

    title: str
    pixels: np.ndarray


@dataclass(frozen=True, eq=False)
class Shown:
    """A row's panels, side by side, and a line on it where there is more to say."""

    panels: Sequence[Panel]
    note: str = ""


class Shows(Protocol):
    """A learner whose rows can be drawn."""

    @property
    def shown(self) -> str:
        """What the panels show, in a sentence or two."""

    def show(self, model: Model, inputs: Any, asked: Asked) -> list[Shown]:
        """The rows of one chunk of inputs as a model sees them; the model is left as it was."""
