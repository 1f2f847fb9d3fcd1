"""Raw archives: unpacked as Kaggle ships them, once, whole or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipelines.kaggle.unpack import DRAFT, prepare
from tests.packing import LABELS, MAKERS, NEEDED, PHOTOS, contents, kaggle_download, packed, photos, quiet, unpack
from tests.source import ROOT


@pytest.fixture
def root(tmp_path) -> Path:
    folder = tmp_path / "data" / "invasive-species-monitoring"
    folder.mkdir(parents=True)
    return folder


def test_a_download_is_unpacked_as_it_comes_and_only_once(root):
    download = root / "invasive-species-monitoring.zip"
    download.write_bytes(kaggle_download())
    said = unpack(root)
    expected = photos("train/") | photos("test/") | {download.name: download.read_bytes()}
    expected |= {"train_labels.csv": LABELS, "sample_submission.csv": b"name,invasive\n1,0.5\n"}
    assert contents(root) == expected
    assert any("train.7z: 8 files" in line for line in said)
    (root / "train" / "1.jpg").write_bytes(b"changed by its owner")
    assert unpack(root) == []
    assert (root / "train" / "1.jpg").read_bytes() == b"changed by its owner"


def test_members_that_lie_there_already_are_unpacked_too_and_tables_stay_zipped(root):
    (root / "train.7z").write_bytes(packed("7z", photos("train/")))
    (root / "test.zip").write_bytes(packed("zip", photos()))
    (root / "train_labels.csv.zip").write_bytes(packed("zip", {"train_labels.csv": LABELS}))
    unpack(root, NEEDED[:3])
    assert {*contents(root)} == {*photos("train/"), *photos("test/"), "train.7z", "test.zip", "train_labels.csv.zip"}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("prefix", ["", "train/", "./train/"])
def test_a_folder_comes_out_the_same_whether_its_archive_names_it_or_not(root, kind, prefix):
    (root / f"train.{kind}").write_bytes(packed(kind, photos(prefix) | {f"{prefix}.DS_Store": b"mac"}))
    unpack(root, ["train"])
    assert {*contents(root)} == {*photos("train/"), f"train.{kind}"}


def test_only_what_is_missing_is_unpacked(root):
    (root / "all.zip").write_bytes(packed("zip", photos("train/") | photos("test/") | {"train_labels.csv": b"old"}))
    (root / "test").mkdir()  # empty, as a person may have made it
    (root / "train_labels.csv").write_bytes(LABELS)
    said = unpack(root, NEEDED[:3])
    assert len(said) == 2
    assert contents(root).keys() == {*photos("train/"), *photos("test/"), "train_labels.csv", "all.zip"}
    assert (root / "train_labels.csv").read_bytes() == LABELS


def test_what_no_archive_holds_is_left_to_who_looks_for_it(root):
    unpack(root / "absent")
    (root / "other.zip").write_bytes(packed("zip", {"readme.md": b""}))
    assert unpack(root) == []
    assert {*contents(root)} == {"other.zip"}


def test_progress_is_shown_file_by_file(root):
    seen: list[object] = []

    def steps(items, total, what):
        for item in items:
            seen.append((what, total))
            yield item

    (root / "train.7z").write_bytes(packed("7z", photos()))
    (root / "test.zip").write_bytes(packed("zip", photos()))
    prepare(root, ["train", "test"], print, steps)
    assert seen == [("unpacking train.7z", 8)] * 8 + [("unpacking test.zip", 8)] * 8


KILL = """
import os, signal, sys
from pathlib import Path
from pipelines.kaggle.unpack import prepare

def steps(items, total, what):
    for number, item in enumerate(items):
        if number == 5 and what.endswith(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        yield item

prepare(Path(sys.argv[1]), sys.argv[3:], print, steps)
"""


@pytest.mark.parametrize("kind", MAKERS)
def test_killed_in_the_middle_the_next_call_makes_it_whole(root, kind):
    inner = {"train.7z": packed("7z", photos("train/")), "test.zip": packed("zip", photos("test/"))}
    (root / "all.zip").write_bytes(packed("zip", inner))
    done = subprocess.run([sys.executable, "-c", KILL, root, kind, "train", "test"], cwd=ROOT, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (root / DRAFT).exists()
    assert (root / "train").exists() == (kind == "zip")
    assert not (root / "test").exists()
    unpack(root, ["train", "test"])
    assert {*contents(root)} == {*photos("train/"), *photos("test/"), "all.zip"}
    assert (root / "train" / "3.jpg").read_bytes() == PHOTOS[3]


def test_two_at_once_unpack_once(root):
    (root / "all.zip").write_bytes(kaggle_download())
    said: list[str] = []
    threads = [threading.Thread(target=prepare, args=(root, NEEDED, said.append, quiet)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([line for line in said if "train.7z: 8" in line]) == 1
    assert {*photos("train/"), *photos("test/")} < {*contents(root)}
    assert not (root / DRAFT).exists()
