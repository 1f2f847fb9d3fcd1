"""podium kernel push, status and pull: the real client against a stand-in that knows kernels and datasets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kaggle_server import KEY, USER, Fault
from tests.kaggling import MAY, copy_run
from tests.kernel_server import kernels_at


@pytest.fixture
def run(raw_files, tmp_path) -> Path:
    """A finished run of may-2022."""
    return tmp_path / "runs" / MAY / copy_run(raw_files, tmp_path)


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    with kernels_at(monkeypatch, tmp_path / "home") as given:
        yield given


@pytest.fixture
def built(podium, run, stand_in) -> Path:
    assert podium("kernel", "build", run.name).code == 0
    return run


def test_there_and_back(podium, built, stand_in):
    _, kernels = stand_in
    said = podium("kernel", "push", built.name, "--wait", "60s")
    assert said.code == 0, said.err
    (saved,) = kernels.saved
    assert saved["slug"].startswith(f"{USER}/tps-tabular-may-2022-")
    assert saved["isPrivate"] is True
    assert "enableInternet" not in saved or saved["enableInternet"] is False
    assert saved["machineShape"] == "NvidiaTeslaT4"
    assert saved["datasetDataSources"] == [*kernels.datasets]
    assert all(len(versions) == 1 for versions in kernels.datasets.values())
    assert kernels.public == []
    code, models = kernels.datasets.values()
    assert {"bundle.json"} < {*code[0]}
    for name, content in json.loads(code[0]["bundle.json"])["files"].items():
        assert models[0][content] == (built / name.removeprefix(f"runs/{built.name}/")).read_bytes()
    assert f"https://www.kaggle.com/code/{saved['slug']}" in said.out
    assert "complete" in said.out

    kernels.output = {"submission.csv": (built / "submission.csv").read_bytes(), "runs.bin": b"more"}
    fetched = podium("kernel", "pull", built.name)
    assert fetched.code == 0, fetched.err
    assert "the same bytes as submission.csv" in fetched.out
    assert (built / "kernel-submission.csv").read_bytes() == kernels.output["submission.csv"]
    assert not (built / "kernel-output").exists()
    assert podium("kernel", "pull", built.name, "--all").code == 0
    assert {path.name for path in (built / "kernel-output").iterdir()} > {"submission.csv", "runs.bin"}
    assert not any(KEY.encode() in path.read_bytes() for path in built.rglob("*") if path.is_file())


def test_what_is_there_is_not_uploaded_again(podium, built, stand_in):
    _, kernels = stand_in
    assert podium("kernel", "push", built.name).code == 0
    assert podium("kernel", "build", built.name).code == 0  # the same bytes
    said = podium("kernel", "push", built.name)
    assert said.code == 0, said.err
    assert said.err.count("not uploaded again") == 2
    assert [len(versions) for versions in kernels.datasets.values()] == [1, 1]
    model = next((built / "fold0" / "seed0").glob("*.json"))
    model.write_text(model.read_text() + "\n")
    assert podium("kernel", "build", built.name).code == 0
    assert podium("kernel", "push", built.name).code == 0
    assert [len(versions) for versions in kernels.datasets.values()] == [1, 2]
    assert len(kernels.saved) == 3


def test_a_failed_session_says_why(podium, built, stand_in):
    _, kernels = stand_in
    kernels.states, kernels.failure = ["RUNNING", "RUNNING", "RUNNING", "ERROR"], "CUDA out of memory"
    assert podium("kernel", "status", built.name).code == 1  # nothing is pushed
    said = podium("kernel", "push", built.name)
    assert (said.code, "running" in said.out) == (0, True)
    pulled = podium("kernel", "pull", built.name)
    assert pulled.code == 1
    assert "expected a finished session, got running" in pulled.err
    said = podium("kernel", "status", built.name, "--wait", "30s")
    assert said.code == 1
    assert "error: CUDA out of memory" in said.out
    assert podium("kernel", "pull", built.name).code == 1
    assert not (built / "kernel-submission.csv").exists()


BAD = json.dumps({"code": 404, "message": "expired"}).encode()


@pytest.mark.parametrize(
    ("output", "fault", "words"),
    [
        ({"submission.csv": BAD}, None, "refused"),
        ({"submission.csv": b"id,target\n1,0.5\n"}, None, "refused"),
        ({"other.csv": b""}, None, "expected submission.csv"),
        ({"submission.csv": b"x"}, Fault("/storage/output", 404, BAD, times=9), "HTTP 404"),
        ({"submission.csv": b"x"}, Fault("ListKernelSessionOutput", 403, b"{}", times=9), "no access"),
    ],
)
def test_what_is_no_submission_is_not_kept(podium, built, stand_in, output, fault, words):
    server, kernels = stand_in
    kernels.states = ["COMPLETE"]
    assert podium("kernel", "push", built.name).code == 0
    kernels.output, server.state.faults = output, [fault] if fault else []
    said = podium("kernel", "pull", built.name)
    assert said.code == 1
    assert words in said.err
    assert not (built / "kernel-submission.csv").exists()


def test_a_kernel_is_never_started_twice_for_a_lost_answer(podium, built, stand_in):
    server, kernels = stand_in
    server.state.faults = [Fault("SaveKernel", drop=True, after=True, times=9)]
    said = podium("kernel", "push", built.name)
    assert said.code == 1
    assert "podium kernel status" in said.err
    assert len(kernels.saved) <= 2  # urllib3 itself repeats what the server hung up on, once
    server.state.faults = []
    assert podium("kernel", "status", built.name).code == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("CreateDataset", 400, b'{"code": 400, "message": "bad title"}'), "bad title"),
        (Fault("/upload/", 400, b"", times=9), "Upload unsuccessful"),
        (Fault("GetDatasetStatus", 401, b"{}", times=9), "credentials refused"),
        (Fault("SaveKernel", 403, b"{}"), "is it there, and yours"),
    ],
)
def test_a_push_that_fails_starts_nothing(podium, built, stand_in, fault, words):
    server, kernels = stand_in
    server.state.faults = [fault]
    said = podium("kernel", "push", built.name)
    assert said.code == 1
    assert words in said.err
    assert kernels.saved == []
    server.state.faults = []
    assert podium("kernel", "push", built.name).code == 0


def test_a_kernel_saved_without_its_sources_is_an_error(podium, built, stand_in):
    stand_in[1].invalid = ["someone/else"]
    said = podium("kernel", "push", built.name)
    assert said.code == 1
    assert "saved without someone/else" in said.err
