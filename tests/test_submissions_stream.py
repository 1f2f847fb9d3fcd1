"""A submission written in a stream survives kill -9 at any call and a full disk, and its bytes never tell."""

from __future__ import annotations

import errno
import gzip
import subprocess
import sys
import zlib

import numpy as np
import pandas as pd
import pytest

from submissions.rules import Masks, Rules
from submissions.sample import read_sample
from submissions.stream import continue_submission
from submissions.verdict import SubmissionError
from tests.source import ROOT
from tests.streaming import ROWS, RULES, cell, make_sample, write
from tests.test_submissions_write import left_in, room_for

NAMES = ["s.csv", "s.csv.gz"]
SMALL = Rules(masks=Masks(shape=(3, 4), order="rows"))


@pytest.fixture
def sample(tmp_path):
    return make_sample(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files of a writer that nothing happens to."""
    root = tmp_path_factory.mktemp("whole")
    make_sample(root)
    for name in NAMES:
        write(root, name)
    return root


def small_sample(root, rows=5, cell="1 1"):
    (root / "sample_submission.csv").write_text(
        "".join(["img,rle_mask\n", *(f"{row}.jpg,{cell}\n" for row in range(rows))])
    )
    return read_sample(root / "sample_submission.csv")


def codes(*texts):
    return {"rle_mask": np.array(texts, dtype=object)}


def begin(root, name, rows, fingerprint="run, test, choice"):
    """Write the first rows and stop; how many are safe."""
    sample = read_sample(root / "sample_submission.csv")
    with pytest.raises(KeyboardInterrupt), continue_submission(root / name, sample, RULES, fingerprint) as writer:
        ids = sample.texts[writer.written : rows]
        writer.append(ids, codes(*map(cell, ids)))
        written = writer.written
        raise KeyboardInterrupt
    return written


@pytest.mark.parametrize("name", NAMES)
def test_the_text_is_what_was_given_however_it_is_packed(tmp_path, sample, whole, name):
    write(tmp_path, name, step=1)
    assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
    text = "".join(["img,rle_mask\n", *(f"{id},{cell(id)}\n" for id in sample.texts)])
    packed = name.endswith(".gz")
    assert (gzip.decompress if packed else bytes)((tmp_path / name).read_bytes()).decode() == text
    assert pd.read_csv(tmp_path / name)["rle_mask"].tolist() == [cell(id) for id in sample.texts]
    assert left_in(tmp_path) == sorted([f".{name}.journal", name])


def test_a_compressed_file_is_one_member_with_neither_time_nor_name(whole):
    content = (whole / "s.csv.gz").read_bytes()
    assert content[:10] == b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    reader = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert len(reader.decompress(content)) == (whole / "s.csv").stat().st_size
    assert reader.eof
    assert reader.unused_data == b""


def test_killed_at_any_call_it_goes_on_and_the_bytes_are_the_same(tmp_path, sample, whole):
    command = [sys.executable, "-m", "tests.streaming", str(tmp_path), "s.csv.gz", "s.csv"]
    spoken = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    for name in NAMES:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
        assert (tmp_path / f"again-{name}").read_bytes() == (whole / name).read_bytes()
        assert len([line for line in spoken if line == f"{name} is made"]) > 18


@pytest.mark.parametrize("name", NAMES)
def test_what_is_safe_is_not_asked_for_again(tmp_path, sample, whole, name):
    assert begin(tmp_path, name, 200) == begin(tmp_path, name, 200) == 118
    assert not (tmp_path / name).exists()
    write(tmp_path, name)
    assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_is_said_so_and_nothing_safe_is_lost(tmp_path, sample, whole, name):
    size = (whole / name).stat().st_size
    with pytest.raises(OSError, match="expected room to write it, got File too large; free disk space") as full:  # noqa: SIM117
        with room_for(size - 1000):
            write(tmp_path, name)
    assert full.value.errno == errno.EFBIG
    assert str(tmp_path / name) in str(full.value)
    assert "what is written is kept" in str(full.value)
    with pytest.raises(OSError), room_for(10):  # no room for the journal's first line either
        write(tmp_path, name)
    assert begin(tmp_path, name, 0) >= 236
    write(tmp_path, name)
    assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize(
    "damage", ["cut", "byte", "gone", "torn journal", "cut journal", "no journal", "strange journal"]
)
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_draft_goes_on_from_what_is_sound(tmp_path, sample, whole, name, damage):
    begin(tmp_path, name, ROWS)
    draft, journal = tmp_path / f".draft.{name}", tmp_path / f".{name}.journal"
    content, lines = draft.read_bytes(), journal.read_bytes()
    at = len(content) - 5
    written = {"cut": content[:at], "byte": content[:at] + b"?" + content[at + 1 :]}
    listed = {"torn journal": lines + b"23", "cut journal": lines[:-2], "no journal": b"", "strange journal": b"x\n"}
    draft.write_bytes(written.get(damage, content))
    journal.write_bytes(listed.get(damage, lines))
    if damage == "gone":
        draft.unlink()
    safe = {"gone": 0, "torn journal": 236, "no journal": 0, "strange journal": 0}
    assert begin(tmp_path, name, 0) == safe.get(damage, 118)
    assert begin(tmp_path, name, ROWS) == begin(tmp_path, name, 0) == 236
    write(tmp_path, name)
    assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_another_run_test_or_choice_starts_over(tmp_path, sample, whole):
    assert begin(tmp_path, "s.csv", 200) == 118
    assert begin(tmp_path, "s.csv", 0, fingerprint="another threshold") == 0
    assert begin(tmp_path, "s.csv", 200) == 118
    (tmp_path / "sample_submission.csv").write_text("img,rle_mask\n1.jpg,1 1\n2.jpg,1 1\n")
    fewer = read_sample(tmp_path / "sample_submission.csv")
    with continue_submission(tmp_path / "s.csv", fewer, RULES, "run, test, choice") as writer:
        assert writer.written == 0
        writer.append(["1.jpg", "2.jpg"], codes("1 1", "2 2"))
    assert (tmp_path / "s.csv").read_text() == "img,rle_mask\n1.jpg,1 1\n2.jpg,2 2\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_file_is_known_by_its_journal(tmp_path, sample, name):
    digest = write(tmp_path, name)
    before = (tmp_path / name).stat().st_ino
    assert write(tmp_path, name) == digest
    assert begin(tmp_path, name, 0) == ROWS
    assert (tmp_path / name).stat().st_ino == before
    with open(tmp_path / name, "ab") as raw:  # noqa: PTH123
        raw.write(b"x")
    assert begin(tmp_path, name, 0) == 0


def test_the_earlier_file_stays_until_the_next_is_whole(tmp_path, sample):
    (tmp_path / "s.csv").write_text("earlier")
    begin(tmp_path, "s.csv", ROWS)
    assert (tmp_path / "s.csv").read_text() == "earlier"
    write(tmp_path, "s.csv")
    assert (tmp_path / "s.csv").read_text().startswith("img,rle_mask\n00000.jpg,")


def test_only_one_writes_a_file(tmp_path, sample):
    with pytest.raises(KeyboardInterrupt), continue_submission(tmp_path / "s.csv", sample, RULES, "a"):
        with pytest.raises(BlockingIOError, match="expected nobody else to write it"):
            write(tmp_path, "s.csv", fingerprint="a")
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ([("0.jpg", "1 2"), ("1.jpg", "3 1")], "rows", "expected 5 rows, got 2; the next would have been 2.jpg"),
        ([("0.jpg", "1 2"), ("2.jpg", "3 1")], "order", "expected 1.jpg in row 2, as in sample_submission, got 2.jpg"),
        ([("0.jpg", "1 2"), ("1.jpg", "12 2")], "runs", "1.jpg: run 1 (12 2), which ends at pixel 13 of 12"),
        ([(f"{row}.jpg", "1 2") for row in range(6)], "rows", "expected 5 rows, got more, the first of them 5.jpg"),
        ([(f"{row}.jpg", "1 2") for row in range(5)], "constant", "got 1 2 in all of them"),
        ([(f"{row}.jpg", "1 1") for row in range(5)], "sample", "the values of sample_submission itself"),
    ],
)
def test_what_the_checker_refuses_never_takes_the_name(tmp_path, given, kind, words):
    sample = small_sample(tmp_path)
    with (
        pytest.raises(SubmissionError) as refusal,
        continue_submission(tmp_path / "s.csv", sample, SMALL, "a") as writer,
    ):
        for id, code in given:
            writer.append([id], codes(code))
    assert refusal.value.kinds == {kind}
    assert words in str(refusal.value)
    assert str(refusal.value).startswith("s.csv is refused:")
    assert not (tmp_path / "s.csv").exists()


def test_rows_left_out_keep_the_samples_cells_and_its_order(tmp_path):
    sample = small_sample(tmp_path, rows=9)
    with continue_submission(tmp_path / "s.csv", sample, SMALL, "scored", some=True) as writer:
        writer.append(["1.jpg"], codes("1 4"))
        writer.append([], codes())
        writer.append(["3.jpg", "6.jpg"], codes("2 3", ""))
    given = {1: "1 4", 3: "2 3", 6: ""}
    lines = [f"{row}.jpg,{given.get(row, '1 1')}\n" for row in range(9)]
    assert (tmp_path / "s.csv").read_text() == "".join(["img,rle_mask\n", *lines])
    left = [warning for warning in writer.verdict.warnings if "sample_submission's own" in warning]
    assert left == ["rle_mask: 6 of 9 cells are sample_submission's own"]


@pytest.mark.parametrize("ids", [["3.jpg", "1.jpg"], ["1.jpg", "1.jpg"], ["1.jpg", "x.jpg"], ["x.jpg"], ["0.jpg"]])
def test_where_some_are_left_out_rows_still_come_in_order(tmp_path, ids):
    sample = small_sample(tmp_path)
    with pytest.raises(SubmissionError) as refusal:  # noqa: SIM117
        with continue_submission(tmp_path / "s.csv", sample, SMALL, "a", some=True) as writer:
            writer.append(["0.jpg"], codes("1 4"))
            writer.append(ids, codes(*["2 2"] * len(ids)))
    assert refusal.value.kinds == {"order"}


def test_a_subset_goes_on_too(tmp_path, sample):
    wanted = sample.texts[10::2]

    def write_subset(name, stop):
        with continue_submission(tmp_path / name, sample, RULES, "scored", some=True) as writer:
            rest = [id for id in sample.texts[writer.written :] if id in set(wanted)]
            for id in rest[: stop or len(rest)]:
                writer.append([id], codes(cell(id)))
            if stop:
                raise KeyboardInterrupt
        return len(rest)

    assert write_subset("one.csv.gz", 0) == len(wanted)
    with pytest.raises(KeyboardInterrupt):
        write_subset("other.csv.gz", 125)
    assert write_subset("other.csv.gz", 0) < 20
    assert (tmp_path / "one.csv.gz").read_bytes() == (tmp_path / "other.csv.gz").read_bytes()


def test_numbers_can_be_streamed_as_well(tmp_path):
    sample = small_sample(tmp_path, cell="0.5")
    with continue_submission(tmp_path / "s.csv", sample, Rules(), "a", some=True) as writer:
        writer.append(sample.ids[:2], {"rle_mask": np.array([0.1, 0.2], dtype=np.float32)})
        writer.append(sample.ids[4:], {"rle_mask": np.array([1e-7])})
    assert (tmp_path / "s.csv").read_text() == "img,rle_mask\n0.jpg,0.1\n1.jpg,0.2\n2.jpg,0.5\n3.jpg,0.5\n4.jpg,1e-07\n"
