"""Masks at Carvana's size: memory of 500 and 5,000 test images, the CPU's side of prediction, and the toy's Dice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.bench.harness import Result

FEW, MANY = 500, 5000
HEIGHT, WIDTH = 1280, 1918
SEEN = "512x768"
DRAWN = 12  # different test images, each under many names
TIMED = 120  # images of the CPU's side
ROUNDS = 3
LEARNED = ("--folds", "0,1", "--size", "96x144", "--epochs", "20", "--views", "flip")  # of the Dice


def write_files(root: Path, tests: int) -> None:
    """The toy's cars at full size: 5 to train on, and so many test images."""
    from competitions.carvana_masks import toy
    from submissions.rle import encode

    rng = np.random.default_rng(0)
    codes, views = {}, {}
    for name in ("00087a6bd4dc", "02159e548029", "0495dcf27283", "04f8c0a3ffb1", "0cdf5b5d0ce1"):
        for view, pair in toy.pictures(name, rng):
            pixels, mask = large(*pair, rng)
            toy.save(root / "train" / f"{view}.jpg", pixels)
            toy.save_mask(root / "train_masks" / f"{view}_mask.gif", mask)
            codes[f"{view}.jpg"] = encode(mask, "rows")
    drawn = root / "drawn"
    for number, (_, pair) in enumerate(toy.pictures("0004d4463b50", rng)[:DRAWN]):
        toy.save(drawn / f"{number}.jpg", large(*pair, rng)[0])
    (root / "test").mkdir()
    for number in range(tests):
        name = f"{number // 16:012x}_{number % 16 + 1:02}.jpg"
        os.link(drawn / f"{number % DRAWN}.jpg", root / "test" / name)
        views[name] = "1 1"
    os.link(drawn / "0.jpg", root / "29bb3ece3180_11.jpg")
    for name, rows in (("train_masks", codes), ("sample_submission", views)):
        toy.write(root / f"{name}.csv", {"img": list(rows), "rle_mask": list(rows.values())})
    cars = sorted({name[:12] for name in [*codes, *views]})
    toy.write(root / "metadata.csv", toy.described(cars))


