"""What is predicted: truth of target cells, labels for an engine, values from what it gives, cells of a submission."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias

import numpy as np
import pandas as pd

from pipelines.contract import Choice, Table, Values
from pipelines.metrics.labels import above, likeliest
from pipelines.metrics.rounding import whole

Objective: TypeAlias = Literal["binary", "multiclass", "regression"]
Encode: TypeAlias = Callable[[Values, Choice], Mapping[str, np.ndarray]]


class Task(Protocol):
    """One kind of target."""

    objective: ClassVar[Objective]

    @property
    def classes(self) -> tuple[object, ...]:
        """The classes a label tells apart, in the order of their numbers; none for regression."""

    def truth(self, cells: Table) -> Values:
        """Target cells as values, (rows, ...)."""

    def labels(self, truth: Values) -> np.ndarray:
        """What engines learn, (rows, labels): one engine per column."""

    def values(self, raw: Sequence[np.ndarray]) -> Values:
        """Values shaped as truth from what the engines give, one array per label."""


@dataclass(frozen=True)
class Binary:
    """Yes or no, 1 or 0: truth (rows, 1), one column more for each further target; values are probabilities of 1."""

    objective: ClassVar[Objective] = "binary"
    classes: ClassVar[tuple[object, ...]] = (0, 1)

    def truth(self, cells: Table) -> Values:
        """Cells of 0 and 1 as uint8 (rows, targets)."""
        return np.stack([_numbers(cells[name], self.classes) for name in cells], axis=1).astype(np.uint8)

    def labels(self, truth: Values) -> np.ndarray:
        """Truth as it is."""
        return truth

    def values(self, raw: Sequence[np.ndarray]) -> Values:
        """Probabilities of 1, (rows, targets)."""
        return np.stack(raw, axis=1)

    def encode_probability(self, *names: str) -> Encode:
        """The probability of 1 under each target's name."""
        return _columns(names)

    def encode_label(self, *names: str) -> Encode:
        """1 where the probability reaches the choice (without one: 0.5), else 0."""

        def encode(values: Values, choice: Choice) -> Mapping[str, np.ndarray]:
            return _named(names, above(values, np.array([0.5]) if choice is None else choice))

        return encode


@dataclass(frozen=True)
class Multiclass:
    """One class of several, numbers or texts: truth one-hot (rows, classes), values are probabilities."""

    objective: ClassVar[Objective] = "multiclass"
    classes: tuple[int | str, ...]

    def __post_init__(self) -> None:
        if len(set(self.classes)) < max(2, len(self.classes)):
            raise ValueError(f"Multiclass: expected at least two classes, each once, got {self.classes}")

    def truth(self, cells: Table) -> Values:
        """One column of classes as one-hot uint8 (rows, classes)."""
        if cells.shape[1] != 1:
            raise ValueError(f"Multiclass: expected one target column, got {list(cells)}")
        truth = np.zeros((len(cells), len(self.classes)), np.uint8)
        truth[np.arange(len(cells)), _numbers(cells.iloc[:, 0], self.classes)] = 1
        return truth

    def labels(self, truth: Values) -> np.ndarray:
        """The class numbers, (rows, 1)."""
        return np.asarray(truth.argmax(axis=1))[:, None]

    def values(self, raw: Sequence[np.ndarray]) -> Values:
        """Probabilities (rows, classes)."""
        return raw[0]

    def encode_probability(self, *names: str) -> Encode:
        """Each class's probability under a column of its own; names follow the order of classes."""
        return _columns(names)

    def encode_label(self, name: str) -> Encode:
        """The likeliest class, each class's probability times the choice."""
        classes = np.array(self.classes, dtype=object if isinstance(self.classes[0], str) else None)

        def encode(values: Values, choice: Choice) -> Mapping[str, np.ndarray]:
            return {name: classes[likeliest(values, choice)]}

        return encode


