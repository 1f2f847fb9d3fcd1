"""What a kernel runs first, standard library only: finds its datasets and puts the code in them on the path."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

MARK = "bundle.json"  # lies in the dataset of the code


def find_dataset(inputs: Path, owner: str, slug: str) -> Path:
    """The folder of a dataset, in either layout that Kaggle has used."""
    for place in (f"datasets/{owner}/{slug}", slug, f"*/{slug}", f"*/*/{slug}"):
        for found in sorted(inputs.glob(place)):
            if found.is_dir():
                return found
    seen = ", ".join(sorted(path.name for path in inputs.glob("*"))) or "nothing"
    raise FileNotFoundError(f"expected the dataset {owner}/{slug} under {inputs}, got {seen}: add it to the kernel")


def put_on_path(wheels: Path, site: Path) -> None:
    """Unpack the wheels that fit this Python: no index is asked, and what is installed stays as it is."""
    here = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for wheel in sorted(wheels.glob("*.whl")):
        python, abi, _ = wheel.stem.split("-")[-3:]
        if {"py3", here} & {*python.split(".")} or abi == "abi3":
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
    sys.path.insert(0, str(site))


def open_bundle(inputs: Path, owner: str, code: str, carried: str) -> tuple[dict[str, Any], Path, Path]:
    """What the bundle says, the folder of what it carries (models, weights), and a folder for what need not stay."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it asks an index at its import
    scratch = Path(tempfile.mkdtemp(prefix="podium-"))
    wheels = find_dataset(inputs, owner, code)
    put_on_path(wheels, scratch / "site")
    content = json.loads((wheels / MARK).read_text(encoding="utf-8"))
    return content, find_dataset(inputs, owner, carried) if carried else wheels, scratch
