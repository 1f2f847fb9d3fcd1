"""scikit-learn models in skops files: nothing pickled, and the same model is the same bytes."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo


def write_model(model: Any, path: Path) -> None:
    """Write a fitted model."""
    with _torch_spared():
        import skops.io

    path.write_bytes(_repeatable(skops.io.dumps(model)))


def read_model(path: Path, trusted: Sequence[str]) -> Any:
    """The model; only what skops knows and these types are ever made."""
    with _torch_spared():
        import skops.io

    strange = set(skops.io.get_untrusted_types(file=path)) - set(trusted)
    if strange:
        raise ValueError(
            f"{path}: expected a model made of {', '.join(trusted)}, got {', '.join(sorted(strange))} too; "
            "if you did not make this file, do not use it; otherwise train again"
        )
    return skops.io.load(path, trusted=list(trusted))


@contextmanager
def _torch_spared() -> Iterator[None]:
    """At its import skops lists scikit-learn's classes; that walk would import torch, seconds that nothing needs."""
    sys.meta_path.insert(0, finder := _NoTorch())
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _NoTorch(MetaPathFinder):
    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Fail for torch; leave the others to the next finder."""
        if fullname == "torch":
            raise ModuleNotFoundError("torch is not wanted here", name=fullname)


def _repeatable(stored: bytes) -> bytes:
    """The same archive with running numbers in place of memory addresses, and without times."""
    numbers: dict[str, int] = {}
    written = io.BytesIO()
    with ZipFile(io.BytesIO(stored)) as source, ZipFile(written, "w") as target:
        schema = _renumbered(json.loads(source.read("schema.json")), numbers)
        for name in sorted(source.namelist(), key=lambda name: numbers.get(Path(name).stem, -1)):
            content = json.dumps(schema).encode() if name == "schema.json" else source.read(name)
            target.writestr(ZipInfo(_file_name(name, numbers)), content)
    return written.getvalue()


def _renumbered(node: Any, numbers: dict[str, int]) -> Any:
    """The schema with each address replaced by its rank of appearance."""
    if isinstance(node, list):
        return [_renumbered(each, numbers) for each in node]
    if not isinstance(node, dict):
        return node
    changed: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__":
            changed[key] = numbers.setdefault(str(value), len(numbers))
        elif key == "file" and isinstance(value, str):
            numbers.setdefault(Path(value).stem, len(numbers))
            changed[key] = _file_name(value, numbers)
        else:
            changed[key] = _renumbered(value, numbers)
    return changed


def _file_name(name: str, numbers: dict[str, int]) -> str:
    stem, dot, suffix = name.partition(".")
    return f"{numbers.get(stem, stem)}{dot}{suffix}"
