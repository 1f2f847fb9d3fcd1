"""Five LightGBM folds on 200,000 x 30, files in, submission out: the corridor beside a bare script."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import Result, child, paired

MONTH = "tps_tabular/nov-2021"  # binary, AUC, anonymous floats
ROUNDS, RATE, LEAVES = 200, 0.1, 63
BARE = {  # what the learner's flags below mean to LightGBM, so that both fit the same trees
    "objective": "binary", "metric": "auc", "learning_rate": RATE, "num_leaves": LEAVES, "min_data_in_leaf": 100,
    "feature_fraction": 0.8, "verbosity": -1, "seed": 0, "rounds": ROUNDS, "patience": 50,
}  # fmt: skip
TREES = ("--rounds", ROUNDS, "--rate", RATE, "--leaves", LEAVES, "--min-rows", 100, "--columns", 0.8, "--patience", 50)
FLAGS = (*TREES, "--subsample", 1, "--l2", 0)

MAKE = """
import sys
import numpy as np, pandas as pd
draws = np.random.default_rng(0)
rows = pd.DataFrame(draws.normal(size=(300_000, 30)).round(6), columns=[f"f{n}" for n in range(30)])
signal = rows.f0 * rows.f1 + np.sin(2 * rows.f2) + 0.5 * rows.f3 - 0.3 * rows.f4 * rows.f5 * rows.f6
rows.insert(0, "id", np.arange(300_000))
rows["target"] = (draws.random(300_000) < 1 / (1 + np.exp(-signal))).astype(int)
rows[:200_000].to_csv(sys.argv[1] + "/train.csv", index=False)
rows[200_000:].drop(columns="target").to_csv(sys.argv[1] + "/test.csv", index=False)
rows[200_000:][["id"]].assign(target=0.5).to_csv(sys.argv[1] + "/sample_submission.csv", index=False)
"""


def results() -> Iterator[Result]:
    """Wall time and peak memory of the corridor as a share of the bare script's."""
    with tempfile.TemporaryDirectory() as folder:
        root, runs = Path(folder) / "files", Path(folder) / "runs"
        root.mkdir()
        subprocess.run([sys.executable, "-c", MAKE, str(root)], check=True)
        ours = [sys.executable, "-m", "competitions", "run", MONTH, "--data", root, "--runs", runs, *FLAGS, "--quiet"]
        subprocess.run(
            [sys.executable, "-m", "competitions", "folds", MONTH, "--data", root, "--runs", runs],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        (folds,) = (runs / MONTH / "folds").glob("*.parquet")
        theirs = [sys.executable, Path(__file__).with_name("bare_lightgbm.py"), root, folds, json.dumps(BARE), folder]
        yield from _compared([str(each) for each in ours], [str(each) for each in theirs], runs / MONTH)


def _compared(ours: list[str], theirs: list[str], runs: Path) -> Iterator[Result]:
    peaks: dict[str, list[float]] = {"ours": [], "theirs": []}

    def corridor() -> float:
        for path in runs.iterdir():  # all but the folds is made anew, the audit too
            if path.name != "folds":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in (runs / "folds").glob("audit-*"):
            path.unlink()
        usage = child(ours)
        peaks["ours"].append(usage.peak_mb)
        return usage.seconds

    def script() -> float:
        usage = child(theirs)
        peaks["theirs"].append(usage.peak_mb)
        return usage.seconds

    ratio, spread, raw = paired(corridor, script)
    middle = [statistics.median(column) for column in zip(*raw, strict=True)]
    yield Result("table_wall", ratio, "x", "<=1.05", spread, f"ours {middle[0]:.1f} s, bare script {middle[1]:.1f} s")
    memory = [statistics.median(peaks[side]) for side in ("ours", "theirs")]
    note = f"ours {memory[0]:.0f} MB, bare script {memory[1]:.0f} MB"
    yield Result("table_memory", memory[0] / memory[1], "x", "<=1.3", None, note)
