"""What a kernel carries from here: models or weights, and what it must know of the run."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from folds.plan import plan_of
from folds.store import Folds
from pipelines.foldfile import fold_path
from pipelines.kernels.order import Order, Part

FOLDS = "folds.parquet"  # what a carried fold file is called in the kernel
KEPT = ("competition", "run", "fingerprint", "settings", "seeds", "full", "limit", "experiment", "toy", "commit")


def order_files(order: Order) -> Iterator[tuple[str, Path]]:
    """What the kernel carries: place within it -> file here."""
    for part in order.parts:
        check_part(part, order.train)
        kept = [] if order.train else [*part_files(part), *backbones(part, order)]
        yield from ((f"{order.place(part)}/{path.relative_to(part.run.root).as_posix()}", path) for path in kept)
        own = fold_file(part) if order.train else None
        yield from [] if own is None else [(FOLDS, own)]
    if order.weights is not None:
        files = [order.weights] if order.weights.is_file() else sorted(order.weights.rglob("*.safetensors"))
        if not files or any(path.suffix != ".safetensors" for path in files):
            got = ", ".join(path.name for path in files[:3]) or "nothing of the kind"
            raise ValueError(f"--weights {order.weights}: expected a .safetensors file or a folder of them, got {got}")
        top = order.weights.parent if order.weights.is_file() else order.weights
        yield from ((f"weights/{path.relative_to(top).as_posix()}", path) for path in files)


def check_part(part: Part, train: bool) -> None:
    """Refuse a run that a kernel could not repeat."""
    record = part.record
    if record["skipped"]["train"] or record["skipped"]["test"]:
        raise ValueError(
            f"{part.run.root}: expected a run on all files, got one with --skip-broken: a kernel meets Kaggle's files "
            "as they are; train without it"
        )
    if not train and not record["sources"]:
        raise ValueError(f"{part.run.root}: expected a run with a model, got none yet: train it, or --train")


def fold_file(part: Part) -> Path | None:
    """The fold file of a run on other folds than its competition's plan makes; None for a run on those."""
    told, folder = part.record["folds"], part.run.root.parent / "folds"
    path = fold_path(folder, plan_of(told["recipe"]))
    if path == fold_path(folder, part.competition.plan):
        return None
    found = Folds.load(path).fingerprint if path.is_file() else ""
    if not found or (found != told["fingerprint"] and not part.record["limit"]):  # limits take some rows of the file's
        raise ValueError(
            f"{path}: expected the fold file that {part.run.name} was trained on ({told['fingerprint'][:12]}), got "
            f"{found[:12] or 'none'}: copy the file that --fold-file named to there"
        )
    return path


def part_files(part: Part) -> Iterator[Path]:
    """The files of a run whose models predict."""
    for source in part.record["sources"]:
        kind, number = re.fullmatch(r"([a-z]+)(\d*)", str(source)).groups()  # type: ignore[union-attr]  # we wrote it
        places = {"baseline": f"fold{number}/baseline", "checkpoint": f"fold{number}"}
        folder = part.run.root / places.get(kind, str(source))
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and _model(path, folder, kind)]
        if not files:
            raise ValueError(f"{folder}: expected the models of {source}, got none: fit it with the run's own command")
        yield from files
    for fold in part.run.baselines:  # what a row without a readable file gets
        yield from sorted(path for path in (part.run.root / f"fold{fold}" / "baseline").iterdir() if path.is_file())


def backbones(part: Part, order: Order) -> list[Path]:
    """The weights that a learner needs to predict and its models do not hold, written beside the run."""
    learner: Any = part.competition.learner
    if order.weights is not None or not hasattr(learner, "carry") or learner.weights == "none":
        return []
    try:
        learner.carried(part.run.carried)
    except FileNotFoundError:
        learner.carry(part.run.carried)
    return sorted(part.run.carried.glob("*.safetensors"))


def _model(path: Path, folder: Path, kind: str) -> bool:
    if path.name.startswith("checkpoint"):
        return kind == "checkpoint"
    return kind == "baseline" or path.relative_to(folder).parts[0].startswith("seed")


def kept(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a kernel needs of a run's record; no path, no table, no text of this machine."""
    content = {name: record[name] for name in KEPT}
    weights = content["settings"].get("weights")
    if isinstance(weights, str) and "/" in weights:
        content["settings"] = content["settings"] | {"weights": Path(weights).name}
    scores = {"choice": record.get("scores", {}).get("choice")}
    folds = {name: record["folds"][name] for name in ("fingerprint", "recipe")}
    return content | {"sources": record["sources"], "scores": scores, "folds": folds, "skipped": {"test": []}}


def put(path: Path, target: Path) -> None:
    """A hard link where the disk can, else a copy: models may be gigabytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)
