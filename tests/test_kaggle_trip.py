"""The whole round trip as a user types it, in processes of their own; no secret in what it leaves behind or tells."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest

from competitions.registry import find_competition
from pipelines.runfolder import RunFolder, read_json
from submissions.ledger import LEDGER, Ledger
from tests.conftest import QUICK
from tests.forking import finish, start
from tests.kaggle_server import KEY, SIGNATURE, TOKEN, USER, Fault, State, serving
from tests.kaggling import FORMS, MAY, SLUG, aimed, copy_run, settle
from tests.kernel_server import kernels_at
from tests.source import ROOT
from tests.tracked import KEY as WANDB_KEY
from tests.tracked import settle_home
from tests.wandb_server import Server as WandbServer

BASIC = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
SECRETS = (KEY, TOKEN, BASIC, SIGNATURE.split("=")[1], WANDB_KEY)


@pytest.fixture
def state(raw_files) -> State:
    return State(slug=SLUG, files={path.name: path.read_bytes() for path in sorted(raw_files.iterdir())})


def secrets_in(folder, *texts: str) -> list[str]:
    """Where a secret shows: files under a folder, archives of text included, and what was said."""
    found = [secret for text in texts for secret in SECRETS if secret in text]
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "kaggle.json":
            content = path.read_bytes()
            found += [f"{path}: {secret}" for secret in SECRETS if secret.encode() in content]
    return found


def test_typed_by_a_user(state, raw_files, tmp_path):
    """Nothing but the environment sends the client to the stand-in: it is the client as it was installed."""
    home = tmp_path / "home"
    (home / ".kaggle").mkdir(parents=True)
    (home / ".kaggle" / "kaggle.json").write_text(json.dumps({"username": USER, "key": KEY}))
    (home / ".kaggle" / "kaggle.json").chmod(0o600)
    with serving(state) as server:
        environment = {name: value for name, value in os.environ.items() if name not in FORMS}
        environment |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "KAGGLE_API_ENVIRONMENT": "LOCALHOST"}
        environment |= {"HTTP_PROXY": server.url, "http_proxy": server.url, "NO_PROXY": "127.0.0.1", "VERBOSE": "1"}

        def podium(*arguments: str) -> subprocess.CompletedProcess:
            command = [sys.executable, "-m", "competitions", *arguments]
            return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

        brought = podium("data", MAY)
        assert brought.returncode == 0, brought.stderr
        assert brought.stdout.startswith(f"{MAY}: ")
        root = tmp_path / "data" / SLUG
        assert {path.name: path.read_bytes() for path in root.iterdir() if path.name in state.files} == state.files
        run = copy_run(raw_files, tmp_path / "made")
        (tmp_path / "made" / "runs").rename(tmp_path / "runs")
        sent = podium("submit", run, "-m", "typed", "--wait", "60s")
        assert sent.returncode == 0, sent.stderr
        assert "public 0.87000" in sent.stdout
    assert [each["description"] for each in state.submissions] == ["typed"]
    assert secrets_in(tmp_path, brought.stdout, brought.stderr, sent.stdout, sent.stderr) == []


def test_two_commands_with_one_file_make_one_submission(state, raw_files, tmp_path):
    run = copy_run(raw_files, tmp_path)
    state.faults = [Fault("CreateSubmission", hang=0.5)]
    with serving(state) as server:
        before = partial(settle, server.url, tmp_path)
        typed = ("submit", run, "--wait", "0")  # a second one that came after the score would be refused as submitted
        children = [start(tmp_path / f"chatter {each}", *typed, before=before) for each in range(2)]
        assert [finish(child) for child in children] == [0, 0]
    assert len(state.submissions) == 1
    assert [row.ref for row in Ledger(tmp_path / "runs" / LEDGER).submissions()] == [str(state.submissions[0]["ref"])]


@pytest.mark.parametrize("shown", [f"Basic {BASIC} of {KEY}", f"Bearer {TOKEN}"])
def test_no_secret_is_left_anywhere(podium, state, raw_files, tmp_path, monkeypatch, caplog, shown):
    """A round trip with every kind of failure in it, some of which repeat the credentials in Kaggle's own words."""
    run = copy_run(raw_files, tmp_path)
    echo = json.dumps({"code": 400, "message": f"bad header Authorization: {shown}"}).encode()
    said = []
    with aimed(monkeypatch, tmp_path / "home", state):
        if TOKEN in shown:
            monkeypatch.delenv("KAGGLE_KEY")
            monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
        for fault in (
            Fault("ListDataFiles", 400, echo),
            Fault("ListDataFiles", drop=True, times=9),
            Fault("/storage/", drop=True, times=9),
            Fault("/storage/", 403, b"<Error>signature</Error>", "application/xml", times=9),
            Fault("/storage/train.csv", cut=300, times=3),
        ):
            state.faults = [fault]
            said.append(podium("data", MAY, "--force"))
        assert [each.code for each in said] == [1, 1, 1, 1, 0]
        for faults in (
            [Fault("GetSubmissionLimits", 400, echo)],
            [Fault("CreateSubmission", 400, echo)],
            [Fault("/upload/", drop=True), Fault("CreateSubmission", 503, echo, after=True)],
        ):
            state.faults = faults
            said.append(podium("submit", run))
        assert said[-1].code == 0
        state.faults = []
        said += [podium("sync", MAY), podium("board", MAY, "--csv", tmp_path / "ledger.csv")]
        assert [each.code for each in said[-2:]] == [0, 0]
    assert len(state.submissions) == 1
    assert secrets_in(tmp_path, caplog.text, *(text for each in said for text in (each.out, each.err))) == []
    assert "***" in said[0].err


