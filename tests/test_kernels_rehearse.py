"""podium kernel rehearse: a bundle run here as Kaggle would, its submission against the one made without it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from competitions import inside
from tests.kaggling import MAY, copy_run
from tests.toys import one_thread

TINY = ("--epochs", "1", "--size", "32", "--folds", "0", "--no-audit", "--quiet", "--json")


@pytest.fixture
def run(raw_files, tmp_path, monkeypatch) -> Path:
    """A finished run of may-2022."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path / "runs" / MAY / copy_run(raw_files, tmp_path)


def unreadable_rows_get_the_baselines_value(run: Path, files: Path, room: Path) -> None:
    """What the kernel does with photos that are missing or broken: the rest is predicted as ever."""
    first, second, *_ = sorted((files / "test").iterdir())
    first.unlink()
    second.write_bytes(b"no photo")
    for folder in ("working", "scratch"):
        (room / folder).mkdir()
    content = json.loads((run / "kernel" / "code" / "bundle.json").read_text())
    kernel = inside.Kernel(content, run / "kernel" / "carried", files.parent, room / "working", room / "scratch")
    with one_thread():
        inside.predict(kernel)
    made = room / "working" / "submission.csv"
    before, after = (pd.read_csv(path, index_col=0).iloc[:, 0] for path in (run / "submission.csv", made))
    broken = [first.stem, second.stem]
    assert after[broken[0]] == after[broken[1]] == pytest.approx(40, abs=15)
    assert (after.drop(broken) - before.drop(broken)).abs().max() < 1e-3
    assert (after[broken] != before[broken]).all()


def test_petfinders_kernel_submits_the_same_bytes(podium, monkeypatch, tmp_path):
    """The whole of it: photos, a network, weights in a dataset; trained here, run without network under /kaggle."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with one_thread():
        said = podium("run", "petfinder", "--toy", *TINY)
    assert said.code == 0, said.err
    name = json.loads(said.out.splitlines()[-1])["run"]
    assert podium("kernel", "build", name).code == 0
    rehearsed = podium("kernel", "rehearse", name, "--hidden", "0")
    assert rehearsed.code == 0, rehearsed.err
    assert "byte for byte" in rehearsed.out
    assert "of 9 h" in rehearsed.out
    assert "6,800 hidden rows take" in rehearsed.out
    run = next(Path("runs").rglob(f"{name}/run.json")).parent
    files = Path(shutil.copytree(next(Path("runs").rglob("test.csv")).parent, tmp_path / "inputs" / "petfinder-x"))
    unreadable_rows_get_the_baselines_value(run, files, tmp_path)


def test_a_larger_test_set_is_predicted_row_by_row_alike(podium, run):
    """A blend, run twice, on the visible test set in one layout of /kaggle/input and on more rows in the other.

    Its own submission has been changed meanwhile, which is seen.
    """
    other = ("--rounds", "5", "--patience", "0", "--no-audit", "--threads", "1", "--name", "other", "--quiet")
    assert podium("run", MAY, *other).code == 0
    (second,) = (path.name for path in run.parent.glob("other-*"))
    assert podium("blend", run.name, second).code == 0
    (blend,) = run.parent.glob("blend-*")
    table = pd.read_csv(blend / "submission.csv")
    table.iloc[7, 1] += 0.25 if table.iloc[7, 1] < 0.5 else -0.25
    table.to_csv(blend / "submission.csv", index=False)
    assert podium("kernel", "build", blend.name, "--train").code == 2
    assert podium("kernel", "build", blend.name, "--script").code == 0
    said = podium("kernel", "rehearse", blend.name, "--hidden", "600")
    assert said.code == 1
    assert "NOT as it should be" in said.out
    assert "largest difference 0.25" in said.out
    assert said.out.count("submission checked") == 2
    assert "600 rows" in said.out
    assert "a difference of 0 at most" in said.out


def test_a_training_kernel_makes_the_runs_bytes_anew_on_folds_of_its_own(podium, run, tmp_path):
    """Its folds are no plan's: the file travels, and without it nothing is built."""
    made = podium("folds", MAY, "--seed", "5", "--quiet").out
    (file,) = re.findall(r"--fold-file (\S+)", made)
    quick = ("--rounds", "5", "--patience", "0", "--no-audit", "--threads", "1", "--name", "own", "--quiet")
    assert podium("run", MAY, *quick, "--fold-file", file).code == 0
    (own,) = (path.name for path in run.parent.glob("own-*"))
    assert podium("kernel", "build", own, "--train", "--budget", "5m").code == 0
    said = podium("kernel", "rehearse", own, "--train", "--hidden", "40")
    assert said.code == 0, said.err
    assert "byte for byte" in said.out
    assert re.search(r"larger test set +40 rows", said.out)
    assert "a difference of 0 at most" in said.out
    Path(file).rename(tmp_path / "elsewhere.parquet")
    refused = podium("kernel", "build", own, "--train")
    assert (refused.code, "copy the file that --fold-file named to there" in refused.err) == (1, True)
