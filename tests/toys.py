"""What tests of image competitions share: their toy files, a run on them, and the same files with shuffled labels."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.contract import Competition


def toy_files(competition: Competition) -> tuple[Callable[..., Path], Callable[..., Path]]:
    """Two fixtures for a module: a competition's toy files, not to be changed, and a copy that a test may damage."""

    @pytest.fixture(scope="module", name="raw")
    def made(tmp_path_factory) -> Path:
        folder = tmp_path_factory.mktemp(competition.slug)
        competition.toy(folder)
        return folder

    @pytest.fixture(name="root")
    def copied(raw, tmp_path) -> Path:
        return Path(shutil.copytree(raw, tmp_path / "files"))

    return made, copied


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


def first_fold(podium, name: str, root: Path, *more: str) -> dict[str, object]:
    """What a run of the toy learner on fold 0 of these files ends with; more: flags."""
    asked = ("--experiment", "toy", "--folds", "0", "--no-audit", "--quiet", "--json", *more)
    with one_thread():
        said = podium("run", name, "--data", root, *asked)
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
