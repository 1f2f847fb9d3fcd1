"""Kinds of values, told by the arrays alone: yes or no, one class of several, or numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from pipelines.contract import Choice, Values
from pipelines.explain.amounts import Numbers
from pipelines.explain.chart import Chart
from pipelines.explain.labels import Classes, YesNo
from pipelines.explain.seam import Towards


class Kind(Protocol):
    """Entries of one kind: how wrong each is, and how to show it."""

    @property
    def unit(self) -> str:
        """What errors measures, in words."""

    @property
    def errors(self) -> np.ndarray:
        """How wrong each entry is, (entries,), larger is worse; nan: it cannot be told."""

    def wrong(self, place: int) -> str:
        """How wrong one entry is, in words."""

    def cells(self, places: np.ndarray) -> Mapping[str, np.ndarray]:
        """Columns of a table of these entries."""

    def said(self, place: int) -> str:
        """Truth and prediction of one entry, in a line."""

    def towards(self, place: int) -> list[Towards]:
        """The outputs that a model is asked about where it draws this entry."""

    def charts(self) -> list[Chart]:
        """Predictions against truth, over all entries."""


def kind_of(truth: Values, prediction: Values, names: Sequence[str], choice: Choice) -> Kind:
    """What truth and prediction (entries, columns) are; names of the columns."""
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    shares = bool(np.isin(truth, (0, 1)).all() and (prediction >= 0).all() and (prediction <= 1).all())
    if not shares:
        return Numbers(truth.astype(np.float64), prediction.astype(np.float64), names)
    alone = truth.shape[1] > 1 and bool((truth.sum(axis=1) == 1).all())
    return Classes(truth, prediction, names, choice) if alone else YesNo(truth, prediction, names, choice)
