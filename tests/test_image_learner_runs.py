"""The image learner in the corridor: killed, out of time, on several devices, and what its views are worth."""

from __future__ import annotations

import json
import random
import shutil
import signal
import socket
import time

import numpy as np
import pytest

from pipelines.corridor import choose_folds
from pipelines.loading import load_tables
from pipelines.options import Options
from pipelines.outcome import describe_outcome
from pipelines.predictions import read_predictions
from pipelines.report import Report
from pipelines.stops import UsageError
from pipelines.training.checkpoint import load_snapshot
from tests.forking import FORKS, finish
from tests.photos import photo_competition, plain_network, run_in_child, run_photos, small_network, write_photos

TIMED = {"run.json", "done.json", "run.log", ".lock"}  # they hold seconds and times of day
KILLS = 20


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos") / "raw"
    write_photos(root)
    return root


def child(chatter, raw, runs, environment=None, **chosen):
    made = FORKS.Process(target=run_in_child, args=(chatter, raw, runs, environment or {}, chosen))
    made.start()
    return made


def run_bytes(root):
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name not in TIMED]
    found = {str(path.relative_to(root)): path.read_bytes() for path in paths}
    found["metrics.jsonl"] = b"".join(sorted(found["metrics.jsonl"].splitlines(keepends=True)))
    return found


def only_run(runs):
    (record,) = (runs / "photos").glob("*/run.json")
    return record.parent


def record_of(outcome):
    return json.loads(outcome.run.folder.record.read_text())


# -- kills


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(raw, tmp_path):
    chosen = {"batch": 4, "epochs": 3, "save_every": 2, "ema": 0.9, "mixup": 0.2, "views": "flip", "keep": "best"}
    chatter = tmp_path / "chatter"
    assert finish(child(chatter, raw, tmp_path / "whole", **chosen)) == 0, chatter.read_text()
    seconds = float(chatter.read_text().split()[-1])
    draw, runs, kills, begun = random.Random(0), tmp_path / "runs", 0, 0
    while kills < KILLS:
        # Seconds of its own time: the moment is where it is drawn, however busy the machine.
        code = finish(child(chatter, raw, runs, {"CPU_SECONDS": str(draw.uniform(0, seconds))}, **chosen))
        if code == -signal.SIGKILL:
            kills += 1
            begun += any(runs.rglob("checkpoint.safetensors"))
        else:  # it finished before the blow: start over for the next
            assert code == 0, chatter.read_text()
            shutil.rmtree(runs)
    assert begun > 2  # else only what comes before and after a training was ever killed
    assert finish(child(chatter, raw, runs, **chosen)) == 0, chatter.read_text()
    assert run_bytes(only_run(runs)) == run_bytes(only_run(tmp_path / "whole"))
    assert json.loads((only_run(runs) / "run.json").read_text())["threads"] == 1


# -- budgets

STEPS = []  # that slow networks have taken


def slow_network(outputs, seed):
    network = small_network(outputs, seed)
    network.register_forward_pre_hook(lambda module, _: STEPS.append(None) if module.training else None)
    return network


@pytest.fixture
def hours(monkeypatch):
    """Two hours pass in each training step of a slow network."""
    monkeypatch.setattr(time, "time", lambda real=time.time: real() + 7200 * len(STEPS))


