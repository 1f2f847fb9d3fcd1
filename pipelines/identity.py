"""What makes a run this run: settings, seed, folds and training data; nothing else starts another."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from folds.store import Folds
from pipelines.contract import Competition
from pipelines.learners.constant import ConstantLearner
from pipelines.loading import Tables
from pipelines.options import Options
from pipelines.settings import settings

RECORDED = ("podium", "numpy", "pandas", "pyarrow", "scikit-learn", "lightgbm", "torch", "timm", "albumentations")


@dataclass(frozen=True)
class Identity:
    """The recorded settings of a run and the fingerprint of all that decides its bytes."""

    settings: dict[str, Any]
    parts: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """Hex; another one is another run."""
        return hashlib.sha256(json.dumps(self.parts, sort_keys=True).encode()).hexdigest()


def identify(competition: Competition, options: Options, tables: Tables, folds: Folds) -> Identity:
    """The identity of the run that this command means."""
    recorded = settings(competition.learner)
    parts = {
        "competition": competition.name,
        "learner": recorded,
        "truth": settings(competition.truth),
        "baseline": settings(competition.baseline or ConstantLearner()),
        "metric": competition.metric.name,
        "seeds": options.seeds,
        "full": options.full,
        "limit": len(folds.ids) if options.limit else 0,
        "folds": folds.fingerprint,
        "train": tables.train_fingerprint,
    }
    return Identity(recorded, parts)


def versions() -> dict[str, str]:
    """Python's version and those of the libraries that decide results, read without importing them."""
    found = {"python": platform.python_version()}
    for name in RECORDED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def threads() -> int | None:
    """How many threads PyTorch computes with, which decides a sum's last bits; None where it took no part."""
    torch = sys.modules.get("torch")
    return None if torch is None else int(torch.get_num_threads())


def git_commit() -> str:
    """The commit this code is at, with a plus sign when files were changed since; empty outside git."""
    here = Path(__file__).parent
    asked = [["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain", "--untracked-files=no"]]
    try:
        commit, changed = (subprocess.run(each, cwd=here, capture_output=True, text=True, timeout=10) for each in asked)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if commit.returncode:
        return ""
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "")