def test_a_round_trip_with_kernels_and_w_and_b_leaves_no_secret(podium, state, tmp_path, monkeypatch, caplog):
    """Download, training, submission, board and a kernel there and back, all of it told to W&B, as there is a key."""
    settle_home(tmp_path, monkeypatch)
    said = []
    may = replace(find_competition(MAY), code=True)
    with kernels_at(monkeypatch, tmp_path / "home", state) as (_, kernels), closing(WandbServer()) as wandb:
        monkeypatch.setenv("WANDB_API_KEY", WANDB_KEY)
        monkeypatch.setenv("WANDB_BASE_URL", wandb.url)
        monkeypatch.setenv("WANDB_INIT_TIMEOUT", "600")  # a busy machine must not make a test fail
        said += [podium("data", MAY), podium("run", MAY, *QUICK, "--folds", "0,1", "--wandb-models")]
        assert said[-1].code == 0, said[-1].err
        assert f"W&B: {wandb.url}/me/" in said[-1].err
        (run,) = [path.parent for path in (tmp_path / "runs" / MAY).glob("*/run.json")]
        w_and_b_holds(wandb, RunFolder(run))
        said.append(podium("submit", run.name))
        assert wandb.summary("cv")["public"] == 0.87
        said.append(podium("board", MAY))
        assert [each["jobType"] for each in wandb.runs.values()].count("board") == 0  # only when asked
        said.append(podium("board", MAY, "--wandb", "online", "--csv", tmp_path / "ledger.csv"))
        (board,) = [each for each in wandb.runs.values() if each["jobType"] == "board"]
        assert board["project"] == "tps_tabular-may-2022"
        held = [("pictures/board" in each, "board" in each) for each in board["lines"]]
        assert held == [(True, False), (False, True)]
        kernels.states, kernels.output = ["COMPLETE"], {"submission.csv": (run / "submission.csv").read_bytes()}
        said += [podium("kernel", step, run.name) for step in ("build", "push", "status", "pull")]
        monkeypatch.setattr("competitions.kernel_runs.find_competition", lambda name: may)
        state.code = True
        said += [podium("kernel", "submit", run.name, "--wandb", "off"), podium("sync", MAY)]
        assert [(each.code, each.err if each.code else "") for each in said] == [(0, "")] * len(said)
        assert len(state.submissions) == 2
        told = [repr([state.asked, kernels.saved]).encode(), *wandb.bodies, *state.uploads.values()]
    assert secrets_in(tmp_path, caplog.text, *(text for each in said for text in (each.out, each.err))) == []
    assert [secret for secret in SECRETS for text in told if secret.encode() in text] == []
    ours = [text for text in wandb.bodies if b"storagePolicy" not in text]  # wandb's lists of an artifact's files
    assert not [text for text in ours if str(tmp_path).encode() in text]


def w_and_b_holds(server, folder: RunFolder) -> None:
    """Every step of every fold, the scores and the models."""
    assert {run["groupName"] for run in server.runs.values()} == {folder.name}
    assert sorted(run["jobType"] for run in server.runs.values()) == ["cv", "fold", "fold"]
    assert all(run["complete"] for run in server.runs.values())
    lines = folder.logged()
    for fold in ("0", "1"):
        sent = [(line["step"], line["train_binary_logloss"]) for line in server.lines(f"fold{fold}")]
        assert sent == [(line["step"], line["train_binary_logloss"]) for line in lines if line["fold"] == fold]
    assert server.summary("cv")["score"] == read_json(folder.record)["scores"]["score"]
    models = [each for each in server.artifacts if each["artifactTypeName"] == "model"]
    assert [each["artifactCollectionName"] for each in models] == [f"{folder.name}-fold{fold}" for fold in (0, 1)]
    model = next(path for path in (folder.root / "fold0" / "seed0").iterdir() if path.suffix == ".txt")
    assert model.read_bytes() in server.files.values()
