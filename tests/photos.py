"""A toy competition of photos: red ones and blue ones, a network of its own, and the corridor in a child."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch

from folds.plan import FoldPlan
from pipelines.contract import Competition, Table, Targets
from pipelines.corridor import run_competition
from pipelines.learners.image import ImageLearner
from pipelines.learners.tasks import Binary
from pipelines.metrics import METRICS
from pipelines.options import Options
from pipelines.outcome import Outcome
from pipelines.report import Report
from tests.forking import kill_at

torch.set_num_threads(1)  # two threads on two busy cores wait for each other, and are no faster on a toy

SIDE = 12  # pixels
task = Binary()


def small_network(outputs: int, seed: int) -> torch.nn.Module:
    """Norms and dropout, as real ones have; any size of image."""
    torch.manual_seed(seed)
    layers = [torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Dropout(0.2)]
    return torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, outputs))


def plain_network(outputs: int, seed: int) -> torch.nn.Module:
    """No norm and no dropout: what several processes compute is what one computes; a weight has no part in it."""
    torch.manual_seed(seed)
    layers = [torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(4, outputs))
    network.register_parameter("idle", torch.nn.Parameter(torch.ones(3)))
    return network


def shades(rows: int, seed: int = 0) -> np.ndarray:
    """How red each photo is, 0..1."""
    return np.random.default_rng(seed).uniform(size=rows)


def write_photos(root: Path, rows: int = 40, test_rows: int = 12) -> None:
    """Photos, labels and a sample submission; a few labels are wrong."""
    reds = shades(rows + test_rows)
    ids = [f"photo{number:03}" for number in range(rows + test_rows)]
    draws = np.random.default_rng(1)
    for name, red in zip(ids, reds, strict=True):
        side = root / ("train" if name in ids[:rows] else "test")
        side.mkdir(parents=True, exist_ok=True)
        colour = np.array([1 - red, 0.4, red]) * 200  # BGR
        pixels = (colour + draws.normal(0, 25, (SIDE, SIDE + 4, 3))).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(side / f"{name}.png"), pixels)
    labels = (reds[:rows] + draws.normal(0, 0.1, rows) > 0.5).astype(int)
    pd.DataFrame({"id": ids[:rows], "red": labels}).to_csv(root / "train.csv", index=False)
    pd.DataFrame({"id": ids[rows:]}).to_csv(root / "test.csv", index=False)
    pd.DataFrame({"id": ids[rows:], "red": 0.5}).to_csv(root / "sample_submission.csv", index=False)


def load(root: Path) -> tuple[Table, Table]:
    """The rows, their photos as paths."""
    tables = []
    for side in ("train", "test"):
        table = pd.read_csv(root / f"{side}.csv", dtype={"id": "string"}).set_index("id")
        table.insert(0, "image", pd.Series([root / side / f"{name}.png" for name in table.index], table.index, object))
        tables.append(table)
    return tables[0], tables[1]


def photo_learner(folder: Path, **chosen: Any) -> ImageLearner:
    """A fit of a few milliseconds."""
    settings = {"network": small_network, "size": SIDE, "epochs": 3, "batch": 8, "rate": 0.05}
    if own := chosen.get("network", small_network):
        settings |= {"model": own.__name__, "weights": "none"}
    settings |= {
        "augment": "light",
        "views": "none",
        "device": "cpu",
        "precision": "fp32",
        "workers": 1,
        "cache_dir": folder,
    }
    return ImageLearner(**{**settings, **chosen})


def photo_competition(kept: Path, **chosen: Any) -> Competition:
    """Are they red?"""
    return Competition(
        name="photos",
        slug="photos",
        id="id",
        targets=("red",),
        load=load,
        truth=task.truth,
        plan=FoldPlan(kind="stratified", n=2, stratify="red"),
        metric=METRICS["auc"],
        learner=photo_learner(kept, **chosen),
        encode=task.encode_probability("red"),
        toy=write_photos,
    )


def run_photos(
    root: Path, runs: Path, options: dict[str, Any] | None = None, predict: bool = True, **chosen: Any
) -> Outcome:
    """The whole corridor on the photos in root."""
    competition = photo_competition(runs / "cache", **chosen)
    asked = Options(data=root, runs=runs, audit=False, **(options or {}))
    return run_competition(competition, asked, Report(quiet=bool(not os.environ.get("TALK"))), predict)


def photo_targets() -> Targets:
    """What a learner may know of the photos' targets."""
    return Targets(("red",), task.truth, METRICS["auc"])


def run_in_child(chatter: Path, root: Path, runs: Path, environment: dict[str, str], chosen: dict[str, Any]) -> None:
    """The corridor in a child of tests.forking, what it says in chatter, last the seconds of its own time.

    CPU_SECONDS in environment: it is killed once it has used so many.
    """
    os.environ.update(environment)
    if limit := environment.get("CPU_SECONDS"):
        kill_at(float(limit))
    with chatter.open("w") as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        competition = photo_competition(runs / "cache", **chosen)
        run_competition(competition, Options(data=root, runs=runs, audit=False), Report())
        print(time.process_time(), flush=True)
