"""Commands that work on the same files at the same moment: each gets it right, waits, or says who is in its way."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from competitions import combining, overview, registry, scaffold
from pipelines.loading import load_tables
from pipelines.reopen import find_run
from pipelines.runfolder import RunFolder, changing, read_json, write_json
from pipelines.stops import BusyError
from pipelines.twins_sheet import Sheet, Tile
from submissions.place import LOCK, claim, sweep
from tests.conftest import QUICK
from tests.forking import FORKS, finish, together
from tests.kaggling import MAY, copy_run

TURNS = 200


def beside(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """Work that goes on in a child meanwhile."""
    child = FORKS.Process(target=work, args=arguments)
    child.start()
    return child


@pytest.fixture
def run(raw_files, tmp_path) -> Path:
    """A finished run of may-2022."""
    return tmp_path / "runs" / MAY / copy_run(raw_files, tmp_path)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_kernel_is_built_by_one_and_whole(podium, run, tmp_path):
    assert podium("kernel", "build", run.name).code == 0
    alone = contents(run / "kernel")
    ends = together(tmp_path, *[("kernel", "build", run.name)] * 2, before=partial(os.chdir, tmp_path))
    assert {end.code for end in ends} <= {0, 75}
    assert 0 in {end.code for end in ends}
    assert all("expected nobody else to work on this kernel" in end.said for end in ends if end.code)
    assert contents(run / "kernel") == alone
    assert not [path for path in run.iterdir() if path.name.endswith("-draft")]


def drop_often(root: Path) -> None:
    """As `podium clean` does."""
    for _ in range(TURNS):
        try:
            with RunFolder(root).lock():
                shutil.rmtree(root)
        except BusyError:
            continue


def test_a_run_whose_folder_is_deleted_meanwhile_is_held_all_the_same(tmp_path):
    folder = RunFolder(tmp_path / "run")
    child = beside(drop_often, folder.root)
    held = 0
    while child.is_alive() or not held:
        try:
            with folder.lock():
                held += 1
                (folder.root / "mine").write_text("")  # fails in a folder that is gone
                assert (folder.root / ".lock").exists()
        except BusyError:
            continue
    assert finish(child) == 0


def test_a_folder_deleted_between_opening_and_locking_is_made_again(tmp_path, monkeypatch):
    folder, real, late = RunFolder(tmp_path / "run"), fcntl.flock, [True]

    def lock_late(lock, how):
        if late:
            late.clear()
            shutil.rmtree(folder.root)
        real(lock, how)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    with folder.lock(), pytest.raises(BusyError), folder.lock():  # a second one meets the first
        pass
    assert not late


def ask_often(runs: Path) -> None:
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        for _ in range(TURNS // 4):
            overview.runs([MAY, "--runs", str(runs)])


def test_looking_at_runs_keeps_nobody_out_and_several_may_look(podium, run, tmp_path):
    write_json(run / "run.json", {**read_json(run / "run.json"), "state": "running"})
    children = [beside(ask_often, tmp_path / "runs") for _ in range(2)]
    while any(child.is_alive() for child in children):
        with RunFolder(run).lock():
            pass
    assert [finish(child) for child in children] == [0, 0]
    with (run / ".lock").open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)  # as somebody does who asks at this moment
        assert " stopped " in podium("runs", MAY).out


def test_what_goes_on_while_a_run_is_predicted_is_told(podium, files, tmp_path, monkeypatch):
    command = ("run", MAY, "--data", files, *QUICK, "--json")
    first = json.loads(podium(*command, "--folds", "0").out.splitlines()[-1])
    more = []

    def load_late(*arguments):
        more.append(podium(*command).code)
        return load_tables(*arguments)

    monkeypatch.setattr(combining, "load_tables", load_late)
    assert podium("predict", first["run"]).code == 0
    root = tmp_path / "runs" / MAY / first["run"]
    folds = len(read_json(root / "run.json")["sources"])
    assert f"{'0' if folds == 1 else '0, 1'}" in (root / "run.log").read_text().split("test: predicting")[-1]
    assert (more, folds) == ([75], 1)


def test_a_run_that_went_on_after_clean_had_read_its_record_is_left(podium, run, monkeypatch):
    write_json(run / "run.json", {**read_json(run / "run.json"), "state": "stopped"})

    def recorded_early(runs, competition):
        found = [(folder, read_json(folder.record)) for folder in overview.find_runs(runs, competition)]
        write_json(run / "run.json", {**read_json(run / "run.json"), "state": "done"})
        return found

    monkeypatch.setattr(overview, "recorded", recorded_early)
    said = podium("clean", MAY, "--yes")
    assert (said.code, said.out.splitlines()[-1]) == (0, "1 kept, 0 deleted")
    assert str(run.name) in said.out
    assert run.exists()


def test_runs_that_vanish_meanwhile_are_no_error(podium, run, monkeypatch):
    gone = run.with_name("gone")
    real = overview.recorded.__globals__["find_runs"]
    monkeypatch.setitem(overview.recorded.__globals__, "find_runs", lambda *asked: [*real(*asked), RunFolder(gone)])
    said = podium("runs", MAY)
    assert (said.code, run.name in said.out) == (0, True)


def come_and_go(root: Path) -> None:
    for number in range(4 * TURNS):
        (root / f"{number}" / "draft").mkdir(parents=True)
        shutil.rmtree(root / f"{number}")


def test_a_run_is_found_by_its_name_while_folders_come_and_go(run, tmp_path):
    child = beside(come_and_go, run / "fold0")
    while child.is_alive():
        assert find_run(run.name, tmp_path / "runs").root == run
    assert finish(child) == 0


def add_often(path: Path, name: str) -> None:
    for number in range(25):
        with changing(path) as known:
            known[f"{name} {number}"] = number


def test_what_two_commands_remember_in_one_file_is_all_there(tmp_path):
    path = tmp_path / "new" / "known.json"
    children = [beside(add_often, path, name) for name in ("one", "other")]
    assert [finish(child) for child in children] == [0, 0]
    assert len(read_json(path)) == 50


def test_a_limit_in_time_is_measured_by_one_of_two_commands(tmp_path):
    asked = ("train", "invasive_species", "--toy", "--folds", "0", "--no-audit", "--limit", "1s", "--epochs", "1")
    ends = together(tmp_path, *[(*asked, "--runs", tmp_path / "runs", "--name", name) for name in ("one", "two")])
    assert [end.code for end in ends] == [0, 0], ends
    assert sorted("measured now" in end.said for end in ends) == [False, True]
    kept = [re.search(r"limit 1s: (.*), (?:as )?measured", end.said) for end in ends]
    assert kept[0] and kept[1] and kept[0][1] == kept[1][1]


def test_a_folder_that_was_swept_and_made_again_is_swept_no_second_time(tmp_path, monkeypatch):
    desk, flock = tmp_path / ".file.csv.0.part", fcntl.flock
    desk.mkdir()
    made = []

    def lock_late(lock, how):
        monkeypatch.setattr(fcntl, "flock", flock)
        shutil.rmtree(desk)  # by another that sweeps
        made.append(claim(desk))
        (desk / "file.csv").write_text("half")
        flock(lock, how)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    sweep([desk])
    assert {path.name for path in desk.iterdir()} == {LOCK, "file.csv"}
    made.pop().close()
    sweep([desk])
    assert not desk.exists()


def draw_often(stem: Path, image: Path) -> None:
    sheet = Sheet([Tile(group, image, ["a"]) for group in range(3) for _ in range(2)], set())
    for _ in range(30):
        assert len([*sheet.draw(stem)]) == 1


def test_two_audits_draw_the_same_pages(tmp_path):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "photo.png")
    children = [beside(draw_often, tmp_path / "twins", tmp_path / "photo.png") for _ in range(2)]
    assert [finish(child) for child in children] == [0, 0]
    assert [path.name for path in tmp_path.glob("twins*")] == ["twins-1.png"]


def test_a_new_competition_whose_name_another_command_takes_first(podium, tmp_path, monkeypatch):
    for module in (registry, scaffold):
        monkeypatch.setattr(module, "HOME", tmp_path)
    make = Path.mkdir

    def make_second(folder: Path) -> None:
        make(folder)
        make(folder)

    monkeypatch.setattr(Path, "mkdir", make_second)
    said = podium("new", "leaf_counting")
    assert (said.code, said.out) == (2, "")
    assert "expected a name that is free, got leaf_counting" in said.err