def test_out_of_time_the_checkpoint_predicts_and_the_same_command_goes_on(raw, tmp_path, hours):
    hour = {"budget": "1h"}
    stopped = run_photos(raw, tmp_path / "runs", hour, network=slow_network)
    assert record_of(stopped)["state"] == "stopped"
    assert record_of(stopped)["sources"] == ["checkpoint0"]
    assert "the checkpoint of fold 0 (no fold is finished)" in describe_outcome(stopped)
    assert len(stopped.submission.read_text().splitlines()) == 13
    first = stopped.submission.read_bytes()
    steps = load_snapshot(stopped.run.fits(0)[0].folder / "checkpoint.safetensors").state
    assert (steps["epoch"], steps["step"]) == (0, 1)
    again = run_photos(raw, tmp_path / "runs", hour, network=slow_network)
    assert again.run.folder.root == stopped.run.folder.root
    assert again.submission.read_bytes() != first  # a later checkpoint
    done = run_photos(raw, tmp_path / "runs", network=slow_network)
    assert record_of(done)["state"] == "done"
    assert record_of(done)["sources"] == ["fold0", "fold1"]
    assert "checkpoint" not in describe_outcome(done)
    whole = run_photos(raw, tmp_path / "whole", network=slow_network)
    assert whole.run.folder.name == done.run.folder.name  # a budget is no setting
    for name in ("oof.parquet", "test.parquet", "submission.csv", "fold1/seed0/model.safetensors"):
        assert (done.run.folder.root / name).read_bytes() == (whole.run.folder.root / name).read_bytes()


def dull_network(outputs, seed):
    network = slow_network(outputs, seed)
    network.register_forward_hook(lambda module, inputs, output: 0 * output)
    return network


def test_a_checkpoint_that_has_learned_nothing_yet_is_submitted_all_the_same(raw, tmp_path, hours):
    stopped = run_photos(raw, tmp_path / "runs", {"budget": "1h"}, network=dull_network)
    assert record_of(stopped)["sources"] == ["checkpoint0"]
    assert len({line.split(",")[1] for line in stopped.submission.read_text().splitlines()[1:]}) == 1
    with pytest.raises(ValueError, match=r"expected values that differ|values of sample_submission itself"):
        run_photos(raw, tmp_path / "runs", network=dull_network)  # trained to its end, it is refused


def test_finished_folds_predict_and_a_fold_that_does_not_fit_is_not_started(raw, tmp_path):
    run_photos(raw, tmp_path / "runs", {"folds": (0,)})
    done = only_run(tmp_path / "runs") / "fold0" / "seed0" / "done.json"
    done.write_text(json.dumps({**json.loads(done.read_text()), "seconds": 7200.0}))
    outcome = run_photos(raw, tmp_path / "runs", {"budget": "1h"})
    assert record_of(outcome)["sources"] == ["fold0"]
    assert "the score and the submission are of fold 0" in describe_outcome(outcome)
    log = outcome.run.folder.text_log.read_text()
    assert "fold 1: not started, a fold takes 2 h 00 min and the budget does not hold it" in log


def test_before_any_checkpoint_the_baseline_predicts(raw, tmp_path):
    nothing = run_photos(raw, tmp_path / "runs", {"budget": "0.001s", "folds": (1,)})
    assert record_of(nothing)["sources"] == ["baseline1"]
    assert nothing.scores.model.value == nothing.scores.baseline
    cells = {line.split(",")[1] for line in nothing.submission.read_text().splitlines()[1:]}
    assert len(cells) == 1


# -- rows in a time


def test_a_limit_in_seconds_is_measured_once_and_recorded_as_rows(raw, tmp_path):
    outcome = run_photos(raw, tmp_path / "runs", {"limit": "0.001s"})
    rows = outcome.run.limit
    assert 0 < rows <= 40
    assert record_of(outcome)["limit"] == record_of(outcome)["train"]["rows"] == rows
    known = json.loads((tmp_path / "runs" / "photos" / "limits.json").read_text())
    assert list(known.values()) == [rows]
    again = run_photos(raw, tmp_path / "runs", {"limit": "0.001s"})
    same = run_photos(raw, tmp_path / "runs", {"limit": str(rows)})
    assert again.run.folder.root == same.run.folder.root == outcome.run.folder.root


