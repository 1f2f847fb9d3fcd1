"""What the files of a run's folder say beside its curves: scores, worst errors, pictures, submissions, models."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.runfolder import RunFolder, read_json
from pipelines.tracking import client
from pipelines.tracking.lane import digest
from pipelines.tracking.rows import Row

SHOWN = ("score", "score_se", "fold_spread", "baseline", "seed_spread", "optimistic", "plain", "rows", "never")
ABOUT: tuple[str, ...] = ("competition", "run", "fingerprint", "settings", "seeds", "full", "limit", "experiment")
ABOUT += ("toy", "metric", "higher_is_better", "versions", "commit")

SLOWEST = 1_000_000  # bytes a second, of a network that is still waited for


def about(record: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run as W&B keeps them; no path of this machine."""
    shown = {name: record[name] for name in ABOUT if name in record}
    prints = {f"{name}_fingerprint": record[name]["fingerprint"] for name in ("folds", "train", "test")}
    return shown | prints | {"train_rows": record["train"]["rows"], "fold_recipe": record["folds"]["recipe"]}


def scores(record: Mapping[str, Any], submissions: list[dict[str, Any]]) -> dict[str, Any]:
    """A run's score with its spread and standard error, its baseline, and the latest leaderboard scores."""
    found = record.get("scores") or {}
    numbers = {name: found.get(name) for name in SHOWN}
    numbers |= {f"fold_score/{fold}": score for fold, score in enumerate(found.get("fold_scores", ()))}
    numbers |= dict(zip(("interval/low", "interval/high"), found.get("interval", ()), strict=False))
    for sent in submissions:
        numbers |= {name: sent[name] for name in ("public", "private") if sent[name] is not None}
    return {name: number for name, number in numbers.items() if _defined(number)}


def fits(folder: RunFolder, place: int | str, seeds: int) -> dict[str, Any]:
    """What the finished fits of a fold found and took."""
    numbers: dict[str, Any] = {}
    for seed, done in _done(folder, place, seeds):
        label = f"seed{seed}/" if seeds > 1 else ""
        numbers |= {f"{label}{name}": value for name, value in done["found"].items()}
        numbers[f"{label}seconds"] = done["seconds"]
    return numbers


def models(folder: RunFolder, place: int | str, seeds: int) -> list[tuple[Path, str]]:
    """The files of a fold's models, each with its name in an artifact."""
    found = []
    for seed, done in _done(folder, place, seeds):
        names = [name for name in done["files"] if not name.startswith("checkpoint")]
        found += [(folder.fit_root(place, seed) / name, f"seed{seed}/{name}") for name in names]
    return found


def upload_seconds(files: list[tuple[Path, str]]) -> float:
    """How long an upload of these files may take."""
    return sum(path.stat().st_size for path, _ in files) / SLOWEST


def submitted(folder: RunFolder) -> list[dict[str, Any]]:
    """What `podium submit` has told of this run's submissions, oldest first."""
    path = folder.tracking / "submissions.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def extras(folder: RunFolder, place: str) -> list[Row]:
    """Tables, pictures and submissions, a step each; what has changed since is another step."""
    found = [("table", path.name.removesuffix(".table.json"), path) for path in folder.tracking.glob("*.table.json")]
    found += [("picture", path.stem, path) for path in folder.pictures.glob("*.png")]
    rows = [
        Row(place, f"{kind}:{name}:{digest(path.read_bytes())}", partial(_table if kind == "table" else _picture, path))
        for kind, name, path in sorted(found)
    ]
    for sent in submitted(folder):
        numbers = {f"leaderboard/{name}": value for name, value in sent.items() if _defined(value)}
        key = f"submission:{digest(json.dumps(sent, sort_keys=True).encode())}"
        rows.append(Row(place, key, partial(dict, numbers)))
    return rows


def _done(folder: RunFolder, place: int | str, seeds: int) -> list[tuple[int, dict[str, Any]]]:
    paths = [(seed, folder.fit_root(place, seed) / "done.json") for seed in range(seeds)]
    return [(seed, read_json(path)) for seed, path in paths if path.exists()]


def _table(path: Path) -> dict[str, Any]:
    content = read_json(path)
    return {path.name.removesuffix(".table.json"): client.table(content["columns"], content["rows"])}


def _picture(path: Path) -> dict[str, Any]:
    return {f"pictures/{path.stem}": client.picture(path)}


def _defined(number: Any) -> bool:
    return number is not None and not (isinstance(number, float) and math.isnan(number))
