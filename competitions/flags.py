"""Flags from typed dataclasses: the options of a command and the settings of a learner, read by tyro."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import inspect
import textwrap
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from competitions.flag_values import refuse_values
from pipelines.stops import UsageError

SIMPLE = (bool, int, float, str, Path, type(None))
BARE = {"--full": "beside", "--wandb": "auto"}  # what a flag means when no value follows


def flag_fields(of: Any) -> dict[str, Any]:
    """The fields of a dataclass that can be flags, with their types: numbers, texts, choices and lists of them."""
    kind = of if isinstance(of, type) else type(of)
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if _is_flag(hints[field.name])}


def parse(arguments: Sequence[str], prog: str, *sources: Any, about: str = "") -> list[Any]:
    """The sources (dataclass instances), each with what the flags give its fields; about: more for --help."""
    import tyro

    fields = {name: (source, kind) for source in sources for name, kind in flag_fields(source).items()}
    arguments = _completed(arguments)
    _refuse_unknown(arguments, list(fields), prog)
    refuse_values(arguments, _kinds(fields), prog)
    words = {name: text for source in sources for name, text in documentation(type(source)).items()}
    declared = [_declared(name, *each, words.get(name, "")) for name, each in fields.items()]
    shape = dataclasses.make_dataclass("Flags", declared, kw_only=True)
    flags: Any = tyro.cli(shape, args=list(arguments), prog=prog, description=about)
    values = {name: _value(name, getattr(flags, name), kind) for name, (_, kind) in fields.items()}
    return [_replaced(source, {name: values[name] for name in flag_fields(source)}) for source in sources]


def flags_in(arguments: Sequence[str]) -> list[str]:
    """The names of the fields that the flags among arguments set."""
    texts = [argument.split("=")[0][2:] for argument in arguments if argument.startswith("--") and len(argument) > 2]
    return [text.replace("-", "_").removeprefix("no_") for text in texts]


def documentation(kind: type) -> dict[str, str]:
    """One line per field: the text that stands under it in the class."""
    found: dict[str, str] = {}
    for each in filter(dataclasses.is_dataclass, reversed(kind.__mro__)):
        body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_text(text):
                found[field.target.id] = ast.literal_eval(text.value)  # type: ignore[attr-defined]  # _is_text
    return found


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_flag(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin is Literal:
        return True
    if origin in (typing.Union, types.UnionType):
        return all(_is_flag(part) for part in typing.get_args(hint))
    if origin is tuple:
        return typing.get_args(hint)[1:] == (Ellipsis,) and typing.get_args(hint)[0] in (int, float, str)
    return hint in SIMPLE


def _kinds(fields: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """The type of each flag's value by all that it may be called; bool: it takes none."""
    kinds: dict[str, Any] = {"-h": bool, "--help": bool}
    for name, (source, kind) in fields.items():
        flag = name.replace("_", "-")
        kinds |= {f"--{flag}": kind, **({f"--no-{flag}": bool} if kind is bool else {})}
        if short := _short(source, name):
            kinds[short] = kind
    return kinds


def _short(source: Any, name: str) -> str | None:
    found = {field.name: field.metadata.get("short") for field in dataclasses.fields(source)}
    return found[name]


def _declared(name: str, source: Any, kind: Any, words: str) -> tuple[str, Any, Any]:
    import tyro

    default = getattr(source, name)
    if typing.get_origin(kind) is tuple:
        default, kind = ",".join(map(str, default)), str
    short = _short(source, name)
    described = typing.Annotated[kind, tyro.conf.arg(help=words, aliases=[short] if short else None)]
    return name, described, dataclasses.field(default=default)


def _value(name: str, value: Any, kind: Any) -> Any:
    if typing.get_origin(kind) is not tuple:
        return value
    element = typing.get_args(kind)[0]
    try:
        return tuple(element(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        flag = name.replace("_", "-")
        raise UsageError(f"--{flag}: expected {element.__name__} values with commas between, got {value!r}") from None


def _replaced(source: Any, values: Mapping[str, Any]) -> Any:
    try:
        return dataclasses.replace(source, **values)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _completed(arguments: Sequence[str]) -> list[str]:
    whole: list[str] = []
    for place, argument in enumerate(arguments):
        following = [*arguments, "--"][place + 1]
        whole.append(argument)
        if argument in BARE and following.startswith("-"):
            whole.append(BARE[argument])
    return whole


def _refuse_unknown(arguments: Sequence[str], known: Sequence[str], prog: str) -> None:
    flags = {f"--{name.replace('_', '-')}" for name in known} | {"--help"}
    for argument in arguments:
        flag = argument.split("=")[0].replace("_", "-")
        plain = "--" + flag[5:] if flag.startswith("--no-") else flag
        if flag.startswith("--") and flag not in flags and plain not in flags:
            near = difflib.get_close_matches(flag, flags, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise UsageError(f"{prog}: unknown flag {flag}{hint}; known: {' '.join(sorted(flags))}")