def test_several_processes_measure_no_time(raw, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    competition = photo_competition(tmp_path / "cache")
    options = Options(data=raw, runs=tmp_path / "runs", limit="1s")
    tables = load_tables(competition, options, Report(quiet=True))
    with pytest.raises(UsageError, match="--limit: expected a number of rows under torchrun"):
        choose_folds(competition, options, tables, Report(quiet=True))


# -- views


def test_views_are_scored_beside_a_single_one(raw, tmp_path):
    outcome = run_photos(raw, tmp_path / "runs", views="turns")
    oof = read_predictions(outcome.run.folder.oof)
    assert not np.array_equal(oof.arrays["prediction"], oof.arrays["plain_prediction"])
    gain = outcome.scores.model.value - outcome.scores.plain.value
    assert f"turns: {gain:+.5f} over a single view ({outcome.scores.plain.value:.5f})" in describe_outcome(outcome)
    assert record_of(outcome)["scores"]["plain"] == outcome.scores.plain.value
    bare = run_photos(raw, tmp_path / "runs", views="none")
    assert bare.scores.plain is None
    assert bare.scores.model.value == outcome.scores.plain.value


def test_a_score_on_rows_that_steered_the_fits_is_marked(raw, tmp_path):
    marked = describe_outcome(run_photos(raw, tmp_path / "runs", keep="best", schedule="plateau", patience=2))
    honest = describe_outcome(run_photos(raw, tmp_path / "runs"))
    assert "validation rows (--keep best, --schedule plateau, --patience 2): a little optimistic" in marked
    assert "optimistic" not in honest


# -- several devices


def test_folds_side_by_side_are_the_folds_one_after_the_other(raw, tmp_path):
    beside = run_photos(raw, tmp_path / "beside", device="cpu,cpu")
    after = run_photos(raw, tmp_path / "after")
    assert beside.run.folder.name == after.run.folder.name
    assert run_bytes(beside.run.folder.root) == run_bytes(after.run.folder.root)


def test_an_error_on_one_of_several_devices_reaches_the_command(raw, tmp_path):
    with pytest.raises(ValueError, match=r"got (nan|inf)"):
        run_photos(raw, tmp_path / "runs", device="cpu,cpu", optimiser="sgd", rate=1e30, warmup=0.0)


def test_two_processes_train_the_network_of_one(raw, tmp_path):
    chosen = {"network": plain_network, "batch": 4, "epochs": 4, "augment": "medium", "clip": 0.5, "ema": 0.9}
    chosen["precision"] = "fp32"  # bf16, which auto takes on CPUs with matrix units, rounds by more than 1e-5
    kept = socket.socket()  # bound, so that no other process is given the port before the two listen at it
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(kept.getsockname()[1])}
    place["GLOO_SOCKET_IFNAME"] = "lo"  # the machine's own name may be known to nobody
    chatters = [tmp_path / f"chatter{rank}" for rank in range(2)]
    crew = [
        child(chatters[rank], raw, tmp_path / "two", {**place, "RANK": str(rank), "LOCAL_RANK": str(rank)}, **chosen)
        for rank in range(2)
    ]
    with kept:
        assert [finish(each) for each in crew] == [0, 0], "\n".join(each.read_text() for each in chatters)
    assert "submission" not in chatters[1].read_text()
    assert finish(child(chatters[0], raw, tmp_path / "one", **chosen)) == 0, chatters[0].read_text()
    two, one = only_run(tmp_path / "two"), only_run(tmp_path / "one")
    assert {path.relative_to(two) for path in two.rglob("*")} == {path.relative_to(one) for path in one.rglob("*")}
    for fold in range(2):
        weights = [load_snapshot(run / f"fold{fold}" / "seed0" / "model.safetensors").tensors for run in (two, one)]
        for name, tensor in weights[0].items():
            np.testing.assert_allclose(tensor, weights[1][name], atol=1e-5)
    logged = [sorted((run / "metrics.jsonl").read_text().splitlines()) for run in (two, one)]
    losses = [[json.loads(line)["loss"] for line in lines] for lines in logged]  # of the whole batch, not of a share
    np.testing.assert_allclose(losses[0], losses[1], atol=1e-5)
    oof = [read_predictions(run / "oof.parquet").arrays["prediction"] for run in (two, one)]
    np.testing.assert_allclose(oof[0], oof[1], atol=1e-5)
