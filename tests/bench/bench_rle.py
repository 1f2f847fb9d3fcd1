"""Run-length codes of masks in Carvana's size: encoding against the well-known one-liner, decoding, checking a file."""

from __future__ import annotations

import gzip
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from submissions.check import check_file
from submissions.rle import decode, encode
from submissions.rules import Masks, Rules
from submissions.sample import read_sample
from tests.bench.harness import Result, paired, seconds

HEIGHT, WIDTH = 1280, 1918
RULES = Rules(masks=Masks(shape=(HEIGHT, WIDTH), order="rows", share=(0.1, 0.4)))
MASKS, ROWS = 16, 8000  # of a submission: 57 MB
WHOLE = 730  # MB, 100,064 rows of one column of codes


def results() -> Iterator[Result]:
    """Milliseconds per mask, how many times the one-liner's speed that is, and MB/s of checking."""
    masks = [draw_car(seed) for seed in range(MASKS)]
    codes = [encode(mask, "rows") for mask in masks]
    assert codes == [one_liner(mask) for mask in masks]
    runs = statistics.mean(code.count(" ") + 1 for code in codes) / 2
    ratio, spread, raw = paired(
        lambda: spent(masks, lambda mask: encode(mask, "rows")), lambda: spent(masks, one_liner), 9
    )
    ours, theirs = ([each / MASKS * 1e3 for each in side] for side in zip(*raw, strict=True))
    note = f"{runs:.0f} runs a mask, {np.mean(masks):.3f} of the image"
    yield Result("rle_encode_ms", statistics.median(ours), "ms", "<=0.5", (min(ours), max(ours)), note)
    note = f"the one-liner takes {statistics.median(theirs):.3g} ms"
    yield Result("rle_encode_vs_oneliner", 1 / ratio, "x", ">=3", (1 / spread[1], 1 / spread[0]), note)
    taken = [seconds(lambda: decode(codes[0], (HEIGHT, WIDTH), "rows")) * 1e3 for _ in range(50)]
    yield Result("rle_decode_ms", statistics.median(taken), "ms", "", (min(taken), max(taken)))
    for name in ("submission.csv", "submission.csv.gz"):
        yield check_speed(name, codes)


def draw_car(seed: int) -> np.ndarray:
    """A mask (height, width) bool like a car's: a body, a cabin, two wheels and a border that wanders by pixels."""
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    wander = np.cumsum(random.integers(-2, 3, (2, HEIGHT, 1)), axis=1)
    across = np.abs(columns - WIDTH / 2 - wander[0] / 4) + wander[1] / 4
    body = (across < 560) & (np.abs(rows - 760) < 170)
    cabin = across < 330 - (590 - rows) * 0.8
    wheels = (np.abs(across - 380) ** 2 + (rows - 930) ** 2) < 70**2
    drawn: np.ndarray = body | (cabin & (rows > 410) & (rows < 600)) | wheels
    return drawn


def one_liner(mask: np.ndarray) -> str:
    """The encoder of many public notebooks."""
    pixels = np.concatenate([[0], mask.flatten(), [0]])
    runs = np.where(pixels[1:] != pixels[:-1])[0] + 1
    runs[1::2] -= runs[::2]
    return " ".join(str(x) for x in runs)


def spent(masks: Sequence[np.ndarray], encoder: Callable[[np.ndarray], str]) -> float:
    """Seconds of encoding masks, each just made, as a threshold makes them."""
    total = 0.0
    for mask in masks:
        fresh = mask.copy()
        total += seconds(lambda: encoder(fresh))  # noqa: B023 (called at once)
    return total


def check_speed(name: str, codes: Sequence[str]) -> Result:
    """MB/s, unpacked, of judging every row of a file."""
    ids = [f"{row // 16:012x}_{row % 16 + 1:02d}.jpg" for row in range(ROWS)]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "sample.csv").write_text("".join(["img,rle_mask\n", *(f"{id},1 1\n" for id in ids)]))
        sample = read_sample(root / "sample.csv")
        text = "".join(["img,rle_mask\n", *(f"{id},{codes[row % MASKS]}\n" for row, id in enumerate(ids))])
        if name.endswith(".gz"):
            (root / name).write_bytes(gzip.compress(text.encode(), 6))
        else:
            (root / name).write_text(text)
        taken = [seconds(lambda: check_file(root / name, sample, RULES)) for _ in range(3)]
    speeds = [len(text) / 1e6 / each for each in taken]
    ending = name.partition(".")[2].replace(".", "_")
    note = f"{WHOLE} MB in {WHOLE / statistics.median(speeds) / 60:.2g} minutes"
    return Result(f"rle_check_{ending}", statistics.median(speeds), "MB/s", "", (min(speeds), max(speeds)), note)
