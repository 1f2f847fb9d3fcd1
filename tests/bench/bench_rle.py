"""Run-length codes of masks in Carvana's size: encoding against the usual one-liner, decoding, writing, checking."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from submissions.check import check_file
from submissions.rle import decode, encode
from submissions.rules import Masks, Rules
from submissions.sample import read_sample
from submissions.stream import continue_submission
from tests.bench.harness import Result, paired, seconds

HEIGHT, WIDTH = 1280, 1918
RULES = Rules(masks=Masks(shape=(HEIGHT, WIDTH), order="rows", share=(0.1, 0.4)))
MASKS, ROWS = 16, 8000  # of a submission: 57 MB
WHOLE = 730  # MB, 100,064 rows of one column of codes


def results() -> Iterator[Result]:
    """Milliseconds per mask, how many times the one-liner's speed that is, and the speed of whole files."""
    masks = [draw_car(seed) for seed in range(MASKS)]
    codes = [encode(mask, "rows") for mask in masks]
    assert codes == [one_liner(mask) for mask in masks]
    runs = statistics.mean(code.count(" ") + 1 for code in codes) / 2
    ours: list[float] = []
    theirs: list[float] = []
    ratio, spread, _ = paired(
        lambda: spent(masks, lambda mask: encode(mask, "rows"), ours), lambda: spent(masks, one_liner, theirs), 9
    )
    passes = [statistics.median(ours[start : start + MASKS]) * 1e3 for start in range(0, len(ours), MASKS)]
    note = f"the quickest of {len(passes)} passes; {runs:.0f} runs a mask, {np.mean(masks):.3f} of the image"
    yield Result("rle_encode_ms", min(passes), "ms", "<=0.5", (min(passes), max(passes)), note)
    note = f"the one-liner takes {statistics.median(theirs) * 1e3:.3g} ms"
    yield Result("rle_encode_vs_oneliner", 1 / ratio, "x", ">=3", (1 / spread[1], 1 / spread[0]), note)
    taken = [seconds(lambda: decode(codes[0], (HEIGHT, WIDTH), "rows")) * 1e3 for _ in range(50)]
    yield Result("rle_decode_ms", statistics.median(taken), "ms", "", (min(taken), max(taken)))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("submission.csv", "submission.csv.gz"):
            yield from file_speeds(Path(folder) / name, codes)


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


def spent(masks: Sequence[np.ndarray], encoder: Callable[[np.ndarray], str], taken: list[float]) -> float:
    """Seconds of encoding masks, each just made, as a threshold makes them; each one's go to taken."""
    for mask in masks:
        fresh = mask.copy()
        taken.append(seconds(lambda: encoder(fresh)))  # noqa: B023 (called at once)
    return sum(taken[-len(masks) :])


def file_speeds(path: Path, codes: Sequence[str]) -> Iterator[Result]:
    """Milliseconds to write a row of a file in a stream, and MB/s, unpacked, of judging every row of it."""
    ids = [f"{row // 16:012x}_{row % 16 + 1:02d}.jpg" for row in range(ROWS)]
    (path.parent / "sample.csv").write_text("".join(["img,rle_mask\n", *(f"{id},1 1\n" for id in ids)]))
    sample = read_sample(path.parent / "sample.csv")
    cells = np.array(codes, dtype=object)
    with continue_submission(path, sample, RULES, "bench") as writer:
        appended = [
            seconds(lambda: writer.append(ids[row : row + MASKS], {"rle_mask": cells}))  # noqa: B023 (called at once)
            for row in range(0, ROWS, MASKS)
        ]
    taken = [seconds(lambda: check_file(path, sample, RULES)) for _ in range(3)]
    speeds = [sum(map(len, codes)) * ROWS / MASKS / 1e6 / each for each in taken]
    packed = "_gz" if path.suffix == ".gz" else ""
    note = f"checked as they come, safe from a kill; {path.stat().st_size / ROWS / 1e3:.3g} kB a row"
    yield Result(f"rle_write{packed}_ms", sum(appended) / ROWS * 1e3, "ms", "", None, note)
    note = f"a submission of {WHOLE} MB in {WHOLE / statistics.median(speeds) / 60:.2g} minutes"
    yield Result(f"rle_check{packed}", statistics.median(speeds), "MB/s", "", (min(speeds), max(speeds)), note)
