"""Runs a kernel's source as Kaggle does, standard library only: a script, or a notebook's code cells in turn."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def run(source: Path, packages: str) -> None:
    """Execute the source as the main module, with the packages that the image holds."""
    sys.path.append(packages)
    text = source.read_text(encoding="utf-8")
    cells = [text]
    if source.suffix == ".ipynb":
        cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    space = sys.modules["__main__"].__dict__
    for number, cell in enumerate(cells, 1):
        exec(compile(cell, f"{source.name} cell {number}", "exec", dont_inherit=True), space)


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2])
