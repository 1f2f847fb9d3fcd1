"""The recipe of a split: which kind, how many, and what must stay together or in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "random", "stratified", "group", "stratified-group", "time", "blocked", "leave-groups-out", "given"
]
Span: TypeAlias = int | float | str  # of a time column: a number in its own unit, or a duration such as "28D"


@dataclass(frozen=True, kw_only=True)
class FoldPlan:
    """How rows are split into folds; columns are named, the train table holds them."""

    kind: Kind = "random"
    n: int = 5  # folds per repeat
    group: str | None = None  # rows of one group never span a fold's two sides
    stratify: str | None = None  # column whose values are spread evenly; a continuous one needs bins
    bins: int = 0  # quantile bins of stratify; 0: its values are classes
    time: str | None = None  # column that orders the rows (dates or numbers)
    gap: Span = 0  # left out between training and validation
    horizon: Span = 0  # length of a validation period; 0: the span divided evenly
    window: Span = 0  # length of the training period before it; 0: all of the past (expanding)
    leave: int = 1  # groups that validate at once, in every combination
    column: str | None = None  # kind "given": the column that holds each row's fold number, -1 trains only
    repeats: int = 1  # other seeds, the same recipe
    seed: int = 0
