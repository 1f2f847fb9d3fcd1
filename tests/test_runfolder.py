"""The run folder: whole files or none, a lock that dies with its holder, numbers without doubled steps."""

from __future__ import annotations

import json
import os
import resource
import signal
import time

import pytest
import torch

from pipelines.report import Report
from pipelines.runfolder import RunFolder, read_json, run_name, write_json
from pipelines.stops import BusyError
from pipelines.training.checkpoint import Snapshot
from submissions.place import placed, replacing


def in_child(work) -> int:
    """Run work in a forked child; its wait status."""
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]


def files_in(root) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, {"score": 1})
    with pytest.raises(RuntimeError), replacing(path) as draft:
        draft.write_text("half")
        raise RuntimeError("stopped")
    assert read_json(path) == {"score": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["run.json"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, {"score": 1})

    def overfill():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        try:
            write_json(path, {"score": "x" * 1000})
        except OSError as error:
            os._exit(7 if f"{path}: expected room" in str(error) and "nothing is left" in str(error) else 8)

    assert os.waitstatus_to_exitcode(in_child(overfill)) == 7
    assert read_json(path) == {"score": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["run.json"]


def test_what_a_kill_leaves_of_a_checkpoint_is_gone_once_the_run_is_held_again(tmp_path):
    folder = RunFolder(tmp_path / "run")
    path = folder.fit_root(0, 0) / "checkpoint.safetensors"
    with folder.lock():
        Snapshot({"weight": torch.zeros(1000)}).save(path)
    before = path.read_bytes()

    def die_while_writing():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # a blow in the middle of the file
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        with folder.lock():
            Snapshot({"weight": torch.ones(1000)}).save(path)

    assert os.waitstatus_to_exitcode(in_child(die_while_writing)) == -signal.SIGXFSZ
    assert len(files_in(folder.root)) == 4  # the half of it, under whatever name its library gave it
    with folder.lock():
        assert files_in(folder.root) == [".lock", "checkpoint.safetensors"]
    assert path.read_bytes() == before


def test_what_a_kill_leaves_of_a_submission_does_not_keep_the_run_from_going_on(tmp_path):
    folder = RunFolder(tmp_path / "run")

    def die_while_writing():
        with folder.lock(), placed(folder.submission("submission.csv")) as raw:
            raw.write(b"id,target\n")
            raw.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    assert os.waitstatus_to_exitcode(in_child(die_while_writing)) == -signal.SIGKILL
    assert "submission.csv" in files_in(folder.root)
    (folder.root / ".stray.part").touch()  # no folder: some other program's
    with folder.lock():
        assert files_in(folder.root) == [".lock", ".stray.part"]


def test_what_a_living_process_writes_is_spared_by_a_run_that_starts(tmp_path):
    folder = RunFolder(tmp_path / "run")

    def start():
        with folder.lock():
            write_json(folder.record, {"score": 2})

    with replacing(folder.record) as draft:
        draft.write_text('{"score": 1}')
        assert os.waitstatus_to_exitcode(in_child(start)) == 0
        assert read_json(folder.record) == {"score": 2}
    assert read_json(folder.record) == {"score": 1}
    assert files_in(folder.root) == [".lock", "run.json"]


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "run.json"
    path.write_text('{"score": 1')
    with pytest.raises(ValueError, match=r"run\.json.*expected JSON"):
        read_json(path)


def test_the_lock_tells_the_second_and_dies_with_the_first(tmp_path):
    folder = RunFolder(tmp_path / "run")
    ready, hold = os.pipe()
    child = os.fork()
    if not child:
        with folder.lock():
            os.write(hold, b"1")
            time.sleep(3600)
        os._exit(0)
    os.read(ready, 1)
    with pytest.raises(BusyError, match=str(child)), folder.lock():
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with folder.lock():
        pass


def test_an_unfinished_fit_leaves_no_doubled_steps(tmp_path):
    folder = RunFolder(tmp_path)
    report = Report(quiet=True)
    first, second = folder.fit(0, 0, report), folder.fit(1, 0, report)
    for out in (first, second):
        out.log(1, {"loss": 0.5})
        out.log(2, {"loss": 0.3})
    with folder.metrics.open("a") as lines:
        lines.write('{"fold": "1", "se')  # torn by a kill
    second.rewind(2)
    second.log(2, {"loss": 0.4})
    numbers = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert numbers == [
        {"fold": "0", "seed": 0, "step": 1, "loss": 0.5},
        {"fold": "0", "seed": 0, "step": 2, "loss": 0.3},
        {"fold": "1", "seed": 0, "step": 1, "loss": 0.5},
        {"fold": "1", "seed": 0, "step": 2, "loss": 0.4},
    ]


def test_a_run_is_named_by_what_it_is(tmp_path):
    assert run_name("my run/2", "abcdef0123") == "my-run-2-abcdef01"
    assert run_name("...", "abcdef0123") == "run-abcdef01"
