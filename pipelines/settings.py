"""What a learner's settings are, as plain JSON for run.json and as a fingerprint."""

from __future__ import annotations

import ast
import enum
import functools
import hashlib
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from pipelines.contents import hash_file

ABSENT = "(absent)"


def settings(learner: object) -> dict[str, Any]:
    """The fields of a dataclass (or what makes a function that function) as JSON; compare=False marks no setting.

    A function counts by its name, the code of its module, and the values it closes over: editing it is another setting.
    """
    described = describe(learner, type(learner).__name__)
    if not isinstance(described, dict):
        raise ValueError(f"expected a learner or a function, got {learner!r}")
    return described


def settings_fingerprint(learner: object) -> str:
    """Hex digest of the settings."""
    return digest(json.dumps(settings(learner), sort_keys=True))


def diff(one: Mapping[str, Any], other: Mapping[str, Any], within: str = "") -> list[tuple[str, Any, Any]]:
    """The settings that differ, as (dotted field, one, other)."""
    found = []
    for name in dict.fromkeys([*one, *other]):
        pair = (one.get(name, ABSENT), other.get(name, ABSENT))
        if all(isinstance(value, Mapping) for value in pair):
            found += diff(*pair, f"{within}{name}.")
        elif json.dumps(pair[0], sort_keys=True) != json.dumps(pair[1], sort_keys=True):
            found.append((f"{within}{name}", *pair))
    return found


def describe(value: Any, name: str) -> Any:
    """A setting as JSON; name says where it stands, for the error about one that has no description."""
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return describe(value.tolist(), name)
    if isinstance(value, Path):
        return {"file": value.name, "content": hash_file(value)} if value.is_file() else value.as_posix()
    if isinstance(value, Mapping):
        return {str(key): describe(each, f"{name}[{key!r}]") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [describe(each, f"{name}[{place}]") for place, each in enumerate(value)]
    if isinstance(value, set | frozenset):
        return sorted((describe(each, name) for each in value), key=json.dumps)
    if is_dataclass(value) and not isinstance(value, type):
        return describe_fields(value, name)
    if callable(value):
        return describe_code(value, name)
    raise ValueError(
        f"{name}: expected a number, text, Path, enum, function, dataclass or a collection of these as a setting, got "
        f"{type(value).__qualname__}: make it one of them, or field(compare=False) if it decides no result"
    )


def describe_fields(value: Any, name: str) -> dict[str, Any]:
    """A dataclass by its class and fields; one that can be called also by the code that it runs."""
    code = {"code": code_of(type(value), name)} if callable(value) else {}
    kept = [field.name for field in fields(value) if field.compare]
    return (
        {"class": full_name(type(value))} | code | {key: describe(getattr(value, key), f"{name}.{key}") for key in kept}
    )


def describe_code(value: Any, name: str) -> dict[str, Any]:
    """A function or class by its name, its module's code, and what that code does not fix: values bound to it."""
    if isinstance(value, functools.partial):
        bound = {"arguments": describe(value.args, name), "keywords": describe(value.keywords, name)}
        return describe_code(value.func, name) | bound
    if isinstance(value, MethodType):
        return describe_code(value.__func__, name) | {"self": describe(value.__self__, f"{name}.__self__")}
    described: dict[str, Any] = {"name": full_name(value), "code": code_of(value, name)}
    if isinstance(value, FunctionType) and "<" in value.__qualname__:  # a lambda, or made within a function
        bound = {
            **inspect.getclosurevars(value).nonlocals,
            "defaults": value.__defaults__,
            "keywords": value.__kwdefaults__,
        }
        described["bound"] = {
            key: describe(each, f"{name} ({key})") for key, each in bound.items() if each is not value
        }
    return described


def full_name(value: Any) -> str:
    """The module and name of a function or class."""
    return f"{value.__module__}.{value.__qualname__}" if hasattr(value, "__qualname__") else f"{value!r}"


def code_of(value: Any, name: str) -> str | None:
    """The hash of the module that defines value (and of the lambda's own text), whatever its comments and layout."""
    try:
        tree = tree_of(sys.modules[value.__module__])
    except (OSError, TypeError, KeyError, AttributeError) as error:
        if isinstance(value, FunctionType):
            raise ValueError(
                f"{name}: expected a function from a module's file, got {full_name(value)}, whose code cannot be read: "
                "put it into a file"
            ) from error
        return None  # compiled: its name is all there is
    lambdas = [dump(node) for node in ast.walk(tree) if isinstance(node, ast.Lambda) and is_from(value, node)]
    return digest("\n".join([dump(tree), *lambdas]))


@functools.cache  # an edit while the program runs is not what it runs
def tree_of(module: ModuleType) -> ast.Module:
    """The syntax tree of a module's file."""
    return ast.parse(inspect.getsource(module))


def is_from(value: Any, node: ast.Lambda) -> bool:
    """Whether a function was made by this lambda: its instructions lie where the lambda's body does."""
    body = (node.body.lineno, node.body.end_lineno, node.body.col_offset, node.body.end_col_offset)
    return isinstance(value, FunctionType) and value.__name__ == "<lambda>" and body in value.__code__.co_positions()


def dump(node: Any) -> str:
    """A syntax tree as text that every Python version writes alike (some ast.dump show empty fields, some not)."""
    if isinstance(node, list):
        return f"[{', '.join(map(dump, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    shown = [f"{key}={dump(value)}" for key, value in ast.iter_fields(node) if value is not None and value != []]
    return f"{type(node).__name__}({', '.join(shown)})"


def digest(text: str) -> str:
    """Hash of a text, in hex."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
