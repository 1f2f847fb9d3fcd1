"""What of the installed packages a run's code imports and Kaggle's image lacks, found in the source, nothing run."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.kernels.image import in_image, plain
from pipelines.kernels.installed import needed, providers

ROOT = Path(__file__).parents[2]
PACKAGES = ("folds", "features", "submissions", "pipelines", "competitions")
SEVENZIP = "pipelines.kaggle.sevenzip"  # reached by every run, used by those whose raw files are 7z archives


def lacking(roots: Iterable[str], archives: bool) -> list[str]:
    """The distributions that code reachable from these modules imports and that the image lacks, with what they need.

    archives: whether there are 7z archives to unpack.
    """
    found: dict[str, None] = {}
    for name in sorted(outside(roots, () if archives else (SEVENZIP,))):
        holders = providers().get(name, [])
        if holders and not any(in_image(holder) for holder in holders):
            found |= dict.fromkeys(with_needs(plain(holders[0])))
    return list(found)


def with_needs(name: str) -> Iterator[str]:
    """A distribution and, of what it requires, all that is installed here and not in the image."""
    return needed([name], without=in_image)


def outside(roots: Iterable[str], without: Iterable[str] = ()) -> set[str]:
    """The top-level names, neither ours nor of the standard library, that code reachable from these modules imports."""
    waiting, seen, names = [*roots], {*without}, set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        for name in imports_of(module):
            top = name.split(".")[0]
            if top in PACKAGES:
                waiting += [each for each in _upward(name) if path_of(each) is not None]
            elif top not in sys.stdlib_module_names:
                names.add(top)
    return names


@functools.cache
def imports_of(module: str) -> frozenset[str]:
    """Every name that a module imports, inside functions too; not what only type checkers read."""
    path = path_of(module)
    names: set[str] = set()
    waiting: list[ast.AST] = [] if path is None else [ast.parse(path.read_text(encoding="utf-8"), str(path))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        waiting += ast.iter_child_nodes(node)
    return frozenset(names)


def path_of(module: str) -> Path | None:
    """The file of one of our modules."""
    base = ROOT / module.replace(".", "/")
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def modules_in(package: str) -> list[str]:
    """Every module in one of our packages, those loaded by name included."""
    folder = ROOT / package.replace(".", "/")
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(folder.rglob("*.py"))]


def _upward(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]
