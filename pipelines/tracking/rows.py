"""Lines of metrics.jsonl as steps of W&B runs: which run, under which names, and how a step is known again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipelines.tracking.mode import Grouping

WHERE = ("fold", "seed", "step")  # of a line of metrics.jsonl; the rest of it are numbers
CV, ONE = "cv", "run"  # the W&B runs that are no fold's: of the scores, and the only one


@dataclass(frozen=True)
class Row:
    """Something that takes a step of a W&B run."""

    place: str  # which of the W&B runs
    key: str
    content: Callable[[], Mapping[str, Any]]
    axis: str = ""  # the number in it that charts have below


@dataclass(frozen=True)
class Naming:
    """How the fits of a run are told apart in W&B."""

    grouping: Grouping
    seeds: int

    @property
    def whole(self) -> str:
        """The W&B run that scores, tables and pictures go to."""
        return ONE if self.grouping == "one" else CV

    def place(self, fold: str) -> str:
        """The W&B run of a fold's number, of `full`, or of a fold's baseline."""
        if self.grouping == "one":
            return ONE
        number = fold.removeprefix("baseline")
        return f"fold{number}" if number.isdigit() else fold

    def row(self, line: Mapping[str, Any]) -> Row:
        """One line of metrics.jsonl."""
        fold, seed, step = (line.get(name) for name in WHERE)
        numbers = {name: value for name, value in line.items() if name not in WHERE}
        prefix = self._prefix(str(fold), seed)
        named = {prefix + name: value for name, value in numbers.items()} | {f"{prefix}step": step}
        key = "/".join(map(str, (fold, seed, step, *sorted(numbers))))
        return Row(self.place(str(fold)), key, partial(dict, named), f"{prefix}step")

    def _prefix(self, fold: str, seed: Any) -> str:
        parts = []
        if self.grouping == "one":
            parts.append(f"fold{fold}" if fold.isdigit() else fold)
        elif fold.startswith("baseline"):
            parts.append("baseline")
        if self.seeds > 1 and not fold.startswith("baseline"):
            parts.append(f"seed{seed}")
        return "".join(f"{part}/" for part in parts)
