"""Parts of a kernel: the swapped test set, where inputs lie, W&B's key, and the room a rehearsal is held in."""

from __future__ import annotations

import json
import os
import re
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from competitions import inside
from competitions.registry import find_competition
from pipelines.kernels import installed, view
from pipelines.kernels.entry import find_dataset
from pipelines.kernels.inputs import find_input, workable
from pipelines.kernels.sandbox import Sandbox, why
from pipelines.kernels.swap import other_ids, swap_test
from submissions.sample import read_sample
from tests.source import ROOT

PROBE = """
import importlib.metadata, json, os, socket, sys
from pathlib import Path

def fails(action):
    try:
        action()
    except (OSError, ImportError) as error:
        return type(error).__name__
    return ""

def speak():
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname(), 1).close()

seen = {
    "outside": fails(lambda: socket.create_connection(("192.0.2.1", 80), 1)),
    "loopback": fails(speak),
    "write": fails(lambda: Path("/kaggle/input/x").touch()),
    "write within": fails(lambda: Path("/kaggle/input/some/x").touch()),
    "system": fails(lambda: Path("/usr/x").touch()),
    "tyro": fails(lambda: __import__("tyro")),
    "pytest": fails(lambda: __import__("hypothesis")),
    "podium": fails(lambda: __import__("pipelines")),
    "numpy": fails(lambda: __import__("numpy")),
    "listed": sorted(each.name for each in importlib.metadata.distributions())[:3],
    "hidden": [each.name for each in importlib.metadata.distributions() if each.name in ("tyro", "skops", "podium")],
    "folder": os.getcwd(), "source": Path(SOURCE).exists(),
    "read": Path("/kaggle/input/some/file.txt").read_text(),
    "environment": sorted(os.environ), "rerun": os.environ["KAGGLE_IS_COMPETITION_RERUN"],
}
Path("seen.json").write_text(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory) -> Sandbox:
    return Sandbox(tmp_path_factory.mktemp("room") / "sandbox")


def test_a_kernel_sees_what_it_would_at_kaggle(sandbox, tmp_path, monkeypatch):
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "file.txt").write_text("read")
    (tmp_path / "probe.py").write_text(f"SOURCE = {str(ROOT / 'pyproject.toml')!r}\n{PROBE}")
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    took = sandbox.run(tmp_path / "probe.py", {"some": tmp_path / "some"}, {"KAGGLE_IS_COMPETITION_RERUN": "1"})
    seen = json.loads((took.working / "seen.json").read_text())
    assert seen["outside"] == "OSError", seen
    assert [seen["loopback"], seen["numpy"]] == ["", ""]
    assert [seen["write"], seen["write within"], seen["system"]] == ["OSError"] * 3
    assert [seen["tyro"], seen["pytest"], seen["podium"]] == ["ModuleNotFoundError"] * 3
    assert seen["listed"]
    assert (seen["hidden"], seen["folder"], seen["read"]) == ([], "/kaggle/working", "read")
    assert "KAGGLE_KEY" not in seen["environment"]
    assert not seen["source"]
    assert took.seconds > 0
    assert took.memory > 1e6
    assert not (tmp_path / "some" / "x").exists()


def test_a_failing_kernel_says_what_it_lacks(sandbox, tmp_path):
    (tmp_path / "bad.py").write_text("print('before')\nimport tyro\n")
    with pytest.raises(ValueError, match=r"exit code 1(.|\n)*No module named 'tyro'(.|\n)*is installed here \(tyro\)"):
        sandbox.run(tmp_path / "bad.py", {}, {})
    assert why("No module named 'nowhere_at_all'") == "No module named 'nowhere_at_all'"


def test_what_the_images_packages_need_here_belongs_to_them(monkeypatch):
    """As of a hub's client whose newer version asks for a package that the image's does not."""
    needs = {"huggingface-hub": ["httpx9"], "httpx9": ["core9", "absent9"], "core9": [], "smp9": ["httpx9"]}
    monkeypatch.setattr(installed, "is_installed", lambda name: name in needs)
    monkeypatch.setattr(installed, "required_by", needs.__getitem__)
    monkeypatch.setattr(view.metadata, "distributions", lambda: [SimpleNamespace(name=name) for name in needs])
    assert view.shown() == {"huggingface-hub", "httpx9", "core9"}


def test_no_rehearsal_where_the_machine_allows_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="no program unshare"):
        Sandbox(tmp_path / "one")
    (tmp_path / "unshare").write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin{os.pathsep}/usr/bin")
    with pytest.raises(OSError, match=r"expected a machine.*Operation not permitted"):
        Sandbox(tmp_path / "two")


HEX = st.text("0123456789abcdef", min_size=8, max_size=32)
NAMES = st.from_regex(r"[a-z]{4,8}_[0-9]{2}\.jpg", fullmatch=True)
NUMBERS = st.integers(0, 10**6).map(str)


@settings(max_examples=60, deadline=None)
@given(st.one_of(*(st.lists(kind, min_size=1, max_size=20, unique=True) for kind in (HEX, NAMES, NUMBERS))), st.data())
def test_other_ids_are_of_the_same_kind(visible, data):
    count = data.draw(st.integers(0, 60))
    made = other_ids(visible, count)
    assert len(made) == len(set(made)) == count
    assert not {*made} & {*visible}
    for number, id in enumerate(made):
        old = visible[number % len(visible)]
        if not old.isdigit():
            assert re.sub("[0-9a-z]", "x", id) == re.sub("[0-9a-z]", "x", old)
        assert made == other_ids(visible, count)


def test_a_larger_test_set_is_made_of_the_visible_ones_rows_and_files(tmp_path):
    competition, root = find_competition("petfinder"), tmp_path / "files"
    (root / "test").mkdir(parents=True)
    visible = [f"{number:032x}" for number in (7, 1, 5)]
    for id in visible:
        (root / "test" / f"{id}.jpg").write_bytes(b"\xff\xd8photo " + id.encode())
    (root / "sample_submission.csv").write_text("Id,Pawpularity\n" + "".join(f"{id},1\n" for id in visible))
    (root / "test.csv").write_text("Id,Blur\n" + "".join(f"{id},{at}\n" for at, id in enumerate(visible[::-1])))
    swap = swap_test(competition, root, tmp_path / "swapped", 8)
    assert [*swap.files] == ["sample_submission.csv", "test", "test.csv"]
    ids = read_sample(swap.files["sample_submission.csv"]).texts
    assert [swap.sources[id] for id in ids] == [visible[at % 3] for at in range(8)]
    rows = dict(line.split(",") for line in swap.files["test.csv"].read_text().split()[1:])
    assert {id: rows[id] for id in ids} == {id: str(2 - visible.index(swap.sources[id])) for id in ids}
    photos = {path.stem: path.read_bytes() for path in swap.files["test"].iterdir()}
    assert photos == {id: b"\xff\xd8\xff\xfe\0\x22" + f"{id}photo {swap.sources[id]}".encode() for id in ids}


def test_inputs_are_found_in_each_layout(tmp_path):
    for layout in ("competitions/some-slug", "some-slug", "datasets/somebody/mirror"):
        inputs = tmp_path / layout.split("/")[0]
        (inputs / layout).mkdir(parents=True)
        (inputs / layout / "sample_submission.csv.zip").touch()
        assert find_input(inputs, "some-slug") == inputs / layout
    (tmp_path / "bare").mkdir()
    with pytest.raises(FileNotFoundError, match="add the competition"):
        find_input(tmp_path / "bare", "some-slug")
    for layout in ("datasets/me/code", "code", "other/me/code"):
        inputs = tmp_path / layout.replace("/", "-")
        (inputs / layout).mkdir(parents=True)
        assert find_dataset(inputs, "me", "code") == inputs / layout
    with pytest.raises(FileNotFoundError, match="add it to the kernel"):
        find_dataset(tmp_path / "bare", "me", "code")


def test_archives_are_unpacked_beside_links_to_a_read_only_folder(tmp_path):
    root = tmp_path / "slug"
    root.mkdir()
    (root / "test.csv").write_text("a")
    assert workable(root, ["test.csv"], tmp_path / "scratch") == root
    (root / "train.zip").write_text("b")
    made = workable(root, ["test.csv", "train"], tmp_path / "scratch")
    assert made.name == "slug"
    assert {path.name: path.read_text() for path in made.iterdir()} == {"test.csv": "a", "train.zip": "b"}


@pytest.mark.parametrize("given_key", ["w" * 40, ""])
def test_the_key_of_wandb_comes_from_kaggles_secrets(tmp_path, monkeypatch, capsys, given_key):
    (tmp_path / "kaggle_secrets.py").write_text(
        "class BackendError(Exception): pass\n"
        "class UserSecretsClient:\n"
        "    def get_secret(self, label):\n"
        f"        if not {given_key!r}: raise BackendError('none attached')\n"
        f"        return {given_key!r} if label == 'WANDB_API_KEY' else ''\n"
    )
    monkeypatch.setenv("WANDB_API_KEY", "")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "kaggle_secrets", raising=False)
    assert inside.key_given() == bool(given_key)
    assert os.environ["WANDB_API_KEY"] == given_key
    assert ("attach it" in capsys.readouterr().out) == (not given_key)
    monkeypatch.delitem(sys.modules, "kaggle_secrets", raising=False)
