"""Columns that alone tell a target: the answer has slipped into the inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from folds.audit_columns import Excerpt, encode, rank, refers, whole_numbers
from folds.audit_report import Finding
from folds.audit_score import Aim, Parts, Score, aim_at, class_score, cross_score, quantity_score, read_column
from folds.store import TRAIN, VALID, Folds

PERFECT = 0.99  # AUC or R2 that hardly any honest column reaches
STRIKING = 0.9  # worth a word if no other column comes near
DULL = 0.8  # of a score that flatters: such a column is no finding of any kind
SHARES = 256  # of the rows, by a column's values
TIMES = 5  # how much smaller its error is than the next column's
ENOUGH = 1_500  # scored rows; more would only cost time
FITS = 400  # trees per target, or one for each column if there are more
LEAST = 5  # rows of the second class before a column that equals the target is no accident
COMPLETE = 0.99  # share of cells that a column needs for its order to be judged without the missing ones
NAMED = 5  # columns named in a sentence


def find_answers(train: pd.DataFrame, targets: Sequence[str], folds: Folds, excerpt: Excerpt) -> Iterator[Finding]:
    """Columns that almost perfectly tell a target of the validating rows, each alone; also the order of the rows."""
    ranks = excerpt.ranks[: len(excerpt.train)]
    columns = dict(zip(excerpt.names, ranks.T, strict=True))
    orders = _orders(train.index, excerpt.train)
    for target in targets:
        cells = train[target].iloc[excerpt.train]
        if refers(cells):
            continue
        known = np.flatnonzero(np.isfinite(encode([cells])[0]))
        aim = aim_at(cells.iloc[known])
        parts = _parts(folds.roles[excerpt.train[known]], FITS // max(len(columns), 1))
        if aim is None or not parts:
            continue
        yield from _in_columns({name: values[known] for name, values in columns.items()}, aim, parts)
        yield from _in_order({name: values[known] for name, values in orders.items()}, aim, parts)


def score_column(values: np.ndarray, aim: Aim, parts: Parts) -> Score:
    """How well ranks (rows,) tell the aim for rows not seen, by a small tree or by their order."""
    tree = cross_score(values[:, None], aim, parts, read_column)
    known = ~np.isnan(values)
    if aim.truth.shape[1] > 1 or known.mean() < COMPLETE:
        return tree
    order = _order_score(values[known], aim.truth[known], aim.classes)
    return max(tree, order, key=lambda score: score.low)


def _dull(values: np.ndarray, aim: Aim) -> Score | None:
    """What the means of equal shares of the rows tell of the aim, if that is so little that no tree need be asked.

    They have seen the rows they are scored on, so a tree that has not does hardly better.
    """
    known = ~np.isnan(values)
    shares = (pd.Series(values[known]).rank(method="first").to_numpy() * SHARES / (known.sum() + 1)).astype(int)
    places = np.full(len(values), SHARES)  # the missing ones are a share of their own
    places[known] = shares
    if aim.classes:
        score = class_score(aim.truth, _means(places, aim.truth))
    else:  # a few far values hide what the rest says, and their order what the few say
        seen = [aim.truth, rank(aim.truth[:, 0])[:, None]]
        score = max((quantity_score(each[:, 0], _means(places, each)[:, 0]) for each in seen), key=lambda it: it.value)
    return score if score.value < DULL else None


def _means(places: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The mean truth (rows, classes) of all rows that share a place with a row."""
    sizes = np.maximum(np.bincount(places, minlength=SHARES + 1), 1)
    sums = np.stack([np.bincount(places, column, SHARES + 1) for column in truth.T], axis=1)
    return np.asarray((sums / sizes[:, None])[places])


def _parts(roles: np.ndarray, most: int) -> Parts:
    """Positions of the two sides of the latest folds, until there are enough validating rows."""
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    scored = 0
    for fold in reversed(range(roles.shape[1])):
        if scored >= ENOUGH or len(parts) >= max(most, 1):
            break
        train, valid = np.flatnonzero(roles[:, fold] == TRAIN), np.flatnonzero(roles[:, fold] == VALID)
        if len(train) and len(valid):
            parts.append((train, valid))
            scored += len(valid)
    return parts


