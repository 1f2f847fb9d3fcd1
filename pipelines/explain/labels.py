"""Entries whose truth is a label: yes or no, or one class of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipelines.contract import Choice
from pipelines.explain.calibration import calibration_chart
from pipelines.explain.chart import Chart
from pipelines.explain.confusion import Confusion, confusion_chart, count
from pipelines.explain.seam import Towards
from pipelines.explain.words import paired, said_of
from pipelines.metrics.labels import NEUTRAL, above, likeliest

TINY = 1e-15  # a probability of 0 is taken as this: its log loss stays a number


@dataclass(frozen=True, eq=False)
class YesNo:
    """Truth of 0 and 1 and probabilities of 1, (entries, targets) each."""

    truth: np.ndarray
    prediction: np.ndarray
    names: Sequence[str]
    choice: Choice
    unit: str = "log loss"

    @property
    def threshold(self) -> np.ndarray:
        """From where on a probability counts as yes, (targets,)."""
        fits = self.choice is not None and self.choice.shape in ((1,), (len(self.names),))
        return np.broadcast_to(self.choice if fits and self.choice is not None else NEUTRAL, len(self.names))

    @cached_property
    def losses(self) -> np.ndarray:
        """The log loss of each cell, (entries, targets)."""
        given = np.where(self.truth == 1, self.prediction, 1 - self.prediction)
        return np.asarray(-np.log(np.clip(given, TINY, 1)))

    @cached_property
    def errors(self) -> np.ndarray:
        """The mean log loss of an entry's targets."""
        return np.asarray(self.losses.mean(axis=1))

    def wrong(self, place: int) -> str:
        """How wrong one entry is, in words."""
        return f"log loss {self.errors[place]:.3g}"

    def cells(self, places: np.ndarray) -> Mapping[str, np.ndarray]:
        """Truth and probability of each target, and the error."""
        return {**paired(self.names, self.truth[places], self.prediction[places]), "error": self.errors[places]}

    def said(self, place: int) -> str:
        """The targets that are most wrong."""
        return said_of(self.names, self.truth[place], self.prediction[place], self.losses[place])

    def towards(self, place: int) -> list[Towards]:
        """The target that is most wrong, both ways: where it is predicted to be 0, nothing may speak for 1."""
        worst = int(self.losses[place].argmax())
        name = self.names[worst]
        return [Towards(worst, f"speaks for {name} = 1"), Towards(worst, f"speaks for {name} = 0", against=True)]

    def charts(self) -> list[Chart]:
        """Confusion at the threshold, and how far probabilities are frequencies."""
        said = above(self.prediction, self.threshold)
        at = "chosen on these predictions" if self.choice is not None else "the metric chooses none"
        matrices = [
            Confusion(
                f"{name} at {cut:.4g}" if len(self.names) > 1 else f"threshold {cut:.4g}, {at}",
                count(self.truth[:, column].astype(int), said[:, column].astype(int), 2),
                ("0", "1"),
            )
            for column, (name, cut) in enumerate(zip(self.names, self.threshold, strict=True))
        ]
        curves = {name: (self.prediction[:, column], self.truth[:, column]) for column, name in enumerate(self.names)}
        return [confusion_chart(matrices), calibration_chart(curves, "predicted probability", "share that is 1")]


@dataclass(frozen=True, eq=False)
class Classes:
    """One class of several: truth one-hot and probabilities, (entries, classes) each."""

    truth: np.ndarray
    prediction: np.ndarray
    names: Sequence[str]
    choice: Choice
    unit: str = "log loss"

    @cached_property
    def classes(self) -> np.ndarray:
        """The true classes' numbers, (entries,)."""
        return np.asarray(self.truth.argmax(axis=1))

    @cached_property
    def chosen(self) -> np.ndarray:
        """The predicted classes' numbers, (entries,)."""
        fits = self.choice is not None and self.choice.shape == (len(self.names),)
        return likeliest(self.prediction, self.choice if fits else None)

    @cached_property
    def shares(self) -> np.ndarray:
        """Probabilities that add up to 1, (entries, classes)."""
        return np.asarray(self.prediction / np.maximum(self.prediction.sum(axis=1, keepdims=True), TINY))

    @cached_property
    def errors(self) -> np.ndarray:
        """The log loss."""
        return np.asarray(-np.log(np.maximum(_taken(self.shares, self.classes), TINY)))

    def wrong(self, place: int) -> str:
        """How wrong one entry is, in words."""
        return f"log loss {self.errors[place]:.3g}"

    def cells(self, places: np.ndarray) -> Mapping[str, np.ndarray]:
        """The true and the predicted class, the probability of either, and the error."""
        names, shares = np.asarray(self.names, object), self.shares[places]
        true, chosen = self.classes[places], self.chosen[places]
        return {
            "truth": names[true],
            "prediction": names[chosen],
            "probability_of_truth": _taken(shares, true),
            "probability_of_prediction": _taken(shares, chosen),
            "error": self.errors[places],
        }

    def said(self, place: int) -> str:
        """Both classes, with their probabilities."""
        true, chosen, shares = self.classes[place], self.chosen[place], self.shares[place]
        said = f"truth {self.names[true]} · predicted {self.names[chosen]} ({shares[chosen]:.2g})"
        return said if true == chosen else f"{said}, truth got {shares[true]:.2g}"

    def towards(self, place: int) -> list[Towards]:
        """The predicted class and, where that is wrong, the true one."""
        true, chosen = int(self.classes[place]), int(self.chosen[place])
        asked = [Towards(chosen, f"speaks for {self.names[chosen]} (predicted)")]
        return asked if true == chosen else [*asked, Towards(true, f"speaks for {self.names[true]} (true)")]

    def charts(self) -> list[Chart]:
        """Confusion, and how often the predicted class is right."""
        chosen = self.chosen
        title = "likeliest class" if self.choice is None else "likeliest class, weighed as OOF chose"
        matrix = Confusion(title, count(self.classes, chosen, len(self.names)), tuple(self.names))
        curves = {"predicted class": (_taken(self.shares, chosen), (self.classes == chosen).astype(float))}
        words = ("probability of the predicted class", "share that is right")
        return [confusion_chart([matrix]), calibration_chart(curves, *words)]


def _taken(shares: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """One column's value of each row."""
    return np.asarray(np.take_along_axis(shares, columns[:, None], axis=1)[:, 0])