@dataclass(frozen=True)
class Regression:
    """Numbers: truth (rows, targets); engines learn them through the link, one engine per target."""

    link: Literal["identity", "log", "log1p"] = "identity"
    objective: ClassVar[Objective] = "regression"
    classes: ClassVar[tuple[object, ...]] = ()

    def __post_init__(self) -> None:
        if self.link not in LINKS:
            raise ValueError(f"Regression: expected a link of {', '.join(LINKS)}, got {self.link!r}")

    def truth(self, cells: Table) -> Values:
        """Cells as float64 (rows, targets)."""
        for name in cells:
            if not pd.api.types.is_numeric_dtype(cells[name]):
                raise ValueError(f"target {name!r}: expected numbers, got {cells[name].dtype}, {_first(cells[name])}")
        truth = np.array(cells.to_numpy(dtype=np.float64, na_value=np.nan))
        lowest, wanted, _, _ = LINKS[self.link]
        bad = ~(np.isfinite(truth) & (truth > lowest))
        if bad.any():
            rows, column = np.flatnonzero(bad.any(axis=1)), int(np.flatnonzero(bad.any(axis=0))[0])
            raise ValueError(
                f"target {cells.columns[column]!r}: expected {wanted} in every row, got others in {len(rows)} rows, "
                f"{_first(cells.iloc[rows, column])}; correct or drop these rows in load"
            )
        return truth

    def labels(self, truth: Values) -> np.ndarray:
        """Truth through the link."""
        return np.asarray(LINKS[self.link][2](np.asarray(truth, np.float64)))

    def values(self, raw: Sequence[np.ndarray]) -> Values:
        """Predictions back through the link, (rows, targets)."""
        return np.asarray(LINKS[self.link][3](np.stack(raw, axis=1).astype(np.float64)))

    def encode_value(self, *names: str) -> Encode:
        """Each target's number, rounded where the choice says so."""

        def encode(values: Values, choice: Choice) -> Mapping[str, np.ndarray]:
            return _named(names, whole(values, choice))

        return encode

    def encode_whole(self, *names: str) -> Encode:
        """Each target as the nearest whole number."""
        return lambda values, choice: _named(names, np.rint(values).astype(np.int64))


# By link: truth must be above this, in words, into the link, and back.
LINKS: Mapping[str, tuple[float, str, Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]] = {
    "identity": (-np.inf, "a number", np.positive, np.positive),
    "log": (0.0, "a number above 0 (its logarithm is learned)", np.log, np.exp),
    "log1p": (np.nextafter(0.0, -1.0), "0 or more", np.log1p, lambda raw: np.maximum(np.expm1(raw), 0.0)),
}


def _numbers(column: pd.Series, classes: Sequence[object]) -> np.ndarray:
    """The number of each cell's class, (rows,)."""
    cells = column.astype(np.uint8) if column.dtype == bool else column  # True is 1
    numbers = pd.Index(classes).get_indexer(pd.Index(cells))
    strange = np.flatnonzero(numbers < 0)
    if len(strange):
        text = isinstance(column.iloc[strange[0]], str) and not isinstance(classes[0], str)
        why = " (the column is text, as some cell of it is no number)" if text else ""
        raise ValueError(
            f"target {column.name!r}: expected one of {', '.join(map(repr, classes))} in every row, got others in "
            f"{len(strange)} rows, {_first(column.iloc[strange])}{why}; correct or drop these rows in load, "
            "or declare the class"
        )
    return np.asarray(numbers)


def _first(cells: pd.Series) -> str:
    """The first ids and their cells."""
    return "first " + ", ".join(f"{id}: {cell!r}" for id, cell in cells.iloc[:3].items())


def _columns(names: Sequence[str]) -> Encode:
    return lambda values, choice: _named(names, values)


def _named(names: Sequence[str], values: np.ndarray) -> Mapping[str, np.ndarray]:
    if values.ndim != 2 or values.shape[1] != len(names):
        raise ValueError(
            f"encode: expected values (rows, {len(names)}) for {', '.join(names)}, got {values.shape}; "
            "name one column for each value"
        )
    return {name: values[:, number] for number, name in enumerate(names)}
