"""Training on a GPU from the cache: throughput as a share of resident tensors, beside timm's and fastai's loaders.

Skips where there is no card. BENCH_DEVICE=cpu runs all of it small, to see that it works.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from features.batches import Normalise
from pipelines.report import Report
from pipelines.training.device import choose_precision
from pipelines.training.losses import ClassLoss
from pipelines.training.networks import Backbone
from pipelines.training.optimisers import make_optimiser
from pipelines.training.settings import NetworkSettings
from pipelines.training.step import Stepper
from tests.bench.bench_images import PEERS, PHOTOS, cached_batches, measure, take_photos
from tests.bench.harness import Result
from tests.bench.image_peers import MEAN, STD, timm_made

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
    batches = cached_batches(paths, kept, SIDE, batch=BATCH, workers=WORKERS, pin=DEVICE != "cpu")
    normalise = Normalise(MEAN, STD, DEVICE, channels_last=True)
    for number in range(10**6):
        for batch in batches.epoch(number):
            yield normalise(batch.images), labels(len(batch.images))


def timm_batches(folder: Path) -> Stream:
    """timm's create_loader with the same operations and ranges, decoding each photo at every use.

    timm's train script is no part of its package: its loader feeds the same steps as the others.
    """
    loader = timm_made(folder, SIDE, BATCH, WORKERS, DEVICE)
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


def as_files(photos: Path, root: Path) -> int:
    """The photos as the raw files of a toy competition, a tenth of them to predict; how many there are."""
    paths = sorted(photos.rglob("*.jpg"))
    sides = {"train": [path for place, path in enumerate(paths) if place % 10], "test": paths[::10]}
    for name, chosen in sides.items():
        (root / name).mkdir(parents=True)
        for path in chosen:
            (root / name / f"{path.stem}.png").symlink_to(path)  # read by content, whatever the ending
        table = pd.DataFrame({"id": [path.stem for path in chosen]})
        labelled = table.assign(red=[int(path.parent.name == "invaded") for path in chosen])
        (labelled if name == "train" else table).to_csv(root / f"{name}.csv", index=False)
    table.assign(red=0.5).to_csv(root / "sample_submission.csv", index=False)
    return len(paths)


def five_folds(photos: Path, kept: Path, model: str) -> Result:
    """Five folds of two epochs by the corridor on these photos, from raw files to the submission."""
    from folds.plan import FoldPlan
    from pipelines.corridor import run_competition
    from pipelines.options import Options
    from tests.photos import photo_competition

    count = as_files(photos, kept / "files")
    competition = photo_competition(
        kept / "cache",
        model=model,
        network=None,
        weights="none",
        size=SIDE,
        device=DEVICE,
        workers=WORKERS,
        epochs=2,
        batch=64 if not SMALL else 8,
        precision="auto",
        rate=1e-3,
        augment="medium",
    )
    start = time.perf_counter()
    run_competition(
        replace(competition, plan=FoldPlan(kind="stratified", n=5, stratify="red")),
        Options(data=kept / "files", runs=kept / "runs", audit=False),
        Report(quiet=True),
    )
    note = f"2 epochs, {count} photos, the cache built in it, from files to submission; {peak():.1f} GB"
    return Result(f"gpu_{model}_five_folds", time.perf_counter() - start, "s", note=note)


def fastai_share(folder: Path, model: str, top: float) -> Result:
    """fastai's own training, in its environment, as a share of our resident tensors."""
    if SMALL or not PEERS.exists():
        why = "needs a card" if SMALL else f"no fastai in {PEERS}; run make bench-peers"
        return Result(f"gpu_{model}_fastai_share", math.nan, "x", note=f"skipped: {why}")
    (reached,) = measure([str(PEERS), "-m", "tests.bench.fastai_gpu", str(folder), model, str(BATCH), str(WORKERS)])
    return Result(f"gpu_{model}_fastai_share", reached / top, "x", note=f"{reached:.0f} images/s")


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
                model, card, folder, {"cache": lambda: cached(folder, store), "timm": lambda: timm_batches(folder)}
            )
            yield five_folds(folder, Path(kept) / model, model)


def compared(model: str, card: str, folder: Path, feeds: dict[str, Callable[[], Stream]]) -> Iterator[Result]:
    """Throughput from each feed as a share of resident tensors, which are measured before and after each."""
    peak()
    tops = [rate(model, resident())]
    yield Result(f"gpu_{model}_resident", tops[0], "images/s", note=f"{card}, {peak():.1f} GB")
    for name, feed in feeds.items():
        floor = ">=0.9" if name == "cache" and not SMALL else ""
        reached, most = rate(model, feed()), peak()
        tops.append(rate(model, resident()))
        share = reached / statistics.mean(tops[-2:])
        yield Result(f"gpu_{model}_{name}_share", share, "x", floor, note=f"{reached:.0f} images/s, {most:.1f} GB")
    yield fastai_share(folder, model, statistics.mean(tops))


if __name__ == "__main__":
    for line in results():
        print(line, file=sys.stdout, flush=True)
