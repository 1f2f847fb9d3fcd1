"""podium data: whole files in their places, whatever happens on the way; the second time there is nothing to do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from competitions.registry import find_competition
from pipelines.kaggle.answers import Listed
from pipelines.kaggle.downloading import CHUNK
from pipelines.kaggle.fetching import RECORD
from pipelines.kaggle.listing import wanted_files
from tests.forking import finish, start
from tests.kaggle_server import FOREVER, Fault, State
from tests.kaggling import HASTY, MAY, SLUG, aimed, settle
from tests.packing import LABELS, packed, photos
from tests.tracked import until

TRAIN = "/storage/train.csv identity"  # our own request, not the one that the client makes of a link and leaves unread
INVASIVE = "invasive-species-monitoring"


@pytest.fixture
def state(raw_files) -> State:
    return State(slug=SLUG, files={path.name: path.read_bytes() for path in sorted(raw_files.iterdir())})


@pytest.fixture
def server(monkeypatch, tmp_path, state):
    with aimed(monkeypatch, tmp_path / "home", state) as server:
        yield server


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data" / SLUG


def lying(root) -> dict[str, bytes]:
    """Every file but the record, and nothing else: no half-written one either."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != RECORD
    }


def test_files_come_whole_and_the_second_call_asks_nothing(podium, server, state, root):
    said = podium("data", MAY)
    assert said.code == 0, said.err
    assert lying(root) == state.files
    assert "downloaded to" in said.out
    state.asked.clear()
    said = podium("data", SLUG)  # Kaggle's own name does too
    assert said.code == 0
    assert "everything is there in its size, nothing to do" in said.out
    assert state.asked == []


def test_what_was_put_there_by_hand_is_compared_and_left(podium, server, state, root):
    root.mkdir(parents=True)
    for name, content in state.files.items():
        (root / name).write_bytes(content)
    said = podium("data", MAY)
    assert f"all {len(state.files)} files are there in their sizes, nothing to do" in said.out
    assert state.count("DownloadDataFile") == 0
    (root / "train.csv").write_bytes(b"mine")
    said = podium("data", MAY)
    assert said.code == 1
    assert f"expected {len(state.files['train.csv']):,} bytes of train.csv as Kaggle lists it, got 4" in said.err
    assert "--force" in said.err
    assert (root / "train.csv").read_bytes() == b"mine"
    assert podium("data", MAY, "--force").code == 0
    assert lying(root) == state.files


def test_a_table_that_arrives_zipped_is_read_as_it_lies(podium, server, state, root):
    state.zipped = {"train.csv"}
    assert podium("data", MAY).code == 0
    assert {*lying(root)} == {"train.csv.zip", "test.csv", "sample_submission.csv"}
    (root / RECORD).unlink()
    assert "nothing to do" in podium("data", MAY).out
    train, _ = find_competition(MAY).load(root)
    assert len(train) > 100


@pytest.fixture
def large(state) -> None:
    """A file of several of the chunks that are written at a time."""
    state.files["train.csv"] = b"".join(b"%d,1\n" % number for number in range(150_000))


@pytest.mark.parametrize(
    ("fault", "chunks"),
    [
        (Fault(TRAIN, cut=600_000), [2]),
        (Fault(TRAIN, cut=0, times=2), []),
        (Fault(TRAIN, cut=300_000, times=3), [1, 2, 3]),
    ],
)
def test_a_download_that_is_cut_goes_on_where_it_stopped(podium, server, state, large, root, fault, chunks):
    """What came of the chunk in which it was cut is asked for again."""
    state.faults = [replace(fault)]
    said = podium("data", MAY)
    assert said.code == 0, said.err
    assert lying(root) == state.files
    assert [each for each in state.ranges if each] == [f"bytes={number * CHUNK}-" for number in chunks]
    assert "going on in" in said.err


def test_an_error_page_in_the_middle_of_a_download_is_not_written_into_the_file(podium, server, state, large, root):
    """Older clients put the page of a 5xx, which came while they went on, in place of the file."""
    state.faults = [
        Fault(TRAIN, cut=600_000),
        Fault(TRAIN, 503, b"<html>try later</html>", "text/html", times=2),
    ]
    said = podium("data", MAY)  # the address itself is asked for by the client, each time before the file
    assert said.code == 0, said.err
    assert lying(root) == state.files


