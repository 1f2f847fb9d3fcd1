"""`podium explain`: what the page shows, whose models draw it, and what it refuses."""

from __future__ import annotations

import re
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest

from pipelines.learners.image import ImageLearner
from pipelines.pictures import drawing
from pipelines.predictions import Predictions, read_predictions, write_predictions
from pipelines.runfolder import read_json, write_json
from pipelines.stops import BusyError, UsageError
from tests.drawing import drawn, run_in
from tests.photos import run_photos, write_photos

pytestmark = pytest.mark.usefixtures("coarse")

CHARTS = {"scores", "learning", "confusion", "calibration", "worst", "middle", "best"}


@pytest.fixture(scope="module")
def made(tmp_path_factory, coarse):
    """Photos, a finished run on them and its page; not to be changed."""
    root = tmp_path_factory.mktemp("explain")
    write_photos(root / "raw")
    run_photos(root / "raw", root / "runs")
    drawn(root / "raw", root / "runs", rows=("photo003",))
    return root


@pytest.fixture
def page(made):
    """The finished run's page."""
    return run_in(made / "runs").root / "pictures" / "index.html"


@pytest.fixture
def runs(made, tmp_path):
    """A copy of the finished run."""
    return shutil.copytree(made / "runs", tmp_path / "runs")


def shown_on(page):
    """The names of the pictures that a page shows; every link leads to a file beside it, none elsewhere."""
    text = page.read_text(encoding="utf-8")
    links = re.findall(r'(?:src|href)="([^"]+)"', text)
    for link in links:
        assert "/" not in link
        assert (page.parent / link).is_file()
    files = {path.name for path in page.parent.iterdir()} - {page.name}
    assert files == set(links)
    assert "http" not in text
    for link in links:
        if link.endswith(".png"):
            assert cv2.imread(str(page.parent / link)) is not None
    return {link[:-4] for link in links if link.endswith(".png")}


# -- the page


def test_the_page_shows_curves_errors_and_rows(made, page):
    assert shown_on(page) == CHARTS | {"asked"}
    text, scores = page.read_text(), read_json(run_in(made / "runs").record)["scores"]
    assert f"auc {scores['score']:.5f} ± {scores['score_se']:.5f}" in text
    assert f"baseline {scores['baseline']:.5f}" in text
    assert "Grad-CAM" in text


def test_the_table_lists_the_worst_rows(made, page):
    listed = pd.read_csv(page.parent / "worst.csv", dtype={"id": str})
    assert list(listed.columns) == ["id", "fold", "truth", "prediction", "error"]
    assert len(listed) == 40
    assert listed["error"].is_monotonic_decreasing
    given = np.where(listed["truth"] == 1, listed["prediction"], 1 - listed["prediction"])
    np.testing.assert_allclose(listed["error"], -np.log(given))
    oof = read_predictions(run_in(made / "runs").oof)
    stored = dict(zip(oof.ids, oof.arrays["prediction"][:, 0], strict=True))
    np.testing.assert_allclose(listed["prediction"], [stored[each] for each in listed["id"]])
    assert listed["id"][0] in page.read_text()


def test_each_row_is_drawn_by_a_model_that_has_not_seen_it(made, runs, monkeypatch):
    asked, loaded = [], {}
    load, show = ImageLearner.load, ImageLearner.show

    def remembered(self, out):
        model = load(self, out)
        loaded[id(model)] = (int(out.fold), model)  # kept: an id is not used twice
        return model

    def watched(self, model, inputs, rows):
        before = model.network.training
        found = show(self, model, inputs, rows)
        assert model.network.training == before
        asked.append((loaded[id(model)][0], rows, found))
        return found

    monkeypatch.setattr(ImageLearner, "load", remembered)
    monkeypatch.setattr(ImageLearner, "show", watched)
    drawn(made / "raw", runs)
    oof = read_predictions(run_in(runs).oof)
    fold_of = dict(zip(oof.ids, oof.arrays["fold"][:, 0], strict=True))
    assert {fold for fold, _, _ in asked} == {0, 1}
    assert len(loaded) == 2
    for fold, rows, found in asked:
        assert {fold_of[each] for each in rows.ids} == {fold}
        for shown in found:
            assert len(shown.panels) == 3  # the picture, and what speaks for either side
            assert {panel.pixels.shape for panel in shown.panels} == {(12, 12, 3)}
            assert {panel.pixels.dtype for panel in shown.panels} == {np.dtype(np.uint8)}
            assert not all(panel.title.endswith("nothing") for panel in shown.panels[1:])


def test_one_fold_a_count_and_rows_by_name(made, runs):
    page = drawn(made / "raw", runs, fold=1, count=2)
    listed = pd.read_csv(page.parent / "worst.csv")
    assert set(listed["fold"]) == {1}
    assert "fold 1 only" in page.read_text()
    with pytest.raises(UsageError, match="--rows: expected ids of rows that validated, got nobody; known are such as"):
        drawn(made / "raw", runs, rows=("photo003", "nobody"))


