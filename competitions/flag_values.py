"""What flags were given, judged before anything else reads it: one sentence for a value that does not fit."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from competitions.registry import unknown
from pipelines.stops import UsageError

NUMBERS = {int: "a whole number", float: "a number"}


def refuse_values(arguments: Sequence[str], kinds: Mapping[str, Any], prog: str) -> None:
    """Refuse values that do not fit their flag's type, flags without one, and words that belong to no flag."""
    left = list(arguments)
    while left:
        argument = left.pop(0)
        flag, equals, value = argument.partition("=")
        kind = kinds.get(flag.replace("_", "-"))
        if kind is None:
            raise UsageError(f"{prog}: expected flags only, got {argument!r}; `{prog} --help` lists them")
        if kind is not bool:
            if not equals and (not left or left[0].startswith("--")):
                raise UsageError(f"{flag}: expected {_wanted(kind)} after it, got nothing; `{prog} --help` explains it")
            refuse_value(flag, value if equals else left.pop(0), kind)
        elif equals:
            raise UsageError(f"{flag}: expected no value, got {value!r}; leave it out")


def refuse_value(flag: str, value: str, kind: Any) -> None:
    """Refuse a value that does not fit its flag's type."""
    if typing.get_origin(kind) is Literal and not _fits(value, kind):
        raise UsageError(f"{flag}: {unknown(value, [*map(str, typing.get_args(kind))], 'value')}")
    if not _fits(value, kind):
        raise UsageError(f"{flag}: expected {_wanted(kind)}, got {value!r}")


def _fits(value: str, kind: Any) -> bool:
    if typing.get_origin(kind) is Literal:
        return value in map(str, typing.get_args(kind))
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(kind))
    if kind is types.NoneType:
        return value == "None"
    try:
        return kind not in NUMBERS or kind(value) is not None
    except ValueError:
        return False


def _wanted(kind: Any) -> str:
    """What a flag of this type takes, in words."""
    if typing.get_origin(kind) is Literal:
        choices = [*map(str, typing.get_args(kind))]
        return f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(_wanted(part) for part in typing.get_args(kind) if part is not types.NoneType)
    return NUMBERS.get(kind, "a value")
