"""Honest OOF scores: folds pooled, choices made on other folds, and how far another draw of rows would move them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pandas as pd

from pipelines.contract import Choice, Metric
from pipelines.metrics.terms import UndefinedScore

CONFIDENCE = 0.95  # of the intervals
MOST, FEWEST = 400, 40  # resamples at 10,000 entries and fewer, at 500,000 and more; a power of the entries between
LOST = 0.1  # share of resamples without a score (one class only) above which their spread says nothing


@dataclass(frozen=True, eq=False)
class Entries:
    """Where OOF values come from: one entry for each validated row, fold and repeat; parallel arrays (entries,)."""

    row: np.ndarray  # number of the row in the train table
    fold: np.ndarray
    repeat: np.ndarray
    rows: int  # of the train table

    def __post_init__(self) -> None:
        lengths = (len(self.row), len(self.fold), len(self.repeat))
        if len(set(lengths)) > 1:
            raise ValueError(f"expected row, fold and repeat of one length, got lengths {lengths}; give one per entry")
        wrong = self.row[(self.row < 0) | (self.row >= self.rows)]
        if len(wrong):
            raise ValueError(
                f"expected row numbers from 0 to {self.rows - 1}, got {len(wrong)} others (first: "
                f"{wrong[:5].tolist()}); look up the OOF ids in the train table they come from"
            )

    def parts(self) -> list[np.ndarray]:
        """The entries of each fold, by repeat, then fold."""
        places = pd.DataFrame({"repeat": self.repeat, "fold": self.fold}).groupby(["repeat", "fold"]).indices
        return [places[key] for key in sorted(places)]

    def elsewhere(self, part: np.ndarray) -> np.ndarray:
        """A mask (entries,) of the same repeat's entries whose rows do not validate in this part."""
        inside = np.zeros(self.rows, bool)
        inside[self.row[part]] = True
        mask: np.ndarray = (self.repeat == self.repeat[part[0]]) & ~inside[self.row]
        return mask


def row_groups(arrays: Mapping[str, np.ndarray], entries: Entries) -> np.ndarray | None:
    """The group of each row of the train table, (rows,), -1 without entries, as predictions carry it; None: none do."""
    if "group" not in arrays:
        return None
    groups = np.full(entries.rows, -1, np.int64)
    groups[entries.row] = arrays["group"][:, 0]
    return groups


@dataclass(frozen=True)
class Score:
    """What a run is worth on the rows that validated, and how sure that is."""

    value: float  # folds of a repeat pooled, repeats averaged
    se: float  # standard error of value over another draw of rows (or groups); nan: too few to tell
    interval: tuple[float, float]  # 95 % of value, never beyond the best score
    fold_scores: tuple[float, ...]  # by repeat, then fold, each with the other folds' choice; nan: undefined there
    fold_spread: float  # standard deviation of fold_scores; nan: fewer than two
    choice: Choice = field(compare=False)  # made on all entries, for the test rows
    optimistic: float | None  # value if that choice is used on the rows it was made on; None without a choice
    rows: int  # that validated
    never: int  # rows that did not


@dataclass(frozen=True)
class Comparison:
    """One run against another on the same rows."""

    difference: float  # score of the first less that of the other
    se: float  # of the difference over another draw of rows (or groups), the same draw for both
    interval: tuple[float, float]  # 95 % of difference
    better: float  # share of resamples in which the first is better, ties counting half
    real: bool  # whether the interval leaves 0 out

    @property
    def verdict(self) -> str:
        """Whether the difference is more than the luck of the rows."""
        return "real" if self.real else "inside the noise"

    def __str__(self) -> str:
        return (
            f"{self.difference:+.6g} (standard error {self.se:.2g}), "
            f"better in {self.better:.0%} of resamples: {self.verdict}"
        )


@dataclass(frozen=True, eq=False)
class _Pool:
    """All entries of one repeat, and the unit (row or group) each is drawn with."""

    kept: np.ndarray
    choices: Choice
    unit: np.ndarray


_Side: TypeAlias = Sequence[_Pool]  # one run: a pool for each repeat


