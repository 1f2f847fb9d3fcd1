"""Entries whose truth is a number or several, and entries of which only a score is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipelines.contract import Choice, Metric
from pipelines.explain.chart import Chart
from pipelines.explain.scatter import histogram_chart, numbers_chart
from pipelines.explain.seam import Towards
from pipelines.explain.words import paired, said_of
from pipelines.metrics.terms import UndefinedScore


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers, truth and prediction (entries, targets) each."""

    truth: np.ndarray
    prediction: np.ndarray
    names: Sequence[str]

    @property
    def unit(self) -> str:
        """What errors measures."""
        return "absolute error" if len(self.names) == 1 else "mean absolute error, in standard deviations of the truth"

    @cached_property
    def distances(self) -> np.ndarray:
        """Absolute errors (entries, targets), of several targets in units of each one's spread."""
        distances = np.abs(self.prediction - self.truth)
        spread = self.truth.std(axis=0) if len(self.names) > 1 else np.ones(1)
        return np.asarray(distances / np.where(spread > 0, spread, 1))

    @cached_property
    def errors(self) -> np.ndarray:
        """The mean distance of an entry's targets."""
        return np.asarray(self.distances.mean(axis=1))

    def wrong(self, place: int) -> str:
        """How wrong one entry is, in words."""
        off = f"{self.errors[place]:.3g}"
        return f"off by {off}" if len(self.names) == 1 else f"off by {off} standard deviations"

    def cells(self, places: np.ndarray) -> Mapping[str, np.ndarray]:
        """Truth and prediction of each target, and the error."""
        return {**paired(self.names, self.truth[places], self.prediction[places]), "error": self.errors[places]}

    def said(self, place: int) -> str:
        """The targets that are most wrong."""
        return said_of(self.names, self.truth[place], self.prediction[place], self.distances[place])

    def towards(self, place: int) -> list[Towards]:
        """The target that is most wrong, both ways: a low prediction may have nothing that pushes it up."""
        worst = int(self.distances[place].argmax())
        name = self.names[worst]
        return [Towards(worst, f"pushes {name} up"), Towards(worst, f"pushes {name} down", against=True)]

    def charts(self) -> list[Chart]:
        """Predictions over truth, and what is left."""
        return [numbers_chart(self.truth, self.prediction, self.names)]


@dataclass(frozen=True, eq=False)
class Scored:
    """Entries of which a run keeps what the metric needs and no values, as of maps: each has a score of its own."""

    kept: np.ndarray
    metric: Metric
    choice: Choice

    @property
    def unit(self) -> str:
        """What errors measures."""
        return self.metric.name

    @cached_property
    def scores(self) -> np.ndarray:
        """The score of each entry alone, (entries,); nan where one row has none."""
        return np.array([self._score(place) for place in range(len(self.kept))])

    def _score(self, place: int) -> float:
        try:
            return self.metric.combine(self.kept[place : place + 1], self.choice, None)
        except UndefinedScore:
            return float("nan")

    @cached_property
    def errors(self) -> np.ndarray:
        """The scores, turned so that larger is worse."""
        return -self.scores if self.metric.higher_is_better else self.scores

    def wrong(self, place: int) -> str:
        """How wrong one entry is, in words."""
        return f"{self.metric.name} {self.scores[place]:.4f}"

    def cells(self, places: np.ndarray) -> Mapping[str, np.ndarray]:
        """The scores."""
        return {self.metric.name: self.scores[places]}

    def said(self, place: int) -> str:
        """Nothing: a map has no word for it."""
        return ""

    def towards(self, place: int) -> list[Towards]:
        """None: a map is looked at as a whole."""
        return []

    def charts(self) -> list[Chart]:
        """How the rows' scores spread."""
        return [histogram_chart(self.scores, self.metric.name)]
