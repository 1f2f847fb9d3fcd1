"""Find a run again by what a person types, and make of it what predicting needs, from its folder alone."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.contract import Competition, Learner
from pipelines.faults import shorten
from pipelines.predicting import Trained
from pipelines.runfolder import RunFolder, find_runs, read_json
from pipelines.settings import diff, settings
from pipelines.stops import UsageError


def find_run(text: str, runs: Path) -> RunFolder:
    """The run that a path, competition/run or a run's bare name means."""
    for root in (Path(text), runs / text, runs / "toy" / text):
        if (root / "run.json").exists():
            return RunFolder(root)
    every = run_roots(runs)
    found = [root for root in every if root.name == Path(text).name]
    if len(found) == 1:
        return RunFolder(found[0])
    if found:
        raise UsageError(
            f"expected one run, got {len(found)} named {text}: {', '.join(map(str, found))}; give its path"
        )
    known = [str(root.relative_to(runs)) for root in every]
    near = difflib.get_close_matches(Path(text).name, [Path(name).name for name in known], n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise UsageError(f"expected a run, got {text!r}{hint}; known under {runs}: {shorten(known, 20) or 'none'}")


def run_roots(runs: Path) -> list[Path]:
    """Every folder of a run; os.walk minds none that vanishes meanwhile, as live runs' drafts do."""
    return sorted(Path(folder) for folder, _, files in os.walk(runs) if "run.json" in files)


def found_at(record: Mapping[str, Any]) -> Path | None:
    """Where a run found its files, while they are still there."""
    known = Path(record.get("data", ""))
    return known if "data" in record and known.is_dir() else None


def is_blend(record: Mapping[str, Any]) -> bool:
    """Whether a record is that of a blend: it weighs runs, where a network's weights are a text."""
    return isinstance(record["settings"].get("weights"), Mapping)


def reopen(folder: RunFolder, competition: Competition, learner: Learner) -> Trained:
    """A run's models and choice; refuses when the code no longer makes the settings it was trained with."""
    record = read_json(folder.record)
    learner = restored(learner, record["settings"])
    changed = diff(record["settings"], settings(learner))
    if changed:
        listed = "; ".join(f"{name}: {one} -> {other}" for name, one, other in changed[:5])
        raise ValueError(
            f"{folder.root}: expected the code the run was trained with ({record.get('commit') or 'commit unknown'}), "
            f"got other settings: {listed}; train again, or go back to that commit"
        )
    if record["sources"] and "scores" not in record:
        raise ValueError(
            f"{folder.root}: expected a run that was scored, which is when it chooses, got one that was stopped "
            "before; the command that began it goes on"
        )
    choice = record.get("scores", {}).get("choice")
    return Trained(
        competition=competition.with_learner(learner),
        folder=folder,
        sources=tuple(record["sources"]),
        seeds=record["seeds"],
        choice=None if choice is None else np.asarray(choice, dtype=float),
        marks={"run": record["fingerprint"], "folds": record["folds"]["fingerprint"]},
        skipped=tuple(record["skipped"]["test"]),
    )


def restored(learner: Learner, recorded: Mapping[str, Any]) -> Learner:
    """The learner with the numbers, texts and lists that a run recorded."""
    values = {}
    for field in dataclasses.fields(learner):  # type: ignore[arg-type]  # a learner is a dataclass by contract
        value = recorded.get(field.name)
        if isinstance(value, list):
            value = tuple(value)
        if field.name in recorded and not isinstance(value, Mapping) and _simple(value, getattr(learner, field.name)):
            values[field.name] = value
    changed: Learner = dataclasses.replace(learner, **values)  # type: ignore[type-var]
    return changed


def _simple(value: Any, current: Any) -> bool:
    plain = (bool, int, float, str, type(None))
    if isinstance(value, tuple):
        return isinstance(current, tuple) and all(isinstance(each, plain) for each in (*value, *current))
    return isinstance(value, plain) and isinstance(current, plain)


def recorded(runs: Path, competition: str) -> list[tuple[RunFolder, dict[str, Any]]]:
    """A competition's runs and their records, oldest first."""
    found = []
    for folder in find_runs(runs, competition):
        with suppress(FileNotFoundError):  # deleted meanwhile
            found.append((folder, read_json(folder.record)))
    return found


def scored_runs(runs: Path, competition: str) -> list[tuple[RunFolder, dict[str, Any]]]:
    """The runs of a competition that have a score, with their records, oldest first."""
    return [(folder, record) for folder, record in recorded(runs, competition) if record.get("scores")]