def test_a_download_that_stays_cut_ends_with_what_came_kept_for_the_next_call(podium, server, state, large, root):
    state.faults = [Fault(TRAIN, cut=600_000), Fault(TRAIN, 503, times=9)]
    said = podium("data", MAY)
    assert said.code == 1
    assert "expected to download train.csv, got HTTP 503, a failure at Kaggle: run the same command again" in said.err
    assert not (root / "train.csv").exists()
    state.faults, state.ranges = [], []
    assert podium("data", MAY).code == 0
    assert [each for each in state.ranges if each] == [f"bytes={2 * CHUNK}-"]
    assert lying(root) == state.files


def test_a_file_that_changed_at_kaggle_meanwhile_is_fetched_anew(podium, server, state, large, root):
    state.faults = [Fault(TRAIN, cut=600_000), Fault(TRAIN, 403, times=9)]
    assert podium("data", MAY).code == 1
    state.files["train.csv"] = b"id,target\n" * 90_000
    state.faults = []
    assert podium("data", MAY).code == 0
    assert lying(root) == state.files


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(TRAIN, 200, b"<html>sign in</html>", "text/html", times=9), "got a web page in its place"),
        (Fault(TRAIN, 200, b'{"code":404}', times=9), "got 12 (b'{"),
        (Fault(TRAIN, 404, times=9), "got HTTP 404"),
        (Fault("DownloadDataFile", 500, times=9), "got HTTP 500"),
    ],
)
def test_an_error_page_is_never_taken_for_a_file(podium, server, state, root, fault, told):
    """The client saves whatever comes with status 200 under the file's name."""
    state.faults = [fault]
    said = podium("data", MAY)
    assert said.code == 1
    assert told in said.err
    assert not (root / "train.csv").exists()
    state.faults = []
    assert podium("data", MAY).code == 0
    assert lying(root) == state.files


def test_a_short_file_with_an_honest_header_is_refused(podium, server, state, root):
    state.sizes = {"train.csv": len(state.files["train.csv"]) + 1}
    said = podium("data", MAY)
    assert said.code == 1
    assert "as Kaggle lists it, got" in said.err
    assert not (root / "train.csv").exists()


def test_silence_in_a_download_is_noticed(podium, server, state, root, monkeypatch):
    monkeypatch.setattr("pipelines.kaggle.client.PATIENCE", replace(HASTY, silence=0.3, tries=50))
    state.faults = [Fault(TRAIN, hang=FOREVER), Fault(TRAIN, cut=10, hang=FOREVER)]
    said = podium("data", MAY)
    assert said.code == 0, said.err
    assert lying(root) == state.files


@pytest.mark.parametrize(("changes", "told"), [({"joined": False}, "/rules"), ({"slug": "other"}, "HTTP 404")])
def test_refusals_leave_no_folder(podium, server, state, root, changes, told):
    for name, value in changes.items():
        setattr(state, name, value)
    said = podium("data", MAY)
    assert said.code == 1
    assert told in said.err
    assert said.err.count("\n") == 1
    assert not root.exists()


def test_more_than_fits_is_refused_before_the_first_byte(podium, server, state, root):
    state.sizes = {"train.csv": 10**18}
    said = podium("data", MAY)
    assert said.code == 1
    assert "free for the files of" in said.err
    assert "--data" in said.err
    assert state.count("DownloadDataFile") == 0


def test_a_name_that_leads_out_is_refused(podium, server, state, root):
    state.files["../elsewhere.csv"] = b"x"
    said = podium("data", MAY)
    assert said.code == 1
    assert "names that stay in their folder" in said.err
    assert state.count("DownloadDataFile") == 0


def invasive_files() -> dict[str, bytes]:
    return {
        "sample_submission.csv.zip": packed("zip", {"sample_submission.csv": b"name,invasive\n1,0.5\n"}),
        "test.7z": packed("7z", photos("test/")),
        "train.7z": packed("7z", photos("train/")),
        "train_labels.csv.zip": packed("zip", {"train_labels.csv": LABELS}),
        "notes/more.7z": b"not needed",
    }


def test_archives_are_unpacked_and_what_is_not_needed_stays_at_kaggle(podium, server, state, tmp_path):
    state.slug, state.files = INVASIVE, invasive_files()
    said = podium("data", "invasive_species")
    assert said.code == 0, said.err
    assert "left at Kaggle: notes/more.7z" in said.out
    root = tmp_path / "data" / INVASIVE
    assert {*lying(root)} == {*state.files, *photos("train/"), *photos("test/")} - {"notes/more.7z"}
    (root / "train.7z").unlink()  # to save room, once it is unpacked
    assert "nothing to do" in podium("data", "invasive_species").out
    assert podium("data", "invasive_species", "--all").code == 0
    assert (root / "notes" / "more.7z").read_bytes() == b"not needed"