def score_oof(
    metric: Metric, kept: np.ndarray, entries: Entries, groups: np.ndarray | None = None, seed: int = 0
) -> Score:
    """The score of OOF entries, kept (entries, ...); groups (rows of the train table,) are resampled whole."""
    choices = honest_choices(metric, kept, entries)
    choice = None if choices is None else metric.choose(kept)
    unit, units = _units(entries, groups)
    side = _side(kept, choices, entries, unit)
    value = _pooled(metric, side)
    fold_scores = tuple(
        _defined(metric, _Pool(kept[part], None if choices is None else choices[part], unit[part]))
        for part in entries.parts()
    )
    defined = [score for score in fold_scores if not np.isnan(score)]
    se = _standard_error(_resampled(metric, [side], units, seed)[:, 0], units)
    low, high = _interval(value, se, units)
    validated = len(pd.unique(entries.row))
    return Score(
        value=value,
        se=se,
        interval=(low, min(high, metric.best)) if metric.higher_is_better else (max(low, metric.best), high),
        fold_scores=fold_scores,
        fold_spread=float(np.std(defined, ddof=1)) if len(defined) > 1 else float("nan"),
        choice=choice,
        optimistic=None if choice is None else _pooled(metric, _side(kept, _spread(choice, kept), entries, unit)),
        rows=validated,
        never=entries.rows - validated,
    )


def fold_errors(
    metric: Metric, kept: np.ndarray, entries: Entries, groups: np.ndarray | None = None, seed: int = 0
) -> tuple[float, ...]:
    """The standard error of each of Score.fold_scores over another draw of that fold's rows (or groups)."""
    choices = honest_choices(metric, kept, entries)
    unit, _ = _units(entries, groups)
    found = []
    for part in entries.parts():
        own, units = pd.factorize(unit[part])
        inside = Entries(entries.row[part], entries.fold[part], entries.repeat[part], entries.rows)
        side = _side(kept[part], None if choices is None else choices[part], inside, own)
        found.append(_standard_error(_resampled(metric, [side], len(units), seed)[:, 0], len(units)))
    return tuple(found)


