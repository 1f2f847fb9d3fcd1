"""A submission is written whole or not at all, and reads back as exactly what was given."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import resource
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from submissions.check import check_file
from submissions.rules import Rules
from submissions.sample import read_sample
from submissions.verdict import SubmissionError
from submissions.write import open_submission, write_submission

RULES = Rules()


def sample_of(root, ids, columns=("target",)):
    pd.DataFrame({"id": ids, **dict.fromkeys(columns, "0")}).to_csv(root / "sample_submission.csv", index=False)
    return read_sample(root / "sample_submission.csv")


@pytest.fixture
def sample(tmp_path):
    return sample_of(tmp_path, ["a", "b", "c"])


def left_in(root):
    return sorted(path.name for path in root.iterdir() if path.name != "sample_submission.csv")


def test_the_bytes_are_kaggles_and_the_digest_is_theirs(tmp_path, sample):
    path = tmp_path / "submission.csv"
    digest = write_submission(path, sample.ids, {"target": np.array([0.1, 1.0, 1e-7])}, sample, RULES)
    assert path.read_bytes() == b"id,target\na,0.1\nb,1.0\nc,1e-07\n"
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == check_file(path, sample, RULES).digest
    assert left_in(tmp_path) == ["submission.csv"]
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize(
    ("cells", "rules", "written"),
    [
        (np.array([3, 2, 1], dtype=np.int16), Rules(integer=True), "3 2 1"),
        (np.array([0.1, 0.2, 0.3], dtype=np.float32), Rules(), "0.1 0.2 0.3"),
        (np.array([0.1, 0.2, 0.3], dtype=np.longdouble), Rules(), "0.1 0.2 0.3"),
        (np.array([1 / 3, 2 / 3, 1e22]), Rules(), "0.3333333333333333 0.6666666666666666 1e+22"),
        (np.array(["x", "y", "z"]), Rules(labels=("x", "y", "z")), "x y z"),
        (np.array(["0.5", 0.25, 1], dtype=object), Rules(), "0.5 0.25 1"),
    ],
)
def test_each_kind_of_cell_has_one_way_to_be_written(tmp_path, sample, cells, rules, written):
    write_submission(tmp_path / "s.csv", sample.ids, {"target": cells}, sample, rules)
    assert [line.split(",")[1] for line in (tmp_path / "s.csv").read_text().splitlines()[1:]] == written.split()


def test_columns_go_where_sample_submission_has_them(tmp_path):
    sample = sample_of(tmp_path, ["a", "b"], ("first", "second"))
    cells = {"second": np.array([3, 4]), "first": np.array([1, 2])}
    write_submission(tmp_path / "s.csv", sample.ids, cells, sample, RULES)
    assert (tmp_path / "s.csv").read_text() == "id,first,second\na,1,3\nb,2,4\n"


def test_compressed_bytes_depend_on_the_rows_alone(tmp_path, sample):
    cells = {"target": np.array([1.5, 2.5, 3.5])}
    digest = write_submission(tmp_path / "one.csv.gz", sample.ids, cells, sample, RULES)
    os.utime(tmp_path / "one.csv.gz", (1, 1))
    assert write_submission(tmp_path / "other.csv.gz", sample.ids, cells, sample, RULES) == digest
    assert gzip.decompress((tmp_path / "one.csv.gz").read_bytes()) == b"id,target\na,1.5\nb,2.5\nc,3.5\n"
    assert check_file(tmp_path / "one.csv.gz", sample, RULES).digest == digest


def test_a_refused_submission_leaves_the_earlier_one(tmp_path, sample):
    path = tmp_path / "submission.csv"
    path.write_text("earlier")
    with pytest.raises(SubmissionError, match="missing"):
        write_submission(path, sample.ids, {"target": np.array([1, np.nan, 2])}, sample, RULES)
    assert path.read_text() == "earlier"
    assert left_in(tmp_path) == ["submission.csv"]


def test_rows_may_come_in_parts(tmp_path, sample):
    whole = write_submission(tmp_path / "whole.csv", sample.ids, {"target": np.array([1, 2, 3])}, sample, RULES)
    with open_submission(tmp_path / "parts.csv", sample, RULES) as writer:
        writer.append(["a", "b"], {"target": np.array([1, 2])})
        assert not (tmp_path / "parts.csv").exists()
        writer.append(["c"], {"target": np.array([3])})
    assert writer.digest == whole


@pytest.mark.parametrize(
    ("parts", "kind", "words"),
    [
        ([["a", "b"]], "rows", "expected 3 rows, got 2; the next would have been c"),
        ([], "rows", "got 0; the next would have been a"),
        ([["b", "a", "c"]], "order", "expected a in row 1, as in sample_submission, got b"),
        ([["a"], ["c", "b"]], "order", "expected b in row 2, as in sample_submission, got c"),
        ([["a"], ["a", "b"]], "order", "expected b in row 2"),
        ([["a", "b", "c"], ["d"]], "rows", "expected 3 rows, got more, the first of them d"),
    ],
)
def test_parts_out_of_place_are_refused_and_leave_nothing(tmp_path, sample, parts, kind, words):
    def write():
        count = 0
        with open_submission(tmp_path / "s.csv", sample, RULES) as writer:
            for ids in parts:
                writer.append(ids, {"target": np.arange(count, count + len(ids))})
                count += len(ids)

    with pytest.raises(SubmissionError, match=words) as refusal:
        write()
    assert refusal.value.kinds == {kind}
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("values", "kind"),
    [([[1, 2], [np.inf]], "infinite"), ([[5, 5], [5]], "constant"), ([[0, 0], [0]], "sample")],
)
def test_values_are_judged_as_they_come_and_as_a_whole(tmp_path, sample, values, kind):
    def write():
        with open_submission(tmp_path / "s.csv.gz", sample, RULES) as writer:
            for ids, target in zip((["a", "b"], ["c"]), values, strict=True):
                writer.append(ids, {"target": np.array(target)})

    with pytest.raises(SubmissionError) as refusal:
        write()
    assert refusal.value.kinds == {kind}
    assert left_in(tmp_path) == []


def test_an_error_while_rows_are_made_leaves_nothing(tmp_path, sample):
    def write():
        with open_submission(tmp_path / "s.csv.gz", sample, RULES) as writer:
            writer.append(["a"], {"target": np.array([1])})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert left_in(tmp_path) == []


@contextmanager
def room_for(size):
    """A limit on the size of files: a real fault of the system, nothing is patched."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz"])
