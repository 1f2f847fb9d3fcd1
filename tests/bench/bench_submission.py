"""Writing and checking a submission of 1,000,000 rows, against pandas writing and reading it back."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from submissions.check import check_file
from submissions.rules import Rules
from submissions.sample import read_sample
from submissions.write import write_submission
from tests.bench.harness import Result, paired, seconds

ROWS = 1_000_000
FIRST = 4_000_000  # ids in the shape of dec-2021
RULES = Rules(low=0, high=1)


def results() -> Iterator[Result]:
    """Seconds from predictions in memory to a file that was read back and judged, and the ratio to bare pandas."""
    random = np.random.default_rng(0)
    values = random.random(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pd.DataFrame({"id": np.arange(FIRST, FIRST + ROWS), "target": 0.5}).to_csv(root / "sample.csv", index=False)
        sample = read_sample(root / "sample.csv")

        def ours() -> None:
            write_submission(root / "ours.csv", sample.ids, {"target": values}, sample, RULES)
            check_file(root / "ours.csv", sample, RULES)

        def theirs() -> None:
            pd.DataFrame({"target": values}, index=sample.ids).to_csv(root / "theirs.csv")
            pd.read_csv(root / "theirs.csv", dtype={"id": str})

        ratio, spread, raw = paired(lambda: seconds(ours), lambda: seconds(theirs))
        one, other = (statistics.median(each) for each in zip(*raw, strict=True))
        reading = seconds(lambda: read_sample(root / "sample.csv"))
    note = f"written and checked; reading sample_submission takes {reading:.2g} s more, once"
    yield Result("submission_1m", one, "s", "<=5", (min(raw)[0], max(raw)[0]), note)
    note = f"{one:.3g} s, pandas' to_csv and read_csv with no check {other:.3g} s"
    yield Result("submission_ratio", ratio, "x", "", spread, note)