def test_a_second_time_replaces_the_first(made, runs):
    pictures = run_in(runs).root / "pictures"
    before = {path.name: path.read_bytes() for path in pictures.iterdir()}
    assert shown_on(drawn(made / "raw", runs, count=1)) == CHARTS  # no asked.png is left
    drawn(made / "raw", runs, rows=("photo003",))
    assert {path.name: path.read_bytes() for path in pictures.iterdir()} == before  # the same command, the same bytes
    assert {path.name for path in run_in(runs).root.iterdir() if path.name.startswith(".pictures")} == set()


def test_what_stops_halfway_leaves_the_pictures_that_are_there(made, runs, monkeypatch):
    pictures = run_in(runs).root / "pictures"
    before = {path.name: path.read_bytes() for path in pictures.iterdir()}

    def broken(self, model, inputs, rows):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ImageLearner, "show", broken)
    with pytest.raises(OSError, match="No space left"):
        drawn(made / "raw", runs)
    assert {path.name: path.read_bytes() for path in pictures.iterdir()} == before
    monkeypatch.undo()
    (run_in(runs).root / ".pictures").mkdir()  # as a kill leaves it
    (run_in(runs).root / ".pictures" / "half.png").write_bytes(b"")
    assert shown_on(drawn(made / "raw", runs)) == CHARTS
    with drawing(run_in(runs)), pytest.raises(BusyError, match="another process"):
        drawn(made / "raw", runs)


# -- runs that are not finished, or whose files are not those of then


def test_a_limited_unfinished_run_is_drawn(made, tmp_path):
    run_photos(made / "raw", tmp_path, {"folds": (1,), "limit": "24"})
    page = drawn(made / "raw", tmp_path)
    assert shown_on(page) == CHARTS
    listed = pd.read_csv(page.parent / "worst.csv")
    assert len(listed) == 12
    assert set(listed["fold"]) == {1}
    with pytest.raises(UsageError, match=r"--fold: expected one of the finished folds \(1\), got 0"):
        drawn(made / "raw", tmp_path, fold=0)


def test_a_run_killed_before_its_score_shows_its_finished_folds(made, runs):
    folder = run_in(runs)
    record = read_json(folder.record)
    del record["scores"]
    write_json(folder.record, {**record, "state": "running", "sources": []})
    folder.oof.unlink()
    shutil.rmtree(folder.root / "fold1")
    with folder.metrics.open("a") as lines:
        lines.write('{"fold": "1", "seed": 0, "st')  # torn
    page = drawn(made / "raw", runs)
    assert shown_on(page) == CHARTS
    assert "stopped before it was scored" in page.read_text()


def test_a_checkpoint_is_drawn_and_called_so_and_a_baseline_refused(made, tmp_path):
    outcome = run_photos(made / "raw", tmp_path / "none", {"budget": "0.001s", "folds": (1,)})
    assert outcome.run.sources == ("baseline1",)
    with pytest.raises(ValueError, match="expected out-of-fold predictions of a model, got a run without a finished"):
        drawn(made / "raw", tmp_path / "none")
    shutil.copytree(made / "runs", tmp_path / "begun")
    folder = run_in(tmp_path / "begun")
    stored = folder.root / "fold0" / "checkpoint.parquet"
    folder.fold_oof(0).rename(stored)
    shutil.rmtree(folder.root / "fold1")
    part = read_predictions(stored)
    places = {name: np.zeros((len(part.ids), 1), np.int32) for name in ("fold", "repeat")}
    whole = Predictions(part.ids, {**places, **part.arrays}, {**part.marks, "finished": ""})
    write_predictions(folder.oof, whole)
    page = drawn(made / "raw", tmp_path / "begun")
    assert "predictions of a checkpoint" in page.read_text()
    assert shown_on(page) == CHARTS


def test_other_training_rows_than_then_are_refused(made, runs, tmp_path):
    raw = shutil.copytree(made / "raw", tmp_path / "raw")
    table = pd.read_csv(raw / "train.csv")
    table.loc[3, "red"] = 1 - table.loc[3, "red"]
    table.to_csv(raw / "train.csv", index=False)
    with pytest.raises(ValueError, match=r"expected the training rows that the run was made on .* give their folder"):
        drawn(raw, runs)
    assert (run_in(runs).root / "pictures" / "asked.png").exists()  # those of then


def test_without_matplotlib_it_says_how_to_get_it(made, runs, monkeypatch):
    monkeypatch.setattr("pipelines.figures.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r'expected matplotlib for a plot, got none; pip install "podium\[plot\]"'):
        drawn(made / "raw", runs)