@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_a_full_disk_is_said_so_and_leaves_the_earlier_file(tmp_path, name, size):
    ids = [f"{number:06d}" for number in range(30_000)]
    sample = sample_of(tmp_path, ids)
    (tmp_path / name).write_text("earlier")
    with pytest.raises(OSError, match="expected room to write it, got File too large; free disk space") as full:  # noqa: SIM117
        with room_for(size):
            write_submission(tmp_path / name, sample.ids, {"target": np.arange(30_000) / 7}, sample, RULES)
    assert full.value.errno == errno.EFBIG
    assert str(tmp_path / name) in str(full.value)
    assert (tmp_path / name).read_text() == "earlier"
    assert left_in(tmp_path) == [name]


SLOW = """
import sys, time
from pathlib import Path
import numpy as np
from submissions.rules import Rules
from submissions.sample import read_sample
from submissions.write import open_submission
root = Path(sys.argv[1])
sample = read_sample(root / "sample_submission.csv")
with open_submission(root / "s.csv", sample, Rules()) as writer:
    writer.append(["a", "b"], {"target": np.array([1, 2])})
    print("half", flush=True)
    time.sleep(3600)
"""


def test_a_killed_writers_part_is_tidied_away_and_a_living_ones_is_not(tmp_path, sample):
    path = tmp_path / "s.csv"
    with subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path)], stdout=subprocess.PIPE) as writing:
        assert writing.stdout.readline() == b"half\n"
        assert [name.endswith(".part") for name in left_in(tmp_path)] == [True]
        write_submission(path, sample.ids, {"target": np.array([3, 4, 5])}, sample, RULES)
        assert [name.endswith(".part") for name in left_in(tmp_path)] == [True, False]
        writing.kill()
    assert path.read_text() == "id,target\na,3\nb,4\nc,5\n"
    assert len(left_in(tmp_path)) == 2
    write_submission(path, sample.ids, {"target": np.array([6, 7, 8])}, sample, RULES)
    assert left_in(tmp_path) == ["s.csv"]


