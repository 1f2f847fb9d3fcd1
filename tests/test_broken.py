"""Files that cannot be read: named before training starts, and left out where a list says so."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from features.decode import BrokenImages
from folds.store import Folds
from pipelines.predictions import read_predictions
from pipelines.skipping import read_skipped
from tests.photos import run_photos, write_photos

BROKEN = ("train/photo003.png", "train/photo017.png", "test/photo045.png")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos") / "raw"
    write_photos(root)
    return root


@pytest.fixture
def raw(whole, tmp_path):
    root = shutil.copytree(whole, tmp_path / "raw")
    for name, content in zip(BROKEN, (b"", b"no image", (root / BROKEN[2]).read_bytes()[:60]), strict=True):
        (root / name).write_bytes(content)
    return root


@pytest.mark.parametrize("cache", ["disk", "ram", "off"])
def test_all_of_them_are_named_before_training_starts(raw, tmp_path, cache):
    with pytest.raises(BrokenImages) as caught:
        run_photos(raw, tmp_path / "runs", cache=cache)
    assert set(caught.value.reasons) == {raw / name for name in BROKEN}
    assert not [*(tmp_path / "runs").rglob("fold0")]


def test_a_run_without_submission_asks_for_no_test_file(raw, tmp_path):
    shutil.copy(raw / "train" / "photo001.png", raw / BROKEN[0])
    shutil.copy(raw / "train" / "photo001.png", raw / BROKEN[1])
    run_photos(raw, tmp_path / "runs", {"folds": (0,)}, predict=False)
    with pytest.raises(BrokenImages, match="a broken one"):
        run_photos(raw, tmp_path / "runs", {"folds": (0,)})


@pytest.mark.parametrize("within", [True, False])
def test_listed_ones_train_nothing_and_get_the_baselines_value(raw, tmp_path, within):
    listed = tmp_path / "skip.txt"
    lines = [name if within else str(raw / name) for name in BROKEN]
    listed.write_text("# seen by eye\n\n" + "\n".join(lines))
    outcome = run_photos(raw, tmp_path / "runs", {"skip_broken": listed})
    oof = read_predictions(outcome.run.folder.oof)
    assert len(oof.ids) == 38
    assert not {"photo003", "photo017"} & {*oof.ids}
    stored = Folds.load(next((tmp_path / "runs" / "photos" / "folds").glob("*.parquet")))
    assert len(stored.ids) == 40  # the plan's folds are as they were
    assert outcome.run.folds.fingerprint == stored.restrict(outcome.run.folds.ids).fingerprint
    test = read_predictions(outcome.run.folder.test)
    labels = outcome.run.rows["red"]
    means = [labels.iloc[outcome.run.folds.split(fold, labels.index)[0]].mean() for fold in range(2)]
    blank = test.arrays["prediction"][test.ids.get_loc("photo045")]
    assert blank == pytest.approx(np.mean(means))
    assert len(outcome.submission.read_text().splitlines()) == 13
    again = run_photos(raw, tmp_path / "runs", {"skip_broken": listed})
    assert again.run.folder.root == outcome.run.folder.root


@pytest.mark.parametrize(
    ("line", "expected"),
    [("train/photo999.png", "1 others: train/photo999.png"), (None, "a path a line, got no file")],
)
def test_a_list_that_means_nothing_is_refused(raw, tmp_path, line, expected):
    listed = tmp_path / "skip.txt"
    if line:
        listed.write_text(line)
    with pytest.raises((ValueError, FileNotFoundError), match=expected):
        run_photos(raw, tmp_path / "runs", {"skip_broken": listed})


def test_all_rows_of_a_listed_file_are_left_out(tmp_path):
    (tmp_path / "skip.txt").write_text("one.jpg\n")
    files = {"a": "one.jpg", "b": "one.jpg", "c": "other.jpg"}
    table = pd.DataFrame({"image": [tmp_path / file for file in files.values()]}, index=pd.Index(files))
    left_out = read_skipped(tmp_path / "skip.txt", tmp_path, table, table[2:])
    assert (left_out.train.tolist(), left_out.test.tolist()) == (["a", "b"], [])
