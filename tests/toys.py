"""What tests of image competitions share: their toy files, a run on them, and the same files with shuffled labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread: the same sums on every machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def first_fold(podium, name: str, root: Path) -> dict[str, object]:
    """What a run of the toy learner on fold 0 of these files ends with."""
    with one_thread():
        said = podium(
            "run", name, "--data", root, "--experiment", "toy", "--folds", "0", "--no-audit", "--quiet", "--json"
        )
    assert said.code == 0, said.err
    return json.loads(said.out.splitlines()[-1])


def shuffle(path: Path, column: str) -> None:
    """Deal a column's cells out anew."""
    table = pd.read_csv(path)
    table[column] = np.random.default_rng(1).permutation(table[column])
    table.to_csv(path, index=False)


def gain(result: dict[str, object]) -> tuple[float, float]:
    """How far a run's score lies above the baseline, and the score's standard error."""
    return float(result["score"]) - float(result["baseline"]), float(result["score_se"])