def large(pixels: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A toy picture at Kaggle's size, with fine grain and a border as ragged as hand-drawn ones."""
    grown = cv2.resize(pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    grain = cv2.resize(rng.integers(0, 5, (HEIGHT // 4, WIDTH // 4, 3), np.uint8), (WIDTH, HEIGHT))
    soft = cv2.resize(mask * np.float32(1), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    ragged = cv2.resize(rng.normal(0, 0.12, (HEIGHT // 6, WIDTH // 6)).astype(np.float32), (WIDTH, HEIGHT))
    return cv2.add(grown, grain), (soft + ragged >= 0.5).astype(np.uint8)


def private_memory(pid: int) -> int:
    """Kilobytes of anonymous and shared memory of a process and its children, mapped files apart."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return total
    return total + sum(private_memory(int(each)) for each in children)


def podium(*arguments: object, peak: bool = False) -> float:
    """Run a command to its end; its peak private memory in MB where that is asked for."""
    command = [sys.executable, "-m", "competitions", *map(str, arguments), "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    most = 0
    while process.poll() is None:
        most = max(most, private_memory(process.pid)) if peak else 0
        time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"expected {command} to exit 0, got {process.returncode}")
    return most / 1024


def memory(folder: Path) -> Iterator[Result]:
    """Peak private memory of predicting MANY images over that of FEW, by a small network that is trained first."""
    tiny = ("--arch", "plain", "--weights", "none", "--width", 4, "--depth", 3, "--size", "96x144", "--rate", 0.02)
    runs = ("--runs", folder / "runs")
    peaks = {}
    for count in (FEW, MANY):
        write_files(folder / str(count), count)
        if count == FEW:
            podium("train", "carvana_masks", "--data", folder / "500", *runs, *tiny, "--epochs", 5, "--folds", 0)
        run = next((folder / "runs" / "carvana_masks").glob("*/run.json")).parent
        start = time.monotonic()
        peaks[count] = podium("predict", run, "--data", folder / str(count), *runs, peak=True)
        rate = count / (time.monotonic() - start)
    note = f"{MANY:,} images {peaks[MANY]:.0f} MB, {FEW} {peaks[FEW]:.0f} MB; {rate:.0f} images/s with a small network"
    yield Result("masks_memory", peaks[MANY] / peaks[FEW], "x", "<=1.05", note=note)


def cpu_side(folder: Path) -> dict[str, Any]:
    """CPU milliseconds an image of a bare decode and shrink, and of all that surrounds the model, part by part."""
    from competitions.carvana_masks.spec import competition
    from features.decode import read_mask
    from pipelines.learners.mask import MaskLearner
    from pipelines.metrics.masks import first_level, to_levels, to_size
    from submissions.rle import encode
    from submissions.sample import read_sample
    from submissions.stream import continue_submission

    cv2.setNumThreads(1)
    train, test = competition.load(folder)
    sample, rows = read_sample(folder / "sample_submission.csv"), test.iloc[:TIMED]
    learner = MaskLearner(size=SEEN, workers=0, cache="off", arch="plain", weights="none")
    shape = competition.shape
    assert shape is not None
    mask = read_mask(train["mask"].iloc[4]).astype(np.float32)
    soft = cv2.GaussianBlur(cv2.resize(mask, (768, 512), interpolation=cv2.INTER_AREA), (0, 0), 1)
    maps = [np.roll(soft, step, axis=1) for step in range(TIMED)]
    levels = [to_levels(each[None])[0] for each in maps]
    grown = [to_size(each, (HEIGHT, WIDTH)) for each in levels[:8]] * (TIMED // 8)
    chosen = [each >= first_level(0.5) for each in grown[:8]] * (TIMED // 8)
    codes = [encode(each, "rows") for each in chosen]

    def write(number: int) -> None:
        with continue_submission(folder / f"{number}.csv.gz", sample, competition.rules, "bench", some=True) as writer:
            for start in range(0, TIMED, 16):
                ids = list(rows.index[start : start + 16])
                writer.append(ids, {"rle_mask": np.array(codes[start : start + 16], dtype=object)})

    parts: dict[str, Callable[[int], object]] = {
        "bare": lambda _: [
            cv2.resize(cv2.imread(str(path)), (768, 512), interpolation=cv2.INTER_AREA) for path in rows["image"]
        ],
        "decode": lambda _: [inputs for _, inputs in learner.inputs(rows)],
        "to 8 bits": lambda _: [to_levels(each[None]) for each in maps],
        "resize": lambda _: [to_size(each, shape(rows.iloc[row : row + 1])) for row, each in enumerate(levels)],
        "threshold": lambda _: [each >= first_level(0.5) for each in grown],
        "encode": lambda _: [encode(each, "rows") for each in chosen],
        "write": write,
    }
    return {name: best(work) / TIMED * 1000 for name, work in parts.items()} | {"characters": len(codes[0])}


def best(work: Callable[[int], object]) -> float:
    """CPU seconds of a call, the least of a few."""
    taken = []
    for number in range(ROUNDS):
        start = time.process_time()
        work(number)
        taken.append(time.process_time() - start)
    return min(taken)


def throughput(folder: Path) -> Iterator[Result]:
    """The rate of a core without the model over that of a bare decode and shrink."""
    command = [sys.executable, "-m", "tests.bench.bench_masks", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    taken = json.loads(done.stdout.splitlines()[-1])
    bare, characters = taken.pop("bare"), taken.pop("characters")
    total = sum(taken.values())
    shares = ", ".join(f"{name} {value / total:.0%}" for name, value in taken.items())
    note = (
        f"{1000 / total:.0f} images/s a core, bare decode {1000 / bare:.0f}; {shares}; codes of {characters:,} letters"
    )
    yield Result("masks_cpu_side", bare / total, "x", ">=0.6", note=note)
    note = "against the decode alone, as it is done here"
    yield Result("masks_cpu_side_vs_own_decode", taken["decode"] / total, "x", ">=0.6", note=note)


def learned(folder: Path) -> Iterator[Result]:
    """The OOF Dice of a small U-Net on the toy."""
    podium("train", "carvana_masks", "--toy", "--runs", folder / "toys", *LEARNED)
    record = json.loads(next((folder / "toys").rglob("run.json")).read_text())["scores"]
    note = f"the mean mask {record['baseline']:.4f}; two folds, the threshold from the other one"
    yield Result("masks_toy_dice", record["score"], "", ">=0.97", note=note)


def results() -> Iterator[Result]:
    """Memory, the CPU's side and Dice."""
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        yield from memory(folder)
        yield from throughput(folder / str(FEW))
        yield from learned(folder)


if __name__ == "__main__":
    print(json.dumps(cpu_side(Path(sys.argv[1]))))
