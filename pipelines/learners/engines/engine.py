"""What an engine is: it fits one label on a float32 matrix; and the settings that all engines read."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, get_args

import numpy as np

from pipelines.contract import Out
from pipelines.learners.tasks import Objective

# Rounds between two points of the logged curve, at most a tenth of those done: it has 45 points after 100 rounds and 90
# after 2,000. The last is logged too.
STEPS = tuple(one * ten for ten in (1000, 100, 10, 1) for one in (5, 2, 1))
TRAINING = 10  # rounds, and 5 points, between two looks at the training rows' loss, dearer than all of the curve
Name: TypeAlias = Literal["lightgbm", "xgboost", "catboost", "histgb", "linear"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How an engine fits; a setting that an engine does not know leaves it as it is."""

    model: Name = "lightgbm"
    """Engine: LightGBM, XGBoost, CatBoost, scikit-learn's HistGradientBoosting, or a regularised linear model."""
    rounds: int = 2000
    """Boosting rounds: the most, or with --patience 0 exactly as many."""
    patience: int = 100
    """Stop when the validation rows' loss has not improved for this many rounds; 0: never look at them."""
    rate: float = 0.05
    """Learning rate of a round."""
    leaves: int = 31
    """Most leaves of a tree (not catboost)."""
    depth: int = 0
    """Most levels of a tree; 0: no limit (catboost: 6)."""
    min_rows: int = 20
    """Fewest rows in a leaf (not catboost); linear: fewest rows for a category to get its own column."""
    subsample: float = 1.0
    """Share of the rows that each tree draws (not histgb)."""
    columns: float = 1.0
    """Share of the columns that each tree draws (histgb: each split)."""
    l1: float = 0.0
    """L1 penalty on leaves (lightgbm, xgboost)."""
    l2: float = 1.0
    """L2 penalty on leaves."""
    strength: float = 1.0
    """L2 penalty of the linear model, its columns scaled to unit variance."""
    param: tuple[str, ...] = ()
    """More settings, key=value, handed to the engine as they are."""
    threads: int = 0
    """CPU threads; 0: all."""
    seed: int = 0
    """What every random draw derives from."""

    def __post_init__(self) -> None:
        if self.model not in get_args(Name):
            raise ValueError(f"--model: expected one of {', '.join(get_args(Name))}, got {self.model!r}")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                limits = f"at least {low:g}" if high == np.inf else f"from {low:g} to {high:g}"
                raise ValueError(f"--{name.replace('_', '-')}: expected a number {limits}, got {value}")
        self.extra()

    def extra(self) -> dict[str, Any]:
        """The values of --param by key; a value that is no Python literal stays text."""
        found: dict[str, Any] = {}
        for each in self.param:
            key, equals, value = each.partition("=")
            if not (key.strip() and equals and value.strip()):
                raise ValueError(f"--param: expected key=value, got {each!r}")
            found[key.strip()] = _literal(value.strip())
        return found


TINY = 1e-9
RANGES = {
    "rounds": (1, np.inf),
    "patience": (0, np.inf),
    "rate": (TINY, np.inf),
    "leaves": (2, np.inf),
    "depth": (0, np.inf),
    "min_rows": (1, np.inf),
    "subsample": (TINY, 1),
    "columns": (TINY, 1),
    "l1": (0, np.inf),
    "l2": (0, np.inf),
    "strength": (TINY, np.inf),
    "threads": (0, np.inf),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True)
class Rows:
    """Rows to learn from or to stop by."""

    matrix: np.ndarray  # (rows, columns) float32, missing cells NaN
    label: np.ndarray  # (rows,)
    weight: np.ndarray | None = None  # (rows,)


@dataclass(frozen=True)
class Problem:
    """What one engine learns, and from which columns."""

    objective: Objective
    classes: int  # how many; 0 for regression
    columns: tuple[str, ...]
    categorical: tuple[int, ...]  # numbers of the columns that hold category codes


class Watch:
    """Progress of one fit, and its curve logged now and then: densely at first, then ever more rarely."""

    def __init__(self, out: Out, rounds: int, what: str, label: str = "") -> None:
        self.out, self.rounds, self.prefix = out, rounds, f"{label}_" if label else ""
        self.steps: Iterator[Any] = out.steps(range(rounds), rounds, f"{what} {label}".strip())

    def due(self, number: int) -> bool:
        """Count round `number` (from 1); whether its losses are to be logged."""
        next(self.steps, None)
        return number % _step(number) == 0 or number == self.rounds

    def due_in_training(self, number: int) -> bool:
        """Whether the training rows' losses of a round that is due are to be logged too."""
        return number % max(TRAINING, 5 * _step(number)) == 0 or number in (1, self.rounds)

    def log(self, number: int, losses: Mapping[str, float]) -> None:
        """Log the losses of one round, if there are any."""
        if losses:
            self.out.log(number, {self.prefix + name: float(loss) for name, loss in losses.items()})


def _step(number: int) -> int:
    return next((step for step in STEPS if 10 * step <= number), 1)


class Fitted(Protocol):
    """One fitted label."""

    @property
    def rounds(self) -> int:
        """Boosting rounds it uses; 0 when it has none."""

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """(rows, columns) -> (rows,): numbers or probabilities of 1; (rows, classes) for several classes."""

    def save(self, path: Path) -> None:
        """Write it to a file."""


class Engine(Protocol):
    """A module that fits."""

    SUFFIX: str

    def fit(self, train: Rows, valid: Rows | None, problem: Problem, settings: Settings, watch: Watch) -> Fitted:
        """Learn from train; stop by valid when there are such rows."""

    def load(self, path: Path, problem: Problem, threads: int) -> Fitted:
        """What save wrote."""


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(text, text)


def refuse(extra: Mapping[str, Any], flags: Mapping[str, str]) -> None:
    """Refuse engine settings that have a flag of their own, by the engine's names for them."""
    for key in extra:
        if key in flags:
            raise ValueError(f"--param {key}: expected a setting without a flag of its own, got one; use {flags[key]}")
