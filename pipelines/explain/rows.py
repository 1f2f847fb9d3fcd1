"""Single rows drawn: the worst, some in the middle and the best, each by the model of the fold that held it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.contract import Model, Table
from pipelines.explain.evidence import Evidence
from pipelines.explain.seam import Asked, Panel, Shown
from pipelines.stops import UsageError

SIDE = 224  # pixels of a picture that no learner draws
IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, eq=False)
class Drawn:
    """One entry's pictures, and what to write above them."""

    heading: str
    said: str
    shown: Shown


@dataclass(frozen=True)
class Choices:
    """Which entries to draw, by place: groups by name."""

    worst: np.ndarray
    middle: np.ndarray
    best: np.ndarray
    named: np.ndarray


def choose(evidence: Evidence, count: int, names: Sequence[str]) -> Choices:
    """The worst, and a quarter as many of the middle and the best; no row twice; beside them the rows named."""
    order = worst_first(evidence)
    _, first = np.unique(evidence.entries.row[order], return_index=True)
    order = order[np.sort(first)]
    count = max(1, min(count, len(order) // 2))
    few = max(1, count // 4)
    worst, rest = order[:count], order[count:]
    best, rest = rest[len(rest) - min(few, len(rest)) :][::-1], rest[: len(rest) - min(few, len(rest))]
    start = max(0, len(rest) // 2 - few // 2)
    return Choices(worst, rest[start : start + few], best, _named(evidence, names))


def worst_first(evidence: Evidence) -> np.ndarray:
    """The entries' places, the most wrong first; those of which it cannot be told come last."""
    errors = evidence.kind.errors
    return np.argsort(-np.where(np.isnan(errors), -np.inf, errors), kind="stable")


def _named(evidence: Evidence, names: Sequence[str]) -> np.ndarray:
    found = evidence.ids.get_indexer_for(list(names)) if len(names) else np.zeros(0, int)
    if (found < 0).any():
        absent = [name for name in names if name not in evidence.ids]
        raise UsageError(
            f"--rows: expected ids of rows that validated, got {', '.join(absent[:3])}; known are such as "
            f"{', '.join(map(str, evidence.ids[:3]))}"
        )
    return np.asarray(found)


def draws_rows(learner: Any, train: Table) -> bool:
    """Whether there is anything to draw: a learner that shows its rows, or files of images."""
    return hasattr(learner, "show") or image_column(train) is not None


def draw(evidence: Evidence, places: np.ndarray, model_of: Callable[[int], Model]) -> list[Drawn]:
    """The entries at these places, in their order; model_of gives a fold's own model."""
    drawn: dict[int, Drawn] = {}
    for fold in np.unique(evidence.entries.fold[places]):
        inside = places[evidence.entries.fold[places] == fold]
        for place, shown in zip(inside, _shown(evidence, inside, int(fold), model_of), strict=True):
            drawn[int(place)] = _written(evidence, int(place), shown)
    return [drawn[int(place)] for place in places]


def _written(evidence: Evidence, place: int, shown: Shown) -> Drawn:
    kind = evidence.kind
    # the id last: where there is no room for all, only the end of a long id is cut, which worst.csv has whole
    heading = f"{kind.wrong(place)} · fold {evidence.entries.fold[place]} · {evidence.ids[place]}"
    return Drawn(heading, " · ".join(text for text in (kind.said(place), shown.note) if text), shown)


def _shown(evidence: Evidence, places: np.ndarray, fold: int, model_of: Callable[[int], Model]) -> list[Shown]:
    """Entries of one fold as its model sees them, or their files where the learner shows nothing."""
    learner: Any = evidence.competition.learner
    table = evidence.train.iloc[evidence.entries.row[places]]
    if not hasattr(learner, "show"):
        return [Shown([Panel("the image", pixels)]) for pixels in files_of(table)]
    asked, model = _asked(evidence, places, table), model_of(fold)
    found: dict[int, Shown] = {}
    for ids, inputs in learner.inputs(table):
        here = table.index.get_indexer(ids)
        found |= dict(zip(here.tolist(), learner.show(model, inputs, _part(asked, here)), strict=True))
    return [found[place] for place in range(len(table))]


def _asked(evidence: Evidence, places: np.ndarray, table: Table) -> Asked:
    prediction = evidence.arrays.get("prediction")
    return Asked(
        ids=table.index,
        truth=evidence.targets.values(table),
        prediction=None if prediction is None else prediction[places],
        choice=evidence.choice,
        towards=[evidence.kind.towards(int(place)) for place in places],
    )


def _part(asked: Asked, here: np.ndarray) -> Asked:
    """What is asked of some of the rows."""
    return replace(
        asked,
        ids=asked.ids[here],
        truth=asked.truth[here],
        prediction=None if asked.prediction is None else asked.prediction[here],
        towards=[asked.towards[place] for place in here],
    )


def image_column(table: Table) -> str | None:
    """The first column whose cells are paths of images."""
    first = table.iloc[0] if len(table) else {}
    for name, cell in first.items():
        if isinstance(cell, Path) and cell.suffix.lower() in IMAGES:
            return str(name)
    return None


def files_of(table: Table) -> Iterator[np.ndarray]:
    """The rows' image files, whole and small, uint8 (height, width, 3)."""
    from features.decode import read
    from features.reading import Reading

    reading = Reading(height=SIDE, width=SIDE, fit="letterbox")
    column = image_column(table)
    return (read(path, reading) for path in (table[column] if column else ()))