def test_many_files_come_as_one_zip(podium, server, state, tmp_path):
    tables = {"train_labels.csv": LABELS, "sample_submission.csv": b"name,invasive\n1,0.5\n"}
    many = {f"{folder}/{number}.jpg": b"x" * number for folder in ("train", "test") for number in range(1, 30)}
    state.slug, state.files = INVASIVE, many | tables
    said = podium("data", "invasive_species")
    assert said.code == 0, said.err
    root = tmp_path / "data" / INVASIVE
    bundle = f"{INVASIVE}.zip"
    assert {name: each for name, each in lying(root).items() if name != bundle} == state.files
    assert state.count("/storage/") == 2  # the client looks at it before we take it
    assert "nothing to do" in podium("data", "invasive_species").out
    (root / RECORD).unlink()
    (root / bundle).unlink()
    (root / "train" / "7.jpg").unlink()
    assert podium("data", "invasive_species").code == 0
    assert {name: each for name, each in lying(root).items() if name != bundle} == state.files


def test_a_zip_of_everything_that_lacks_a_file_is_refused(podium, server, state, tmp_path):
    many = {f"train/{number}.jpg": b"x" * number for number in range(1, 40)}
    state.slug, state.files, state.sizes = INVASIVE, many, {"train/3.jpg": 99}
    said = podium("data", "invasive_species")
    assert said.code == 1
    assert "got 1 missing or of another size (train/3.jpg)" in said.err
    assert lying(tmp_path / "data" / INVASIVE) == {}


def test_files_put_there_by_hand_are_unpacked_without_kaggle(podium, server, state, tmp_path, monkeypatch):
    monkeypatch.delenv("KAGGLE_KEY")
    root = tmp_path / "data" / INVASIVE
    root.mkdir(parents=True)
    for name, content in invasive_files().items():
        (root / Path(name).name).write_bytes(content)
    said = podium("data", "invasive_species")
    assert said.code == 0, said.err
    assert "not compared with Kaggle's: expected Kaggle credentials, got none" in said.out
    assert {*photos("train/"), *photos("test/")} <= {*lying(root)}
    (root / "train_labels.csv.zip").unlink()
    assert podium("data", "invasive_species").code == 1


def test_small_files_beside_the_needed_ones_come_along():
    listed = [Listed(name, size) for name, size in (("train.zip", 10**9), ("more.zip", 10**9), ("fix.jpg", 10**5))]
    assert [each.name for each in wanted_files(listed, ("train",), False)] == ["train.zip", "fix.jpg"]
    assert wanted_files(listed, ("train",), True) == listed
    assert wanted_files(listed, ("train", "labels.csv"), False) == listed  # who knows where the labels are


def test_toy_files_need_no_kaggle(podium, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    said = podium("data", MAY, "--toy")
    assert said.code == 0
    assert (tmp_path / "runs" / "toy" / "data" / SLUG / "train.csv").exists()
    assert "are there already" in podium("data", MAY, "--toy").out


@pytest.fixture
def bring(server, tmp_path):
    """podium data in a process of its own."""
    before = partial(settle, server.url, tmp_path)
    return lambda room=0: start(tmp_path / "chatter", "data", MAY, before=partial(before, room))


def test_a_killed_download_leaves_no_file_and_goes_on(bring, state, large, root):
    state.faults = [Fault(TRAIN, cut=600_000, hang=FOREVER)]
    child = bring()
    part = root / ".train.csv.download"
    until(lambda: part.exists() and part.stat().st_size == 2 * CHUNK)
    child.kill()
    finish(child)
    assert not (root / "train.csv").exists()
    assert finish(bring()) == 0
    assert lying(root) == state.files
    assert [each for each in state.ranges if each] == [f"bytes={2 * CHUNK}-"]


def test_a_full_disk_is_told_and_the_rest_follows(bring, state, large, root, tmp_path):
    assert finish(bring(room=700_000)) == 1
    assert "expected room for train.csv" in (tmp_path / "chatter").read_text()
    assert not (root / "train.csv").exists()
    assert finish(bring()) == 0
    assert lying(root) == state.files
    assert [each for each in state.ranges if each] == ["bytes=700000-"]
