"""The mirror offline: what a run's files say is what W&B gets, once, whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing

import cv2
import numpy as np
import pytest

from pipelines.predictions import read_predictions
from pipelines.report import Report
from pipelines.runfolder import RunFolder, read_json
from pipelines.tracking.sending import send_submission
from pipelines.tracking.tracker import mirrored
from tests.conftest import QUICK
from tests.tracked import (
    KEY,
    alive,
    handed_over,
    in_child,
    kill,
    log,
    logged,
    make_folder,
    mirror,
    mirror_of,
    settle_home,
    until,
)
from tests.wandb_records import read_folders
from tests.wandb_server import Server

MAY = "tps_tabular/may-2022"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """W&B keeps its own files here, and knows nobody."""
    settle_home(tmp_path, monkeypatch)


def train(podium, files, *more) -> RunFolder:
    said = podium("run", MAY, "--data", files, *QUICK, "--folds", "0,1", "--wandb", "offline", "--json", *more)
    assert said.code == 0, said.err
    assert "W&B: offline; `wandb sync " in said.err
    return RunFolder(next(path.parent for path in (files.parent / "runs").glob("tps_tabular/*/*/run.json")))


def curves(folder: RunFolder) -> dict[str, list[tuple[int, float]]]:
    """(step, loss) of each fold and seed in metrics.jsonl."""
    found: dict[str, list[tuple[int, float]]] = {}
    for line in map(json.loads, folder.metrics.read_text().splitlines()):
        found.setdefault(f"{line['fold']}/{line['seed']}", []).append((line["step"], line["train_binary_logloss"]))
    return found


def by_place(folder: RunFolder):
    return {id.split("-", 2)[2]: written for id, written in read_folders(folder.tracking).items()}


def test_a_run_per_fold_holds_what_the_runs_files_hold(podium, files):
    folder = train(podium, files)
    record, written = read_json(folder.record), by_place(folder)
    assert sorted(written) == ["cv", "fold0", "fold1"]
    for fold in (0, 1):
        one = written[f"fold{fold}"]
        assert (one.about.run_group, one.about.job_type) == (folder.name, "fold")
        assert one.curve("train_binary_logloss") == curves(folder)[f"{fold}/0"]
        assert one.axes["train_binary_logloss"] == "step"
        assert one.settings["settings"] == record["settings"]
        assert one.settings["folds_fingerprint"] == record["folds"]["fingerprint"]
        assert one.settings["fold"] == fold
        assert one.summary["rounds"] == 12
        assert one.exits == [0]
    scores = {name: record["scores"][name] for name in ("score", "score_se", "fold_spread", "baseline")}
    assert scores.items() <= written["cv"].summary.items()
    assert [written["cv"].summary[f"fold_score/{fold}"] for fold in (0, 1)] == record["scores"]["fold_scores"]
    worst_table(folder)
    cv2.imwrite(str(folder.root / "pictures.png"), np.zeros((4, 4, 3), np.uint8))
    folder.pictures.mkdir()
    (folder.root / "pictures.png").rename(folder.pictures / "confusion.png")
    telling_the_leaderboard(folder)


def worst_table(folder):
    (path,) = folder.tracking.glob("offline-run-*/files/media/table/worst*.table.json")
    content = json.loads(path.read_text())
    assert content["columns"] == ["id", "fold", "truth", "prediction", "error"]
    oof = read_predictions(folder.oof)
    predicted = dict(zip(oof.ids, oof.arrays["prediction"].ravel(), strict=True))
    errors = [row[4] for row in content["data"]]
    assert errors == sorted(errors, reverse=True)
    assert all(
        abs(predicted[row[0]] - row[3]) < 1e-5 and abs(row[2] - row[3]) == pytest.approx(row[4], abs=1e-5)
        for row in content["data"]
    )


def telling_the_leaderboard(folder):
    """What came later, a picture and Kaggle's answer, is sent; what W&B has is not sent again."""
    before = {place: one.history for place, one in by_place(folder).items()}
    send_submission(folder, 0.71, None, "offline", Report(quiet=True))
    after = by_place(folder)
    cv = after.pop("cv")
    assert {place: one.history for place, one in after.items()} | {"cv": cv.history[:1]} == before
    assert cv.steps() == [0, 1, 2]
    assert cv.history[1]["pictures/confusion/_type"] == "image-file"
    assert list(folder.tracking.glob("offline-run-*/files/media/images/pictures/confusion*.png"))
    assert cv.history[2]["leaderboard/public"] == cv.summary["public"] == 0.71
    assert cv.history[2]["leaderboard/cv"] == read_json(folder.record)["scores"]["score"]


def test_one_run_tells_folds_and_seeds_apart_by_prefix(tmp_path):
    folder = make_folder(tmp_path, seeds=2)
    with mirrored(folder, "offline", "one", False, Report(quiet=True)):
        for step in (1, 2):
            for fold, seed in ((0, 0), (1, 0), (0, 1)):  # as folds fitted side by side log
                folder.fit(fold, seed, Report(quiet=True)).log(step, {"loss": fold + seed / step})
    ((place, one),) = by_place(folder).items()
    assert place == "run"
    assert one.steps() == list(range(6))
    for fold, seed in ((0, 0), (1, 0), (0, 1)):
        prefix = f"fold{fold}/seed{seed}/"
        assert one.curve(f"{prefix}loss", f"{prefix}step") == [(1, fold + seed), (2, fold + seed / 2)]
        assert one.axes[f"{prefix}loss"] == f"{prefix}step"


def test_killed_with_its_mirror_a_resumed_run_has_every_step_once(tmp_path, monkeypatch):
    folder = make_folder(tmp_path)
    child = in_child(lambda: mirror(tmp_path, "offline", range(30), hold=True))
    until(lambda: handed_over(folder) == 30)
    os.killpg(mirror_of(child), signal.SIGKILL)
    kill(child)
    (log,) = folder.tracking.glob("offline-run-*/run-*-fold0.wandb")
    log.write_bytes(log.read_bytes()[:1200])  # W&B writes every 15 s or 32 kB; a kill loses what came since
    assert len(by_place(folder)["fold0"].steps()) < 30
    mirror(tmp_path, "offline", range(25, 40))  # it goes on from a checkpoint before the kill
    one = by_place(folder)["fold0"]
    assert one.steps() == list(range(40))
    assert one.curve("loss") == logged(folder)
    with closing(Server()) as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        asked = [sys.executable, "-m", "wandb", "sync", str(folder.tracking)]
        subprocess.run(asked, check=True, capture_output=True, cwd=tmp_path)
        assert [(line["_step"], line["loss"]) for line in server.lines("fold0")] == logged(folder)


def test_when_only_the_command_is_killed_its_mirror_sends_the_rest_and_ends(tmp_path):
    folder = make_folder(tmp_path)
    child = in_child(lambda: mirror(tmp_path, "offline", range(30), hold=True))
    until(lambda: handed_over(folder) > 0)
    number = mirror_of(child)
    kill(child)
    until(lambda: not alive(number))
    one = by_place(folder)["fold0"]
    assert (one.curve("loss"), one.exits) == (logged(folder), [1])


def test_a_mirror_that_dies_is_mentioned_and_training_goes_on(tmp_path):
    folder = make_folder(tmp_path)
    folder.record.write_text("{}")
    with mirrored(folder, "offline", "folds", False, Report(quiet=True, log=tmp_path / "said")):
        log(folder, range(3))
    assert len(logged(folder)) == 3
    assert "W&B: the mirror stopped (see " in (tmp_path / "said").read_text()
