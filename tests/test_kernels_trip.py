"""podium kernel push, status and pull: the real client against a stand-in that knows kernels and datasets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from competitions.registry import find_competition
from pipelines.kernels.bundle import Bundle
from submissions.ledger import LEDGER, Ledger
from tests.kaggle_server import KEY, USER, Fault, State
from tests.kaggling import MAY, SLUG, copy_run
from tests.kernel_server import kernels_at


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    with kernels_at(monkeypatch, tmp_path / "home", State(slug=SLUG, code=True)) as given:
        yield given


@pytest.fixture
def built(raw_files, tmp_path, stand_in) -> Path:
    """A finished run of may-2022 with its kernel."""
    return tmp_path / "runs" / MAY / copy_run(raw_files, tmp_path, built=True)


def test_a_kernel_that_another_command_works_on_is_left(podium, built, stand_in):
    _, kernels = stand_in
    with Bundle(built / "kernel").alone():
        for step in ("build", "rehearse", "push"):
            said = podium("kernel", step, built.name)
            assert (said.code, "expected nobody else to work on this kernel" in said.err) == (75, True)
    assert kernels.saved == []


def test_there_and_back(podium, built, stand_in):
    _, kernels = stand_in
    said = podium("kernel", "push", built.name, "--wait", "60s")
    assert said.code == 0, said.err
    refused = podium("kernel", "submit", built.name)
    assert (refused.code, "got one that takes files: podium submit" in refused.err) == (1, True)
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


def test_an_upload_that_breaks_goes_on(podium, built, stand_in):
    server, kernels = stand_in
    server.state.faults = [Fault("-runs--", 503), Fault("-podium-", drop=True)]
    said = podium("kernel", "push", built.name)
    assert said.code == 0, said.err
    for kind, versions in zip(("code", "carried"), kernels.datasets.values(), strict=True):
        (held,) = versions
        files = {path.name: path.read_bytes() for path in (built / "kernel" / kind).iterdir()}
        assert held.items() <= files.items()
        assert {*files} - {*held} == {"dataset-metadata.json"}


def test_a_dataset_whose_answer_is_lost_is_made_once(podium, built, stand_in):
    """The client asks again by itself, and is told that the name is taken."""
    server, kernels = stand_in
    server.state.faults = [Fault("CreateDataset", 503, after=True)]
    said = podium("kernel", "push", built.name)
    assert said.code == 0, said.err
    assert "Request failed" not in said.err
    assert [len(versions) for versions in kernels.datasets.values()] == [1, 1]


def test_a_push_that_stopped_before_the_kernel_is_none(podium, built, stand_in):
    server, kernels = stand_in
    server.state.faults = [Fault("-runs--", 400, times=9)]
    assert podium("kernel", "push", built.name).code == 1
    assert (len(kernels.datasets), kernels.saved) == (1, [])
    said = podium("kernel", "status", built.name)
    assert said.code == 1
    assert "expected a pushed kernel, got none" in said.err


@pytest.fixture
def code(monkeypatch):
    """may-2022 as a code competition."""
    may = replace(find_competition(MAY), code=True)
    monkeypatch.setattr("competitions.kernel_runs.find_competition", lambda name: may)


def test_a_pushed_version_is_checked_and_submitted_once(podium, built, stand_in, code):
    server, kernels = stand_in
    said = podium("kernel", "submit", built.name)
    assert (said.code, "expected a pushed kernel, got none" in said.err) == (1, True)
    kernels.output = {"submission.csv": (built / "submission.csv").read_bytes()}
    assert podium("kernel", "push", built.name).code == 0
    said = podium("kernel", "submit", built.name)
    assert said.code == 1
    assert "expected a finished session, got running: podium kernel status RUN --wait 12h waits for it" in said.err
    assert podium("kernel", "status", built.name, "--wait", "60s").code == 0
    assert "nothing was uploaded" in podium("kernel", "submit", built.name, "--dry-run").out
    assert server.state.submissions == []
    server.state.faults = [Fault("CreateCodeSubmission", 503, after=True)]
    said = podium("kernel", "submit", built.name, "-m", "by notebook")
    assert said.code == 0, said.err
    assert "public 0.87000" in said.out
    assert [each["description"] for each in server.state.submissions] == ["by notebook"]
    assert (built / "kernel-submission.csv").exists()
    (row,) = Ledger(built.parents[2] / LEDGER).submissions()
    assert (row.run, row.status, row.public) == (built.name, "complete", 0.87)
    assert row.file.startswith(f"notebook {USER}/tps-tabular-may-2022-")
    assert row.file.endswith(" version 1")
    (asked,) = [body for path, body in server.state.asked if "CreateCodeSubmission" in path]
    assert (asked["kernelVersion"], asked["fileName"]) == (1, "submission.csv")
    said = podium("kernel", "submit", built.name)
    assert said.code == 1
    assert "expected one not submitted before" in said.err
    assert podium("kernel", "push", built.name).code == 0  # another version may be
    assert podium("kernel", "submit", built.name, "--wait", "0").code == 0
    assert len(server.state.submissions) == 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("CreateCodeSubmission", 404), "is that version of the notebook there"),
        (Fault("CreateCodeSubmission", 400), "Kaggle says no more"),
        (Fault("CreateCodeSubmission", 400, b'{"code":400,"message":"daily limit"}'), "00:00 UTC"),
    ],
)
def test_a_version_that_is_refused_is_told(podium, built, stand_in, code, fault, words):
    server, kernels = stand_in
    kernels.states, kernels.output = ["COMPLETE"], {"submission.csv": (built / "submission.csv").read_bytes()}
    assert podium("kernel", "push", built.name).code == 0
    server.state.faults = [fault]
    said = podium("kernel", "submit", built.name)
    assert said.code == 1
    assert words in said.err
    assert [row.status for row in Ledger(built.parents[2] / LEDGER).submissions()] == ["refused"]


def test_a_kernel_saved_without_its_sources_is_an_error(podium, built, stand_in):
    stand_in[1].invalid = ["someone/else"]
    said = podium("kernel", "push", built.name)
    assert said.code == 1
    assert "saved without someone/else" in said.err
