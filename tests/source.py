"""The project's own source, parsed once for the tests that judge its shape."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("folds", "features", "submissions", "pipelines", "competitions")


@functools.cache
def sources() -> dict[str, ast.Module]:
    """Every module of the five packages by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def path_of(module: str) -> Path:
    """The file of a module."""
    plain = ROOT / (module.replace(".", "/") + ".py")
    return plain if plain.exists() else ROOT / module.replace(".", "/") / "__init__.py"


def imported(module: str) -> set[str]:
    """Every name a module imports, inside functions too; of `from a import b`, a and a.b."""
    names = set()
    for node in ast.walk(sources()[module]):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names
