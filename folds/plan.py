"""The recipe of a split: which kind, how many, and what must stay together or in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "random", "stratified", "group", "stratified-group", "time", "blocked", "leave-groups-out", "given"
]
Span: TypeAlias = int | float | str  # of a time column: a number in its own unit, or a duration such as "28D"


@dataclass(frozen=True, kw_only=True)
class FoldPlan:
    """How rows are split into folds; columns are named, the train table holds them."""

    kind: Kind = "random"
    """How rows are dealt out."""
    n: int = 5
    """Folds per repeat."""
    group: str | None = None
    """Column whose groups never span a fold's two sides."""
    groups: str = ""
    """A CSV of id and group, named on purpose: its groups do not span either, joined with group's."""
    stratify: str | None = None
    """Column whose values are spread evenly; a continuous one needs bins."""
    bins: int = 0
    """Quantile bins of stratify; 0: its values are classes."""
    time: str | None = None
    """Column that orders the rows (dates or numbers)."""
    gap: Span = 0
    """Left out between training and validation, as in 1D, or a number in the time column's unit."""
    horizon: Span = 0
    """Length of a validation period; 0: n + 1 periods of equal row counts, the first only trains."""
    window: Span = 0
    """Length of the training period before it; 0: all of the past (expanding)."""
    leave: int = 1
    """Groups that validate at once, in every combination."""
    column: str | None = None
    """Of kind given: the column that holds each row's fold number, -1 trains only."""
    repeats: int = 1
    """Other seeds, the same recipe."""
    seed: int = 0
    """What the drawing of rows derives from."""


COLUMN_FIELDS = ("group", "stratify", "time", "column")  # the fields that name a column

_DRAWN = ("n", "repeats", "seed")
_MEANING: dict[str, tuple[str, ...]] = {  # the fields that mean something, per kind
    "random": _DRAWN,
    "stratified": (*_DRAWN, "stratify", "bins"),
    "group": (*_DRAWN, "group", "groups"),
    "stratified-group": (*_DRAWN, "group", "groups", "stratify", "bins"),
    "time": ("n", "time", "gap", "horizon", "window"),
    "blocked": ("n", "time", "gap"),
    "leave-groups-out": ("group", "leave"),
    "given": ("column",),
}


def of_kind(plan: FoldPlan, kind: Kind) -> FoldPlan:
    """A plan of another kind, with those of a plan's fields that mean something for it."""
    return replace(FoldPlan(kind=kind), **{name: getattr(plan, name) for name in _MEANING[kind]})


def plan_of(recipe: Mapping[str, Any]) -> FoldPlan:
    """The plan that folds were made by, from their recipe."""
    strange = {*recipe} - {field.name for field in fields(FoldPlan)}
    if strange:
        raise ValueError(f"expected the recipe of a FoldPlan, got {', '.join(sorted(strange))} in it; make them anew")
    return FoldPlan(**recipe)


def check_plan(plan: FoldPlan) -> None:
    """Raise ValueError unless every field of the plan means something for its kind and is in range."""
    if plan.kind not in _MEANING:
        raise ValueError(f"expected FoldPlan.kind to be one of {', '.join(_MEANING)}, got {plan.kind!r}")
    meaning = _MEANING[plan.kind]
    for field in fields(plan):
        value = getattr(plan, field.name)
        if field.name not in ("kind", *meaning) and value != field.default:
            kinds = ", ".join(kind for kind, names in _MEANING.items() if field.name in names)
            raise ValueError(
                f"expected a plan of kind {plan.kind!r} without {field.name}, got {field.name}={value!r}; "
                f"leave it out, or choose a kind that uses it: {kinds}"
            )
        unnamed = field.name in COLUMN_FIELDS and field.name in meaning and not value
        if unnamed and not (field.name == "group" and plan.groups):
            raise ValueError(f"expected a plan of kind {plan.kind!r} to name the column of {field.name}, got {value!r}")
    _check_counts(plan)


def _check_counts(plan: FoldPlan) -> None:
    """Raise ValueError unless the plan's whole numbers are in range."""
    least = {"n": 1 if plan.kind == "time" else 2, "leave": 1, "repeats": 1, "seed": 0, "bins": 0}
    for name, low in least.items():
        value = getattr(plan, name)
        if not isinstance(value, int) or value < low:
            raise ValueError(f"expected FoldPlan.{name} to be a whole number of at least {low}, got {value!r}")
    if plan.bins == 1:
        raise ValueError("expected FoldPlan.bins to be 0 (the values are classes) or at least 2, got 1")
    if plan.seed + plan.repeats > 2**32:  # what scikit-learn takes as a seed
        raise ValueError(f"expected FoldPlan.seed below {2**32 - plan.repeats + 1}, got {plan.seed}")
