"""Several runs as one: on the same folds only, with a score that the search for weights has not seen."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipelines.predictions import read_predictions
from pipelines.runfolder import RunFolder, read_json, write_json
from tests.conftest import QUICK

MAY = "tps_tabular/may-2022"


@pytest.fixture
def three_runs(podium, files):
    def run(*flags):
        said = podium("run", MAY, "--data", files, *QUICK, *flags, "--json")
        assert said.code == 0, said.err
        return json.loads(said.out.splitlines()[-1])

    return [run(), run("--seed", "7", "--columns", "0.3"), run("--leaves", "3", "--rate", "0.3")]


def test_predict_with_several_runs_averages_them(podium, files, tmp_path, three_runs):
    names = [run["run"] for run in three_runs]
    said = podium("predict", *names, "--data", files, "--json")
    assert said.code == 0, said.err
    made = json.loads(said.out.splitlines()[-1])
    root = tmp_path / "runs" / MAY
    alone = [read_predictions(root / name / "test.parquet").arrays["prediction"] for name in names]
    blended = read_predictions(root / made["run"] / "test.parquet").arrays["prediction"]
    np.testing.assert_allclose(blended, np.mean(alone, axis=0))
    assert (root / made["run"] / "submission.csv").exists()
    assert made["optimistic"] is None


def test_a_blend_of_runs_of_some_folds_is_not_kept_before_a_whole_run(podium, files, tmp_path):
    flags = ("--data", files, *QUICK, "--json")
    halves = [podium("run", MAY, *flags, "--folds", "0,1", "--rate", rate).out for rate in ("0.1", "0.3")]
    names = [json.loads(said.splitlines()[-1])["run"] for said in halves]
    blend = json.loads(podium("blend", *names, "--data", files, "--json").out.splitlines()[-1])["run"]
    whole = json.loads(podium("run", MAY, *flags, "--rounds", "1", "--patience", "0").out.splitlines()[-1])["run"]
    said = podium("clean", MAY, "--keep", "1").out
    assert whole not in said
    assert all(name in said for name in (*names, blend))


@pytest.mark.parametrize("method", ["greedy", "simplex", "rank"])
def test_blend_weighs_runs_and_shows_the_honest_score(podium, files, three_runs, method):
    said = podium("blend", *(run["run"] for run in three_runs), "--data", files, "--method", method, "--json")
    assert said.code == 0, said.err
    made = json.loads(said.out.splitlines()[-1])
    assert sum(made["weights"].values()) == pytest.approx(1)
    assert made["singles"] == {run["run"]: pytest.approx(run["score"]) for run in three_runs} or method == "rank"
    if method != "rank":
        assert made["optimistic"] >= max(run["score"] for run in three_runs)
        assert made["score"] <= made["optimistic"]
    assert podium("runs", MAY).out.count("blend-") == 1


def test_runs_on_other_folds_are_refused_by_name(podium, files, three_runs, tmp_path):
    recipes = tmp_path / "runs" / MAY / "folds"
    before = {*recipes.glob("*.parquet")}
    assert podium("folds", MAY, "--data", files, "--seed", "5").code == 0
    (made,) = {*recipes.glob("*.parquet")} - before
    said = podium("run", MAY, "--data", files, *QUICK, "--fold-file", made, "--json")
    other = json.loads(said.out.splitlines()[-1])["run"]
    said = podium("blend", three_runs[0]["run"], other, "--data", files)
    assert said.code == 1
    assert three_runs[0]["run"] in said.err
    assert other in said.err
    assert podium("blend", other, "--data", files).code == 2


def test_a_blend_can_name_its_competition_first(podium, files, tmp_path, three_runs):
    names = [run["run"] for run in three_runs]
    plain = json.loads(podium("blend", *names, "--data", files, "--json").out.splitlines()[-1])
    said = podium("blend", MAY, *names, "--data", files, "--json")
    assert json.loads(said.out.splitlines()[-1]) == plain
    folder = RunFolder(tmp_path / "runs" / MAY / plain["run"])
    write_json(folder.record, {**(record := read_json(folder.record)), "scores": {**record["scores"], "score": 1.0}})
    assert "4 kept, 0 to delete" in podium("clean", MAY, "--keep", "1").out  # the best, and the three that it weighs
    said = podium("blend", "tps_tabular/dec-2021", *names, "--data", files)
    assert said.code == 2
    assert "expected runs of tps_tabular/dec-2021" in said.err


def test_runs_that_cannot_be_blended_are_named(podium, files, tmp_path, three_runs):
    names = [run["run"] for run in three_runs]
    said = podium("blend", names[0], names[0], "--data", files)
    assert (said.code, said.err.count(names[0])) == (2, 2)
    made = json.loads(podium("predict", *names, "--data", files, "--json").out.splitlines()[-1])["run"]
    assert json.loads((tmp_path / "runs" / MAY / made / "run.json").read_text())["toy"] is False
    for runs in ([made], [made, names[0]]):
        said = podium("predict", *runs, "--data", files)
        assert said.code == 2
        assert f"{made}: expected a run with models" in said.err


def test_a_run_that_goes_on_is_not_predicted_from_beside_it(podium, files, tmp_path, three_runs):
    with RunFolder(tmp_path / "runs" / MAY / three_runs[0]["run"]).lock():
        assert podium("predict", three_runs[0]["run"], "--data", files).code == 75
        assert podium("blend", *[each["run"] for each in three_runs[1::-1]], "--data", files).code == 75