def compare(
    metric: Metric,
    kept: np.ndarray,
    other: np.ndarray,
    entries: Entries,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> Comparison:
    """Whether one run beats another: both kept (entries, ...) of the same folds, resampled as pairs."""
    unit, units = _units(entries, groups)
    sides = [_side(each, honest_choices(metric, each, entries), entries, unit) for each in (kept, other)]
    difference = _pooled(metric, sides[0]) - _pooled(metric, sides[1])
    scores = _resampled(metric, sides, units, seed)
    differences = scores[:, 0] - scores[:, 1]
    se = _standard_error(differences, units)
    low, high = _interval(difference, se, units)
    sign = 1 if metric.higher_is_better else -1
    known = sign * differences[~np.isnan(differences)]
    better = float(np.mean((np.sign(known) + 1) / 2)) if len(known) else float("nan")
    return Comparison(difference, se, (low, high), better, real=low > 0 or high < 0)


def honest_choices(metric: Metric, kept: np.ndarray, entries: Entries) -> Choice:
    """Each entry's choice (entries, c), made on the rows of the other folds of its repeat; None without a choice."""
    if len(kept) != len(entries.row) or not len(kept):
        raise ValueError(
            f"{metric.name}: expected one or more kept rows, one for each of the {len(entries.row)} OOF entries, got "
            f"{len(kept)}; score predictions and entries of the same folds"
        )
    neutral = metric.choose(kept[:0])  # what a metric chooses when it knows nothing; also what a single fold gets
    if neutral is None:
        return None
    choices = np.empty((len(kept), len(neutral)), neutral.dtype)
    for part in entries.parts():
        choices[part] = metric.choose(kept[entries.elsewhere(part)])
    return choices


def plain_score(metric: Metric, kept: np.ndarray, entries: Entries) -> float:
    """Score.value alone, without the resamples that its error takes."""
    unit = np.zeros(len(kept), np.int64)
    return _pooled(metric, _side(kept, honest_choices(metric, kept, entries), entries, unit))


def neutral_score(metric: Metric, kept: np.ndarray, entries: Entries) -> float | None:
    """The score with the choice of a metric that knows nothing, such as a threshold of 0.5; None without a choice."""
    neutral = metric.choose(kept[:0])
    if neutral is None:
        return None
    unit = np.zeros(len(kept), np.int64)
    return _pooled(metric, _side(kept, _spread(neutral, kept), entries, unit))


def _spread(choice: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return np.broadcast_to(choice, (len(kept), len(choice)))


def _units(entries: Entries, groups: np.ndarray | None) -> tuple[np.ndarray, int]:
    """Each entry's unit of resampling, numbered from 0, and how many there are: a row with all its entries, or a group.

    Only rows that validated make units, as only their score is estimated.
    """
    if groups is None:
        labels = entries.row
    elif len(groups) != entries.rows:
        raise ValueError(
            f"expected a group for each of the {entries.rows} rows of the train table, got {len(groups)}; give its "
            "group column"
        )
    else:
        labels = np.asarray(groups)[entries.row]
    unit, found = pd.factorize(labels)
    missing = entries.row[unit < 0]
    if len(missing):
        raise ValueError(
            f"expected a group for every row, got none for {len(missing)} entries (first rows: "
            f"{missing[:5].tolist()}); fill the group column"
        )
    return unit, len(found)


def _side(kept: np.ndarray, choices: Choice, entries: Entries, unit: np.ndarray) -> _Side:
    """One pool for each repeat."""
    side = []
    for repeat in sorted(pd.unique(entries.repeat)):
        positions = np.flatnonzero(entries.repeat == repeat)
        values = kept[positions]
        if values.ndim == 2 and values.shape[1] == 2:
            # (truth, prediction): in the order of the prediction, one column after the other, a metric of ranks
            # sorts once and not for each resample. No score depends on the order of rows.
            order = np.argsort(values[:, 1], kind="stable")
            values, positions = np.asfortranarray(values[order]), positions[order]
        side.append(_Pool(values, None if choices is None else choices[positions], unit[positions]))
    return side


def _pooled(metric: Metric, side: _Side, weights: np.ndarray | None = None) -> float:
    """The mean over repeats of the score of all entries, weights (units,)."""
    scores = [metric.combine(pool.kept, pool.choices, None if weights is None else weights[pool.unit]) for pool in side]
    return float(np.mean(scores))


def _defined(metric: Metric, pool: _Pool) -> float:
    """The score of one fold, nan when its rows have none."""
    try:
        return metric.combine(pool.kept, pool.choices, None)
    except UndefinedScore:
        return float("nan")


def _resampled(metric: Metric, sides: Sequence[_Side], units: int, seed: int) -> np.ndarray:
    """Scores (resamples, sides) of units drawn with replacement; nan where a draw has no score."""
    entries = sum(len(pool.unit) for pool in sides[0])
    power = np.log(MOST / FEWEST) / np.log(500_000 / 10_000)
    count = int(np.clip(MOST * (10_000 / entries) ** power, FEWEST, MOST))
    draws = np.random.default_rng(seed)
    scores = np.full((count, len(sides)), np.nan)
    for number in range(count):
        weights = np.bincount(draws.integers(units, size=units), minlength=units).astype(np.float64)
        try:
            scores[number] = [_pooled(metric, side, weights) for side in sides]
        except UndefinedScore:
            continue  # stays nan; _standard_error decides whether enough are left
    return scores


def _standard_error(scores: np.ndarray, units: int) -> float:
    """The spread of resampled scores, enlarged for few units; nan when it can't be told."""
    known = scores[~np.isnan(scores)]
    if units < 2 or len(known) < (1 - LOST) * len(scores):
        return float("nan")
    # A draw of n units varies by (n - 1) / n less than the units themselves do.
    return float(np.std(known, ddof=1) * np.sqrt(units / (units - 1)))


def _interval(value: float, se: float, units: int) -> tuple[float, float]:
    """Student's interval around a value, which stays honest for a handful of groups."""
    from scipy.special import stdtrit

    reach = se * float(stdtrit(max(units - 1, 1), (1 + CONFIDENCE) / 2))
    return value - reach, value + reach
