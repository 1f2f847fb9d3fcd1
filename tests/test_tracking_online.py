"""The mirror online, over loopback: it takes up where W&B's knowledge ends, and W&B can neither stop nor hold a run."""

from __future__ import annotations

import socket
import time
from contextlib import closing

import pytest

from pipelines.report import Report
from pipelines.tracking import belongings, tracker
from pipelines.tracking.mirror import Job
from pipelines.tracking.tracker import Tracker, mirrored
from tests.tracked import KEY, handed_over, log, logged, make_folder, mirror, settle_home, until
from tests.wandb_records import read_folders
from tests.wandb_server import Server

MAY = "tps_tabular/may-2022"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """W&B keeps its own files here, and knows a key."""
    settle_home(tmp_path, monkeypatch)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "1")  # seconds for its first answer


@pytest.fixture
def server(monkeypatch):
    """A W&B that answers."""
    with closing(Server()) as made:
        monkeypatch.setenv("WANDB_BASE_URL", made.url)
        monkeypatch.setenv("WANDB_INIT_TIMEOUT", "600")
        yield made


def steps(server, place="fold0"):
    return [(line["_step"], line["loss"]) for line in server.lines(place)]


def test_w_and_b_falls_silent_and_the_next_command_sends_the_rest(server, tmp_path, monkeypatch):
    monkeypatch.setattr(tracker, "PATIENCE", 6.0)  # in which a busy machine can send, and see the silence
    folder = make_folder(tmp_path)
    server.takes = 17
    with mirrored(folder, "online", "folds", False, Report(quiet=True, log=tmp_path / "said")):
        log(folder, range(30))
        until(lambda: handed_over(folder) == 30)
        start = time.monotonic()
    assert time.monotonic() - start < 300  # the server would be silent for good
    said = (tmp_path / "said").read_text()
    assert said.count("W&B: it did not take everything within 6 s; the same command sends the rest") == 1
    assert len(server.lines("fold0")) == 17
    mirror(tmp_path, "offline", range(25, 35))
    assert "W&B: only the server knows how much of run-f00dface fold0 it has" in (tmp_path / "said").read_text()
    assert not list(folder.tracking.glob("offline-run-*fold0"))
    server.recover()
    monkeypatch.setattr(tracker, "PATIENCE", 600.0)
    mirror(tmp_path, "online", range(25, 40))
    assert len(server.runs) == 2
    assert steps(server) == logged(folder)
    assert [step for step, _ in steps(server)] == list(range(40))


def test_models_are_sent_on_behind_a_command_that_has_ended(server, tmp_path, monkeypatch):
    monkeypatch.setattr(tracker, "PATIENCE", 0.5)
    monkeypatch.setattr(belongings, "SLOWEST", 10)  # bytes a second: the models below may take minutes
    folder, model = make_folder(tmp_path), b"weights" * 1000
    fit = folder.fit(0, 0, Report(quiet=True))
    fit.prepare()
    (fit.folder / "model.bin").write_bytes(model)
    fit.finish({"found": {}, "seconds": 1.0})
    folder.fold_oof(0).touch()
    server.takes_models.clear()
    sending = Tracker(Job(str(folder.root), "online", models=True), Report(quiet=True, log=tmp_path / "said"))
    sending.stop("done")
    assert (
        "W&B: models are still on their way, the command does not wait; 11 min 40 s" in (tmp_path / "said").read_text()
    )
    assert model not in server.files.values()
    server.takes_models.set()
    assert sending.child.wait(600) == 0
    assert model in server.files.values()


@pytest.mark.parametrize("fault", ["down", "silent"])
def test_without_an_answer_it_goes_on_offline_and_says_so_once(fault, tmp_path, monkeypatch):
    with closing(socket.socket()) as port:
        port.bind(("127.0.0.1", 0))
        if fault == "silent":
            port.listen(50)
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port.getsockname()[1]}")
        room = tmp_path / "my files"  # a path that a shell would take for two
        folder = make_folder(room)
        mirror(room, "online", range(5))
    said = (room / "said").read_text()
    assert said.count("W&B: ") == 2
    assert said.count("W&B: it did not open a run (") == 1
    assert said.count(f"W&B: offline; `wandb sync '{folder.tracking}'` sends it") == 1
    (one,) = [one for id, one in read_folders(folder.tracking).items() if id.endswith("fold0")]
    assert one.curve("loss") == logged(folder)


def test_a_client_that_waits_for_minutes_is_given_up_with_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "600")  # the client's own limit, as long as that of some versions
    folder = make_folder(tmp_path)
    with closing(socket.create_server(("127.0.0.1", 0))) as port:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port.getsockname()[1]}")
        job = Job(str(folder.root), "online", longest=2.0)
        started = Tracker(job, Report(quiet=True, log=tmp_path / "said"))
        assert started.child.wait(600) == 0  # while the command is still at work
        started.stop("done")
    said = (tmp_path / "said").read_text()
    assert said.count("W&B: ") == said.count("W&B: it did not open a run within 2 s; nothing more is sent") == 1
