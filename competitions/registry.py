"""The competitions that exist: a folder with a spec.py is one, and that is all there is to registering."""

from __future__ import annotations

import difflib
import importlib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pipelines.stops import UsageError

if TYPE_CHECKING:
    from pipelines.contract import Competition
    from pipelines.options import Options

HOME = Path(__file__).parent
FAULTS = (SyntaxError, ImportError, TypeError, NameError, AttributeError, LookupError, ValueError, OSError)


class SpecError(ValueError):
    """A competition's folder cannot be imported."""


@dataclass(frozen=True)
class Package:
    """One folder under competitions/: one competition, or a family of them."""

    name: str
    competitions: tuple[Competition, ...]
    unsupported: Mapping[str, str]  # name -> why not
    featured: tuple[str, ...]  # those the demo runs


def package_names() -> list[str]:
    """The folders that hold a spec.py, in order; nothing is imported."""
    return sorted(path.parent.name for path in HOME.glob("*/spec.py"))


def load_package(name: str) -> Package:
    """Import one folder's spec."""
    if name not in package_names():
        raise UsageError(unknown(name, package_names(), "competition"))
    try:
        return _package(name, importlib.import_module(f"competitions.{name}.spec"))
    except FAULTS as error:  # its author reads this; nobody else's competition may fall with it
        raise SpecError(
            f"{_place(error, name)}: expected code that can be imported, got {_what(error)}; mend it there"
        ) from error


def _place(error: Exception, name: str) -> str:
    """The line of a competition's folder at which importing it ended."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    inside = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent == HOME / name
    ]
    return f"{inside[-1].filename}, line {inside[-1].lineno}" if inside else str(HOME / name / "spec.py")


def _what(error: Exception) -> str:
    text = error.msg if isinstance(error, SyntaxError) else error
    return f"{type(error).__name__}: {text}"


def _package(name: str, spec: ModuleType) -> Package:
    declared = getattr(spec, "competitions", ()) or tuple(filter(None, [getattr(spec, "competition", None)]))
    if not declared:
        raise ValueError("no `competition = Competition(...)`, nor `competitions`, a tuple of several")
    featured = getattr(spec, "featured", tuple(each.name for each in declared))
    return Package(name, tuple(declared), getattr(spec, "unsupported", {}), tuple(featured))


def find_competition(name: str) -> Competition:
    """The competition of that name, or that Kaggle calls so; a family's bare name lists its members."""
    top = name.split("/")[0]
    if top not in package_names() and (found := next((each for each in sound()[0] if each.slug == name), None)):
        return found
    package = load_package(top)
    known = {each.name: each for each in package.competitions}
    if name in known:
        return known[name]
    if name in package.unsupported:
        raise UsageError(f"{name} is not supported: {package.unsupported[name]}")
    if name == package.name:
        listed = "\n  ".join([*known, *(f"{each} (not supported)" for each in package.unsupported)])
        raise UsageError(f"{name} is a family: name one of\n  {listed}")
    raise UsageError(unknown(name, [*known], "competition"))


def starting_learner(competition: Competition, early: Options) -> Any:
    """The learner whose fields the flags change: an experiment's, the small one for toy files, or the declared one."""
    if early.experiment:
        if early.experiment not in competition.experiments:
            raise UsageError(unknown(early.experiment, [*competition.experiments], "named experiment"))
        return competition.experiments[early.experiment]
    return competition.experiments.get("toy", competition.learner) if early.toy else competition.learner


def sound() -> tuple[list[Competition], dict[str, SpecError]]:
    """Every competition of every package, and by its name why a package cannot be imported."""
    found: list[Competition] = []
    faults: dict[str, SpecError] = {}
    for name in package_names():
        try:
            found += load_package(name).competitions
        except SpecError as error:
            faults[name] = error
    return found, faults


def unknown(name: str, known: list[str], what: str) -> str:
    """The sentence for a name that is not among the known."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"expected a {what}, got {name!r}{hint}; known: {', '.join(known) or 'none'}"