def _orders(ids: pd.Index, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The rows' position in the file, and their id where ids are numbers in another order."""
    orders = {"the row's position": rank(rows)}
    numbers = whole_numbers(ids[rows])
    if numbers is not None and not (np.diff(numbers) > 0).all():
        orders["the id"] = rank(numbers)
    return orders


def _in_columns(columns: Mapping[str, np.ndarray], aim: Aim, parts: Parts) -> Iterator[Finding]:
    """One finding for all columns that tell the aim, or one for a column that stands out."""
    scores = {name: _dull(values, aim) or score_column(values, aim, parts) for name, values in columns.items()}
    if (
        max((score.low for score in scores.values()), default=0) > STRIKING
    ):  # what it stands out from must not be flattered
        scores = {name: score_column(values, aim, parts) for name, values in columns.items()}
    best = sorted(scores, key=lambda name: -scores[name].low)
    same = [name for name in best if _one_to_one(columns[name], aim)]
    perfect = [name for name in best if scores[name].low > PERFECT or name in same]
    if perfect:
        listed = [_tell(name, columns[name], aim, parts, scores[name]) for name in perfect[:NAMED]]
        more = f" and {len(perfect) - NAMED} more" if len(perfect) > NAMED else ""
        yield Finding(
            kind="answer",
            serious=True,
            text=f"target {aim.name!r} can be read almost perfectly off one column alone: {', '.join(listed)}{more}; "
            "leave out in load what is known only with the answer",
            numbers={name: round(scores[name].value, 4) for name in perfect},
        )
    elif len(best) > 1 and _stands_out(scores[best[0]], scores[best[1]]):
        told = _tell(best[0], columns[best[0]], aim, parts, scores[best[0]])
        yield Finding(
            kind="answer",
            serious=False,
            text=f"target {aim.name!r} can be read far better off {told} than off any other column; make sure that it "
            "is known before the answer",
            numbers={name: round(scores[name].value, 4) for name in best[:2]},
        )


def _in_order(orders: Mapping[str, np.ndarray], aim: Aim, parts: Parts) -> Iterator[Finding]:
    """Notes only: no learner is given the order of the rows."""
    for name, values in orders.items():
        score = score_column(values, aim, parts)
        if score.low > STRIKING:
            yield Finding(
                kind="order",
                serious=False,
                text=f"{name} tells target {aim.name!r} ({aim.unit} {score.value:.4f}): the file is sorted by it or by "
                "time; make no column of it, and if rows next to each other are alike, use grouped folds or folds in "
                "time order",
                numbers={name: round(score.value, 4)},
            )


def _tell(name: str, values: np.ndarray, aim: Aim, parts: Parts, score: Score) -> str:
    """A column's name and how it tells the aim."""
    if _one_to_one(values, aim):
        return f"{name!r} (equals it but for the names of the values)"
    missing = np.isnan(values)
    if missing.any() and not missing.all():
        alone = score_column(missing.astype(np.float32), aim, parts)
        if alone.value > PERFECT:
            return f"{name!r} (by which of its cells are missing, {aim.unit} {alone.value:.4f})"
    return f"{name!r} ({aim.unit} {score.value:.4f}, 95 % interval {score.low:.4f} to {score.high:.4f})"


def _one_to_one(values: np.ndarray, aim: Aim) -> bool:
    """Whether each value of a column belongs to one class and each class to one value."""
    if aim.labels is None:
        return False
    rows = np.bincount(aim.labels)
    codes = pd.factorize(values, use_na_sentinel=False)[0]
    pairs = len(np.unique(codes * len(rows) + aim.labels))
    return bool(np.sort(rows)[-2] >= LEAST and codes.max() + 1 == pairs == len(rows))


def _order_score(values: np.ndarray, truth: np.ndarray, classes: bool) -> Score:
    """The score of a column taken as the prediction, up or down: it needs no fit, so all rows count."""
    if classes:
        return max((class_score(truth, sign * values[:, None]) for sign in (1, -1)), key=lambda score: score.value)
    ours, theirs = (pd.Series(side).rank().to_numpy() for side in (values, truth[:, 0]))
    if len(ours) < 2 or ours.std() == 0 or theirs.std() == 0:
        return Score(0.0, 0.0, 1.0)
    slope, start = np.polyfit(ours, theirs, 1)
    return quantity_score(theirs, slope * ours + start)


def _stands_out(first: Score, second: Score) -> bool:
    return first.low > STRIKING and (1 - second.value) > TIMES * (1 - first.low)
