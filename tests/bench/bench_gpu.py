"""Training on a GPU from the cache: throughput as a share of resident tensors, beside timm's and fastai's loaders.

Skips where there is no card. BENCH_DEVICE=cpu runs all of it small, to see that it works.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from features.augment import Augment
from features.batches import Batches, Normalise
from features.cache import Cache
from pipelines.report import Report
from pipelines.training.device import choose_precision
from pipelines.training.losses import ClassLoss
from pipelines.training.networks import Backbone
from pipelines.training.optimisers import make_optimiser
from pipelines.training.settings import NetworkSettings
from pipelines.training.step import Stepper
from tests.bench.bench_images import PEERS, PHOTOS, READING, RECIPE, take_photos
from tests.bench.harness import Result
from tests.bench.image_peers import MEAN, STD

DEVICE = os.environ.get("BENCH_DEVICE", "cuda")
SMALL = DEVICE == "cpu"
MODELS = ("test_resnet",) if SMALL else ("resnet50", "convnext_tiny")
SIDE, BATCH, CLASSES = (32, 8, 2) if SMALL else (224, 128, 2)
STEPS, WARM = (4, 1) if SMALL else (60, 15)
WORKERS = min(16, os.cpu_count() or 2)

Stream = Iterable[tuple[torch.Tensor, torch.Tensor]]


def stepper(model: str) -> Stepper:
    """A network on the device, ready for steps in the device's best format."""
    precision = choose_precision(DEVICE, "auto")
    network = Backbone(model=model, outputs=CLASSES, size=SIDE).build("none", 0).to(precision.device)
    network = network.to(memory_format=torch.channels_last)
    settings = NetworkSettings(batch=BATCH)
    return Stepper(network, ClassLoss(), make_optimiser(network, settings), settings, precision, print)


def rate(model: str, stream: Stream) -> float:
    """Images per second of training steps on a stream of at least WARM + STEPS batches."""
    steps = stepper(model)
    start, count = 0.0, 0
    for number, (inputs, targets) in enumerate(stream):
        if number == WARM:
            wait()
            start = time.perf_counter()
        steps.take(inputs, targets, 1.0, number)
        count += len(inputs) if number >= WARM else 0
        if number == WARM + STEPS - 1:
            break
    wait()
    return count / (time.perf_counter() - start)


def wait() -> None:
    """Until the card has done all it was given."""
    if DEVICE != "cpu":
        torch.cuda.synchronize()


def labels(count: int) -> torch.Tensor:
    """One-hot targets on the device."""
    return torch.nn.functional.one_hot(torch.arange(count, device=DEVICE) % CLASSES, CLASSES).float()


def resident() -> Stream:
    """The same batch of random pixels, on the device already."""
    inputs = torch.randn(BATCH, 3, SIDE, SIDE, device=DEVICE).to(memory_format=torch.channels_last)
    targets = labels(BATCH)
    while True:
        yield inputs, targets


def cached(folder: Path, kept: Path) -> Stream:
    """Photos from this project's cache, augmented by threads, normalised on the device."""
    paths = sorted(folder.rglob("*.jpg"))
    images = Cache(folder=kept, mode="disk", workers=WORKERS).images(paths, READING)
    batches = Batches(
        images=images,
        ids=pd.Index([path.stem for path in paths]),
        augment=Augment(RECIPE, SIDE, SIDE),
        batch=BATCH,
        workers=WORKERS,
        drop_last=True,
        pin=DEVICE != "cpu",
    )
    normalise = Normalise(MEAN, STD, DEVICE, channels_last=True)
    for number in range(10**6):
        for batch in batches.epoch(number):
            yield normalise(batch.images), labels(len(batch.images))


def timm_batches(folder: Path) -> Stream:
    """timm's create_loader with its prefetcher and the same ranges, decoding each photo at every use."""
    from timm.data import ImageDataset, create_loader

    loader: Any = create_loader(
        ImageDataset(str(folder)),
        (3, SIDE, SIDE),
        BATCH,
        is_training=True,
        num_workers=WORKERS,
        scale=(0.08, 1.0),
        hflip=0.5,
        color_jitter=0.4,
        mean=MEAN,
        std=STD,
        device=torch.device(DEVICE),
        persistent_workers=True,
    )
    while True:
        for inputs, _ in loader:
            yield inputs.contiguous(memory_format=torch.channels_last), labels(len(inputs))


def peak() -> float:
    """GB of the card's memory that tensors took at most since the last call."""
    if DEVICE == "cpu":
        return math.nan
    most = torch.cuda.max_memory_allocated() / 1e9
    torch.cuda.reset_peak_memory_stats()
    return most


def five_folds(folder: Path, kept: Path, model: str) -> float:
    """Seconds of five folds of two epochs by the corridor, on a toy competition of these photos."""
    from folds.plan import FoldPlan
    from pipelines.corridor import run_competition
    from pipelines.options import Options
    from tests.photos import photo_competition, write_photos

    write_photos(folder, rows=200)
    competition = photo_competition(kept, model=model, network=None, weights="none", size=SIDE, device=DEVICE)
    learner: Any = replace(competition.learner, epochs=2, batch=32, precision="auto", rate=1e-3)  # type: ignore[type-var]
    plan = FoldPlan(kind="stratified", n=5, stratify="red")
    start = time.perf_counter()
    run_competition(
        replace(competition, learner=learner, plan=plan),
        Options(data=folder, runs=kept / "runs", audit=False),
        Report(quiet=True),
    )
    return time.perf_counter() - start


def fastai_rate(folder: Path, model: str) -> float:
    """Images per second of fastai's own training, in its environment; nan where there is none."""
    if not PEERS.exists():
        return math.nan
    command = [str(PEERS), str(Path(__file__).with_name("fastai_gpu.py")), str(folder), model, str(BATCH), str(WORKERS)]
    done = subprocess.run(command, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])) if done.returncode == 0 else math.nan


def results() -> Iterator[Result]:
    """A line for each network and what feeds it."""
    if DEVICE != "cpu" and not torch.cuda.is_available():
        yield Result("gpu_cache_share", math.nan, "x", note="skipped: no CUDA card here")
        return
    card = "CPU" if DEVICE == "cpu" else torch.cuda.get_device_name()
    with tempfile.TemporaryDirectory() as kept:
        folder, store = Path(kept) / "photos", Path(kept) / "cache"
        take_photos(folder, 100 if SMALL else PHOTOS)
        for model in MODELS:
            yield from compared(
                model, card, {"cache": lambda: cached(folder, store), "timm": lambda: timm_batches(folder)}
            )
            if not math.isnan(theirs := fastai_rate(folder, model)):
                yield Result(f"gpu_{model}_fastai", theirs, "images/s")
            seconds = five_folds(Path(kept) / f"files-{model}", Path(kept) / model, model)
            yield Result(
                f"gpu_{model}_five_folds", seconds, "s", note="2 epochs of 200 small photos, start to submission"
            )


def compared(model: str, card: str, feeds: dict[str, Callable[[], Stream]]) -> Iterator[Result]:
    """Throughput from each feed as a share of resident tensors."""
    peak()
    top = rate(model, resident())
    yield Result(f"gpu_{model}_resident", top, "images/s", note=f"{card}, {peak():.1f} GB")
    for name, feed in feeds.items():
        floor = ">=0.9" if name == "cache" and not SMALL else ""
        reached = rate(model, feed())
        yield Result(
            f"gpu_{model}_{name}_share", reached / top, "x", floor, note=f"{reached:.0f} images/s, {peak():.1f} GB"
        )


if __name__ == "__main__":
    for line in results():
        print(line, file=sys.stdout, flush=True)
