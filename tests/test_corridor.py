"""The corridor: killed anywhere it continues to the same bytes; what changes results is another run."""

from __future__ import annotations

import functools
import json
import os
import random
import resource
import shutil
import signal
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from competitions.cli import main
from competitions.registry import find_competition
from pipelines import corridor
from pipelines.corridor import run_competition
from pipelines.learners.constant import ConstantLearner
from pipelines.options import Options
from pipelines.predictions import read_predictions
from pipelines.report import Report
from tests.conftest import QUICK
from tests.forking import finish, kill_at, start
from tests.tracked import until

MAY = "tps_tabular/may-2022"
TIMED = {"run.json", "done.json", "run.log", ".lock"}  # they hold seconds and times of day


def result_of(said) -> dict:
    assert said.code == 0, said.err
    return json.loads(said.out.splitlines()[-1])


def run_bytes(root) -> dict[str, bytes]:
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name not in TIMED]
    found = {str(path.relative_to(root)): path.read_bytes() for path in paths}
    # Folds made again come last among the logged numbers.
    found["metrics.jsonl"] = b"".join(sorted(found["metrics.jsonl"].splitlines(keepends=True)))
    return found


def shrink_disk(size: int) -> None:
    """Files of this process may not grow past so many bytes, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.fixture(scope="module")
def whole(raw_files, tmp_path_factory):
    """An undisturbed run: the command, its folder and the seconds of its own that it took."""
    arguments = ["run", MAY, "--data", raw_files, *QUICK, "--seeds", "2"]
    for name in ("first", "whole"):  # the first one imports
        runs, start = tmp_path_factory.mktemp(name), time.process_time()
        assert main([*map(str, arguments), "--runs", str(runs), "--quiet"]) == 0
        seconds = time.process_time() - start
    (record,) = (runs / MAY).glob("*/run.json")
    return arguments, record.parent, seconds


def test_killed_at_any_moment_it_continues_to_the_same_bytes(whole, tmp_path):
    arguments, undisturbed, seconds = whole
    draw, runs, kills, begun = random.Random(0), tmp_path / "runs", 0, 0
    while kills < 20:
        blow = functools.partial(kill_at, draw.uniform(0, seconds))
        code = finish(start(tmp_path / "chatter", *arguments, "--runs", runs, before=blow))
        if code == -signal.SIGKILL:
            kills += 1
            begun += any(runs.rglob("seed0"))
        else:  # it finished before the blow: start over for the next
            assert code == 0, (tmp_path / "chatter").read_text()
            shutil.rmtree(runs)
    assert begun > 2  # else only what comes before the fits was ever killed
    assert finish(start(tmp_path / "chatter", *arguments, "--runs", runs)) == 0, (tmp_path / "chatter").read_text()
    again = runs / MAY / undisturbed.name
    assert run_bytes(again) == run_bytes(undisturbed)


def test_the_same_command_does_nothing_twice(podium, files):
    command = ("run", MAY, "--data", files, *QUICK, "--json")
    first = podium(*command)
    second = podium(*command)
    assert result_of(first) == result_of(second)
    assert second.err.count("finished before") == 5
    assert "predicted before" in second.err


def test_fresh_starts_over(podium, files):
    command = ("run", MAY, "--data", files, *QUICK, "--json")
    first = result_of(podium(*command))
    again = podium(*command, "--fresh")
    assert result_of(again) == first
    assert "finished before" not in again.err


def test_what_changes_results_is_another_run(podium, files, tmp_path):
    command = ("run", MAY, "--data", files, *QUICK, "--json")
    names = {result_of(podium(*command))["run"]}
    for change in (("--rate", "0.2"), ("--seed", "1"), ("--seeds", "2"), ("--limit", "600"), ("--full", "beside")):
        names.add(result_of(podium(*command, *change))["run"])
    assert len(names) == 6
    assert result_of(podium(*command, "--quiet", "--name", "mine"))["run"].startswith("mine-")
    path = files / "train.csv"
    lines = path.read_text().splitlines()
    cells = lines[1].split(",")
    cells[-1] = str(1 - int(cells[-1]))
    path.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
    relabelled = podium(*command)
    assert result_of(relabelled)["run"] not in names
    assert "stays in force" in relabelled.err  # the stored folds are stratified by the old label


def test_folds_can_come_one_after_the_other(podium, files, tmp_path):
    command = ("run", MAY, "--data", files, *QUICK, "--json")
    part = result_of(podium(*command, "--folds", "0,3"))
    assert part["folds"] == [0, 3]
    assert part["rows"] < 1200
    rest = result_of(podium(*command))
    assert rest["run"] == part["run"]
    assert rest["folds"] == [0, 1, 2, 3, 4]
    assert rest["rows"] == 1200
    assert podium(*command, "--folds", "5").code == 2


def test_oof_has_a_row_per_id_fold_and_repeat_and_carries_the_fingerprints(whole):
    _, root, _ = whole
    record = json.loads((root / "run.json").read_text())
    oof, test = read_predictions(root / "oof.parquet"), read_predictions(root / "test.parquet")
    for predictions in (oof, test):
        assert predictions.marks["run"] == record["fingerprint"]
        assert predictions.marks["folds"] == record["folds"]["fingerprint"]
    assert test.marks["test"] == record["test"]["fingerprint"]
    assert len(oof.ids) == len(set(oof.ids)) == record["train"]["rows"]
    assert set(np.unique(oof.arrays["fold"])) == {0, 1, 2, 3, 4}
    mean = (oof.arrays["seed0_prediction"] + oof.arrays["seed1_prediction"]) / 2
    np.testing.assert_allclose(oof.arrays["prediction"], mean)


def test_seeds_are_averaged_and_their_spread_is_shown(podium, files):
    said = podium("run", MAY, "--data", files, *QUICK, "--subsample", "0.5", "--seeds", "3", "--json")
    result = result_of(said)
    assert len(result["seeds"]) == 3
    assert result["seed_spread"] > 0
    assert result["score"] > np.mean(result["seeds"])
    assert "seeds" in said.out


def test_full_fits_all_rows_with_the_rounds_the_folds_found(podium, files, tmp_path):
    said = podium(
        "run",
        MAY,
        "--data",
        files,
        "--rounds",
        "200",
        "--patience",
        "10",
        "--no-audit",
        "--threads",
        "1",
        "--full",
        "instead",
        "--json",
    )
    root = tmp_path / "runs" / MAY / result_of(said)["run"]
    fits = json.loads((root / "run.json").read_text())["fits"]
    found = [fits[str(fold)][0]["found"]["rounds"] for fold in range(5)]
    assert fits["full"][0]["found"]["rounds"] == round(np.mean(found)) < 200
    assert read_predictions(root / "test.parquet").marks["models"] == "full"


def test_a_fit_on_all_rows_is_made_again_when_more_folds_change_what_they_found(podium, files, tmp_path):
    steered = ("--rounds", "200", "--patience", "5", "--rate", "0.2", "--threads", "1", "--no-audit")
    command = ("run", MAY, "--data", files, *steered, "--full", "instead", "--json")
    runs = tmp_path / "parts"
    part = json.loads(podium(*command, "--runs", runs, "--folds", "0").out.splitlines()[-1])["run"]
    early = (runs / MAY / part / "full" / "seed0" / "done.json").read_text()
    assert podium(*command, "--runs", runs).code == 0
    assert podium(*command, "--runs", tmp_path / "whole").code == 0
    assert (runs / MAY / part / "full" / "seed0" / "done.json").read_text() != early
    assert run_bytes(runs / MAY / part) == run_bytes(tmp_path / "whole" / MAY / part)
    made = (runs / MAY / part / "full" / "seed0" / "label0.txt").stat().st_mtime_ns
    assert podium(*command, "--runs", runs, "--folds", "0").code == 0  # all folds stay finished: nothing is made again
    assert (runs / MAY / part / "full" / "seed0" / "label0.txt").stat().st_mtime_ns == made


def die_before_scoring() -> None:
    corridor.fit_folds = lambda _: os.kill(os.getpid(), signal.SIGKILL)


def test_a_command_killed_before_it_scores_leaves_what_was_scored(podium, files, tmp_path):
    command = ("run", MAY, "--data", files, *QUICK)
    root = tmp_path / "runs" / MAY / result_of(podium(*command, "--json"))["run"]
    before = json.loads((root / "run.json").read_text())
    again = start(tmp_path / "chatter", *command, "--runs", tmp_path / "runs", before=die_before_scoring)
    assert finish(again) == -signal.SIGKILL
    after = json.loads((root / "run.json").read_text())
    assert after["state"] == "running"
    assert [after[name] for name in ("scores", "submission")] == [before[name] for name in ("scores", "submission")]
    del after["scores"]  # as a first command leaves it that was killed between two folds
    (root / "run.json").write_text(json.dumps(after))
    said = podium("predict", root, "--data", files)
    assert said.code == 1
    assert "expected a run that was scored" in said.err


def test_predict_needs_no_training_and_refuses_changed_settings(podium, files, tmp_path):
    result = result_of(podium("run", MAY, "--data", files, *QUICK, "--json"))
    root = tmp_path / "runs" / MAY / result["run"]
    written = (root / "submission.csv").read_bytes()
    (root / "submission.csv").unlink()
    said = podium("predict", result["run"], "--data", files)
    assert said.code == 0
    assert (root / "submission.csv").read_bytes() == written
    record = json.loads((root / "run.json").read_text())
    record["settings"]["features"]["code"] = "of another day"
    (root / "run.json").write_text(json.dumps(record))
    said = podium("predict", result["run"], "--data", files)
    assert said.code == 1
    assert "features.code" in said.err


def test_another_test_table_means_other_predictions_but_no_training(podium, files):
    command = ("run", MAY, "--data", files, *QUICK, "--json")
    first = podium(*command)
    lines = (files / "test.csv").read_text().splitlines()
    cells = lines[1].split(",")
    cells[1] = "9.5"
    (files / "test.csv").write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
    again = podium(*command)
    assert result_of(again)["run"] == result_of(first)["run"]
    assert again.err.count("finished before") == 5
    assert "predicting" in again.err


def test_a_given_fold_file_with_other_ids_is_refused(podium, files, tmp_path):
    assert podium("folds", MAY, "--data", files).code == 0
    (stored,) = (tmp_path / "runs" / MAY / "folds").glob("*.parquet")
    kept = tmp_path / "kept.parquet"
    shutil.copy(stored, kept)
    lines = (files / "train.csv").read_text().splitlines()
    gone = lines[5].split(",")[0]
    (files / "train.csv").write_text("\n".join(lines[:5] + lines[6:]) + "\n")
    said = podium("run", MAY, "--data", files, *QUICK, "--fold-file", kept)
    assert said.code == 1
    assert gone in said.err
    assert "--remake" not in said.err  # which makes the plan's folds, not these


def test_a_second_run_on_the_same_folder_is_told(podium, files, tmp_path):
    result = result_of(podium("run", MAY, "--data", files, *QUICK, "--json"))
    from pipelines.runfolder import RunFolder

    with RunFolder(tmp_path / "runs" / MAY / result["run"]).lock():
        assert (
            finish(start(tmp_path / "chatter", "run", MAY, "--data", files, *QUICK, "--runs", tmp_path / "runs")) == 75
        )
    assert str(os.getpid()) in (tmp_path / "chatter").read_text()


def test_toy_commands_that_start_together_share_the_files(tmp_path):
    arguments = ["run", MAY, "--toy", "--runs", tmp_path / "runs", *QUICK, "--folds", "0"]
    children = [start(tmp_path / f"chatter{seed}", *arguments, "--seed", seed) for seed in range(3)]
    assert [finish(child) for child in children] == [0, 0, 0]


@pytest.mark.parametrize("lost", ["fold1/seed0/model.json", "fold2", "oof.parquet", "run.json", "fold3/oof.parquet"])
def test_a_run_folder_half_deleted_is_made_whole_again(podium, files, tmp_path, lost):
    command = ("run", MAY, "--data", files, *QUICK, "--json")
    first = result_of(podium(*command))
    root = tmp_path / "runs" / MAY / first["run"]
    before = run_bytes(root)
    path = root / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    (root / "test.parquet").unlink()
    said = podium(*command)
    assert result_of(said) == first
    assert run_bytes(root) == before


@pytest.mark.parametrize("size", [1_000, 10_000, 16_000])  # the folds, a model, the ledger do not fit
def test_a_full_disk_is_one_clear_error_and_the_run_goes_on_later(files, tmp_path, size):
    arguments = ["run", MAY, "--data", files, *QUICK]
    runs = tmp_path / "runs"
    os.mkfifo(tmp_path / "chatter")  # no file, so that what is said has room whatever the length of paths
    ear = os.open(tmp_path / "chatter", os.O_RDWR)
    child = start(tmp_path / "chatter", *arguments, "--runs", runs, before=functools.partial(shrink_disk, size))
    assert finish(child) == 1
    last = os.read(ear, 1 << 16).decode().splitlines()[-1]
    os.close(ear)
    assert last.startswith("podium: ")
    assert "File too large" in last or "disk" in last
    assert not list(runs.rglob("*.part"))
    assert main([*map(str, arguments), "--runs", str(runs), "--quiet"]) == 0


def test_ctrl_c_says_how_to_continue(files, tmp_path):
    arguments = ["run", MAY, "--data", files, "--rounds", "100000", "--patience", "0", "--no-audit", "--name", "a b"]
    chatter = tmp_path / "chatter"
    child = start(chatter, *arguments, "--runs", tmp_path / "runs")
    until(lambda: child.exitcode is not None or any((tmp_path / "runs").rglob("metrics.jsonl")))
    os.kill(child.pid, signal.SIGINT)  # in the middle of the first fit
    assert finish(child) == 130
    told = (tmp_path / "chatter").read_text()
    assert "the same command continues: podium run tps_tabular/may-2022" in told
    assert "--name 'a b'" in told


def test_limit_keeps_a_few_rows_of_every_fold(podium, files):
    said = podium("run", MAY, "--data", files, *QUICK, "--limit", "300", "--json")
    result = result_of(said)
    assert result["rows"] == 300
    assert len(result["fold_scores"]) == 5


def test_extra_rows_train_and_never_validate(files, tmp_path, monkeypatch):
    competition = find_competition(MAY)
    competition = competition.with_learner(replace(competition.learner, rounds=10, patience=0, threads=1))

    def extra(root):
        rows = competition.load(root)[0].iloc[:200]
        return rows.set_axis(pd.Index([f"old-{each}" for each in rows.index], name="id"))

    options = Options(data=files, runs=tmp_path / "runs", audit=False)
    plain = run_competition(competition, options, Report(quiet=True))
    joined = run_competition(replace(competition, extra=extra), options, Report(quiet=True))
    assert joined.run.folder.root != plain.run.folder.root
    assert joined.scores.model.rows == plain.scores.model.rows == 1200
    oof = read_predictions(joined.run.folder.oof)
    assert not any(each.startswith("old-") for each in oof.ids)
    assert len(joined.run.sides(0)[0]) == len(plain.run.sides(0)[0]) + 200


def test_another_baseline_is_another_run(files, tmp_path):
    """Its predictions lie in the run's folder, where the next command would find them done."""
    competition = find_competition(MAY)
    competition = competition.with_learner(replace(competition.learner, rounds=5, patience=0, threads=1))
    options = Options(data=files, runs=tmp_path / "runs", audit=False, folds=(0,))
    plain = run_competition(competition, options, Report(quiet=True), predict=False)
    other = replace(competition, baseline=ConstantLearner(statistic="median"))
    assert run_competition(other, options, Report(quiet=True), predict=False).run.folder.root != plain.run.folder.root
