"""Another run's pictures of the same rows beside a run's own: what a setting changes in what a network sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipelines.contract import Model
from pipelines.explain.evidence import Evidence, gather
from pipelines.explain.rows import Drawn, draw
from pipelines.explain.seam import Panel, Shown
from pipelines.runfolder import RunFolder, read_json
from pipelines.settings import diff
from pipelines.stops import UsageError


@dataclass(frozen=True, eq=False)
class Beside:
    """Another run: its predictions, each fold's model, and what tells the first run from it in a word each."""

    evidence: Evidence
    model: Callable[[int], Model]
    names: tuple[str, str]

    def join(self, evidence: Evidence, places: np.ndarray, rows: Sequence[Drawn]) -> list[Drawn]:
        """The rows drawn of some entries, with the other run's panels beside their own."""
        first: dict[int, int] = {}
        for place, row in enumerate(self.evidence.entries.row.tolist()):
            first.setdefault(row, place)
        theirs = [first.get(row) for row in evidence.entries.row[places].tolist()]
        known = np.array([place for place in theirs if place is not None], dtype=int)
        drawn = dict(zip(known.tolist(), draw(self.evidence, known, self.model), strict=True))
        return [
            self._pair(row, None if place is None else drawn[place]) for row, place in zip(rows, theirs, strict=True)
        ]

    def _pair(self, row: Drawn, other: Drawn | None) -> Drawn:
        ours, theirs = self.names
        panels, said = _named(row, ours), f"{ours}: {row.said}"
        if other is None:
            return replace(row, said=f"{said} · {theirs}: not predicted", shown=Shown(panels, row.shown.note))
        shown = Shown([*panels, *_named(other, theirs)], row.shown.note)
        return replace(row, said=f"{said} · {theirs}: {other.said}", shown=shown)


def check_beside(one: RunFolder, other: RunFolder) -> None:
    """Refuse a run that did not see the same rows, before anything is loaded."""
    ours, theirs = read_json(one.record), read_json(other.record)
    if one.root.resolve() == other.root.resolve():
        raise UsageError(f"--beside: expected another run than the one explained, got {other.name} twice")
    for name in ("competition", "train"):
        if _told(ours[name]) != _told(theirs[name]):
            raise UsageError(
                f"--beside: expected a run on the same rows as {one.name}, got {other.name} of "
                f"{theirs['competition']} on training rows {_told(theirs['train'])}; name another run"
            )


def open_beside(first: RunFolder, other: RunFolder, evidence: Evidence, model: Callable[[int], Model]) -> Beside:
    """Another run's predictions of the same rows; evidence is that of the first, with the other's learner."""
    records = read_json(first.record), read_json(other.record)
    changed = diff(records[0]["settings"], records[1]["settings"])
    names = first.name, other.name
    if len(changed) == 1:
        field, *values = changed[0]
        names = f"{field} {values[0]}", f"{field} {values[1]}"
    return Beside(gather(other, records[1], evidence.competition, evidence.train), model, names)


def _named(row: Drawn, name: str) -> list[Panel]:
    return [replace(panel, title=f"{name}: {panel.title}") for panel in row.shown.panels]


def _told(part: Any) -> str:
    return str(part["fingerprint"])[:12] if isinstance(part, dict) else str(part)
