"""Loading and fingerprinting 900,000 x 33 in the shape of may-2022, against pandas."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.harness import Result, child, paired, seconds

if TYPE_CHECKING:
    import pandas as pd

ROWS = 900_000


def columns() -> dict[str, Any]:
    """Id, 16 floats, 14 small integers, a string of 10 letters and a target."""
    import numpy as np

    random = np.random.default_rng(0)
    integers = {f"f_{k:02d}" for k in (*range(7, 19), 29, 30)}
    made: dict[str, Any] = {"id": np.arange(ROWS)}
    for name in (f"f_{k:02d}" for k in range(31)):
        if name == "f_27":
            letters = random.integers(ord("A"), ord("T") + 1, (ROWS, 10), dtype=np.uint8)
            made[name] = letters.view("S10").ravel().astype("U10")
        elif name in integers:
            made[name] = random.poisson(2.5, ROWS)
        else:
            made[name] = random.normal(0, 238 if name == "f_28" else 1, ROWS).round(6)
    return made | {"target": random.integers(0, 2, ROWS)}


def write(path: Path) -> None:
    """The file to load."""
    import pyarrow as pa
    from pyarrow import csv

    csv.write_csv(pa.table(columns()), path, csv.WriteOptions(quoting_style="none"))


def ours(path: Path) -> pd.DataFrame:
    """This project's reader."""
    from pipelines.reading import read_table

    return read_table(path, "id", exact=("target",))


def theirs(path: Path) -> pd.DataFrame:
    """The reader to compare with."""
    import pandas as pd

    return pd.read_csv(path, engine="pyarrow")


def judge(path: Path) -> None:
    """Writes beside the file whether ids and targets are its own, and the fingerprint's time against pandas' hash."""
    from pandas.util import hash_pandas_object

    from pipelines.fingerprint import table_fingerprint

    made, table = columns(), ours(path)
    exact = table.index.tolist() == made["id"].astype(str).tolist() and (table["target"] == made["target"]).all()
    hashing = paired(
        lambda: seconds(lambda: table_fingerprint(table)), lambda: seconds(lambda: hash_pandas_object(table))
    )
    path.with_suffix(".json").write_text(json.dumps({"exact": bool(exact), "hashing": hashing}))


def results() -> Iterator[Result]:
    """Wall time and peak memory of whole child processes, exactness, and the time of a fingerprint.

    This process stays small: a child's peak memory starts at what its parent once took.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.csv"
        peaks: dict[str, list[float]] = {"ours": [], "theirs": []}

        def run(name: str) -> float:
            usage = child([sys.executable, "-m", "tests.bench.bench_loading", name, str(path)])
            peaks.setdefault(name, []).append(usage.peak_mb)
            return usage.seconds

        run("write")
        yield measured("loading_wall", "<=1.6", "s", paired(lambda: run("ours"), lambda: run("theirs")))
        pairs = list(zip(peaks["ours"], peaks["theirs"], strict=True))
        shares = sorted(one / other for one, other in pairs)
        spread = (shares[0], shares[-1])
        yield measured("loading_memory", "<=0.5", "MB", (statistics.median(shares), spread, pairs))
        run("judge")
        judged = json.loads(path.with_suffix(".json").read_text())
        yield Result("loading_exact", float(judged["exact"]), "", ">=1", note="ids and targets are the file's own")
        yield measured("loading_fingerprint", "<=1", "s", judged["hashing"])


def measured(name: str, floor: str, unit: str, found: Any) -> Result:
    """A ratio with the medians it comes from."""
    ratio, spread, raw = found
    one, other = (statistics.median(each) for each in zip(*raw, strict=True))
    return Result(name, ratio, "x", floor, tuple(spread), f"{one:.3g} {unit}, pandas {other:.3g} {unit}")


if __name__ == "__main__":
    {"write": write, "ours": ours, "theirs": theirs, "judge": judge}[sys.argv[1]](Path(sys.argv[2]))