BUSY = """
import sys
from pathlib import Path
import numpy as np
from submissions.rules import Rules
from submissions.sample import read_sample
from submissions.write import write_submission
root = Path(sys.argv[1])
sample = read_sample(root / "sample_submission.csv")
print("ready", flush=True)
for turn in range(10**9):
    write_submission(root / "s.csv", sample.ids, {"target": np.arange(len(sample)) + turn % 2}, sample, Rules())
"""


def await_another(path) -> float:
    """Wait until another file has taken a name; the seconds that took."""
    start, before = time.monotonic(), path.stat().st_ino
    while path.stat().st_ino == before:
        assert time.monotonic() < start + 600
        time.sleep(0.001)
    return time.monotonic() - start


def test_killed_at_any_moment_the_file_is_whole(tmp_path):
    sample = sample_of(tmp_path, [f"{number:06d}" for number in range(20_000)])
    whole = set()
    for turn in (0, 1):
        write_submission(tmp_path / "s.csv", sample.ids, {"target": np.arange(20_000) + turn}, sample, RULES)
        whole.add((tmp_path / "s.csv").read_bytes())
    for part in (0.3, 0.7):  # of the time that a file takes
        with subprocess.Popen([sys.executable, "-c", BUSY, str(tmp_path)], stdout=subprocess.PIPE) as writing:
            assert writing.stdout.readline() == b"ready\n"
            await_another(tmp_path / "s.csv")
            time.sleep(part * await_another(tmp_path / "s.csv"))
            writing.kill()
        assert (tmp_path / "s.csv").read_bytes() in whole
    write_submission(tmp_path / "s.csv", sample.ids, {"target": np.arange(20_000)}, sample, RULES)
    assert left_in(tmp_path) == ["s.csv"]


floats = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n\x00"), min_size=1).filter(str.strip)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("round")


@given(rows=st.dictionaries(words, floats, min_size=2), ending=st.sampled_from([".csv", ".csv.gz"]))
def test_ids_and_floats_read_back_as_they_were(root, rows, ending):
    sample = sample_of(root, list(rows))
    values = np.array(list(rows.values()))
    path = root / f"s{ending}"
    try:
        write_submission(path, sample.ids, {"target": values}, sample, Rules(constant=True))
    except SubmissionError as error:
        assert error.kinds == {"sample"}
        assert not values.any()
        return
    check_file(path, sample, Rules(constant=True))
    back = read_sample(path)
    assert back.ids.tolist() == list(rows)
    assert np.array(back.cells["target"], dtype=float).tobytes() == values.tobytes()


@given(codes=st.lists(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\x00")), min_size=2))
def test_texts_read_back_as_they_were(root, codes):
    ids = [str(number) for number in range(len(codes))]
    sample, rules = sample_of(root, ids), Rules(text=True, constant=True)
    if set(codes) == {"0"}:
        return
    write_submission(root / "s.csv", ids, {"target": np.array(codes, dtype=object)}, sample, rules)
    check_file(root / "s.csv", sample, rules)
    assert read_sample(root / "s.csv").cells["target"] == codes


@given(values=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, unique=True))
@example(values=[2**61 - 128, 2**61 - 127])  # one and the same as floats
def test_whole_numbers_read_back_as_they_were(root, values):
    ids = [str(number) for number in range(len(values))]
    sample = sample_of(root, ids)
    write_submission(root / "s.csv", ids, {"target": np.array(values)}, sample, Rules(integer=True))
    assert [int(text) for text in read_sample(root / "s.csv").cells["target"]] == values


def test_a_carriage_return_in_a_text_is_refused(tmp_path, sample):
    cells = {"target": np.array(["x", "y\rz", "z"], dtype=object)}
    with pytest.raises(SubmissionError, match="b: 'y"):
        write_submission(tmp_path / "s.csv", sample.ids, cells, sample, Rules(text=True))
