"""What the checker refuses in a file, whoever wrote it; all that is wrong with it is said at once."""

from __future__ import annotations

import gzip
import hashlib
import zipfile

import pandas as pd
import pytest

from submissions.check import check_file
from submissions.rules import Rules
from submissions.sample import read_sample
from submissions.verdict import SubmissionError

SAMPLE = "Id,Pawpularity\n01a,5.5\n02b,5.5\n03c,5.5\n"
GOOD = "Id,Pawpularity\n01a,5.25\n02b,7\n03c,1e1\n"


@pytest.fixture
def sample(tmp_path):
    (tmp_path / "sample_submission.csv").write_text(SAMPLE)
    return read_sample(tmp_path / "sample_submission.csv")


def put(root, content, name="submission.csv"):
    path = root / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(path, sample, rules=None):
    with pytest.raises(SubmissionError) as refusal:
        check_file(path, sample, rules or Rules())
    return refusal.value


def test_a_good_file_passes_with_its_digest(tmp_path, sample):
    path = put(tmp_path, GOOD)
    verdict = check_file(path, sample, Rules(low=1, high=100))
    assert (verdict.rows, verdict.warnings, verdict.notes) == (3, (), ())
    assert verdict.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert str(verdict) == "submission.csv: 3 rows, ready to submit"


def test_packed_files_pass_too(tmp_path, sample):
    assert check_file(put(tmp_path, gzip.compress(GOOD.encode()), "s.csv.gz"), sample, Rules()).rows == 3
    with zipfile.ZipFile(tmp_path / "s.csv.zip", "w") as archive:
        archive.writestr("s.csv", GOOD)
    assert check_file(tmp_path / "s.csv.zip", sample, Rules()).rows == 3


def test_crlf_and_blank_lines_are_only_notes(tmp_path, sample):
    verdict = check_file(put(tmp_path, GOOD.replace("\n", "\r\n") + "\r\n"), sample, Rules())
    assert verdict.notes == ("lines end in CRLF; Kaggle takes them", "1 blank lines")
    assert "note: lines end in CRLF" in str(verdict)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"", "empty", "got an empty file"),
        ("Id,Pawpularity\n", "rows", "expected 3 rows, got 0"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "BOM", "encoding='utf-8', not 'utf-8-sig'"),
        (GOOD.encode("utf-16"), "encoding", "got UTF-16; save it as UTF-8"),
        (GOOD.replace("02b", "0é").encode("latin-1"), "encoding", "got byte 0xe9 in line 3"),
        (gzip.compress(GOOD.encode()), "packing", "expected a name ending in .gz"),
        (GOOD.replace(",", ";"), "delimiter", "semicolons; write it with sep=','"),
        (GOOD.replace(",", "\t"), "delimiter", "tabs"),
        (GOOD.partition("\n")[2], "header", "got the row 01a,5.25; write it with header=True"),
        ("id,target\n1,2\n", "competition", "another competition"),
        ("<!doctype html>\n<html>\n", "competition", "or is no submission"),
        (SAMPLE, "sample", "the values of sample_submission itself"),
        (SAMPLE.replace("5.5", "5.50"), "sample", "submit the file that a run wrote"),
        ("Pawpularity,Id\n5,01a\n6,02b\n7,03c\n", "columns", "in this order, got ['Pawpularity', 'Id']; reorder"),
        ("Id,pawpularity\n01a,5\n02b,6\n03c,7\n", "columns", "got ['pawpularity'] for ['Pawpularity']; rename them"),
        ("ID,Pawpularity\n01a,5\n02b,6\n03c,7\n", "columns", "got ['ID'] for ['Id']"),
        ("Id,Pawpularity,x\n01a,5,0\n02b,6,0\n03c,7,0\n", "columns", "got ['x'] as well; drop them"),
        ("Id\n01a\n02b\n03c\n", "columns", "got no ['Pawpularity']; add them"),
        ("Id,Pawpularity,Id\n01a,5,1\n02b,6,2\n03c,7,3\n", "columns", "got ['Id'] more than once"),
        (",Id,Pawpularity\n0,01a,5\n1,02b,6\n2,03c,7\n", "index", "write it with index=False"),
        ("Unnamed: 0,Id,Pawpularity\n0,01a,5\n1,02b,6\n2,03c,7\n", "index", "('Unnamed: 0')"),
        ("Id,Pawpularity\n01a,5\n02b,6,6\n03c,7\n", "cells", "expected 2 cells in every row, got 1 rows with another"),
        ("Id,Pawpularity\n01a,5\n02b,6,6\n\n03c,7,7\n", "cells", "(02b: 3, 03c: 3)"),
        ('Id,Pawpularity\n01a,5\n02b,"6\n03c,7\n', "quoting", "got line 4: unexpected end of data"),
        ('Id,Pawpularity\n01a,5\n02b,"6"6\n03c,7\n', "quoting", "stray or unclosed quote"),
        ("Id,Pawpularity\n01a,5\n03c,7\n02b,6\n", "order", "(row 2: 03c, not 02b)"),
        ("Id,Pawpularity\n01a,\n02b,nan\n03c,7\n", "missing", "got 2 missing ones (01a: '', 02b: 'nan')"),
        ("Id,Pawpularity\n01a,inf\n02b,1e999\n03c,7\n", "infinite", "got 2 infinite ones (01a: 'inf', 02b: '1e999')"),
        ("Id,Pawpularity\n01a,50%\n02b,1-2\n03c,7\n", "number", "got 2 cells that are none (01a: '50%', 02b: '1-2')"),
        ('Id,Pawpularity\n01a,"5,5"\n02b,6\n03c,7\n', "number", "write 0.5, not 0,5"),
        (
            "Id,Pawpularity\n01a,0\n02b,6\n03c,101\n",
            "range",
            "from 1 to 100, got 2 outside (01a: '0', 03c: '101')",
        ),
        ("Id,Pawpularity\n01a,6\n02b,6.0\n03c,6\n", "constant", "got 6.0 in all of them"),
    ],
)
def test_a_file_that_kaggle_would_reject_is_refused_with_the_remedy(tmp_path, sample, content, kind, words):
    error = refused(put(tmp_path, content), sample, Rules(low=1, high=100))
    assert kind in error.kinds
    assert error.kinds <= {kind, "missing ids"}
    assert words in str(error), str(error)
    assert str(error).startswith("submission.csv is refused:")


def test_a_truncated_or_damaged_gzip_is_refused(tmp_path, sample):
    rows = "".join(f"{number:05d},{number / 7}\n" for number in range(20_000))
    whole = gzip.compress(("Id,Pawpularity\n" + rows).encode())
    for content in (whole[: len(whole) // 2], whole[:12], whole[:-9] + b"x" + whole[-8:], whole[:-8] + b"\0" * 8):
        error = refused(put(tmp_path, content, "s.csv.gz"), sample)
        assert "archive" in error.kinds
        assert "truncated or damaged" in str(error)
        assert "missing ids" not in error.kinds  # what could not be read is not said to be missing


def test_zeros_lost_by_a_spreadsheet_are_recognised(tmp_path):
    put(tmp_path, "id,t\n0001,0\n0002,0\n0003,0\n", "sample_submission.csv")
    sample = read_sample(tmp_path / "sample_submission.csv")
    pd.read_csv(tmp_path / "sample_submission.csv").assign(t=[1, 2, 3]).to_csv(tmp_path / "mine.csv", index=False)
    error = refused(tmp_path / "mine.csv", sample)
    assert error.kinds == {"missing ids", "extra ids"}
    assert "leading zeros are lost: read ids as text (dtype=str)" in str(error)


def test_labels_and_whole_numbers_in_files(tmp_path, sample):
    floats = put(tmp_path, "Id,Pawpularity\n01a,1.0\n02b,2.0\n03c,2.5\n")
    error = refused(floats, sample, Rules(integer=True))
    assert error.kinds == {"decimal", "fraction"}
    assert "written like 3.0 (01a: '1.0', 02b: '2.0')" in str(error)
    words = put(tmp_path, "Id,Pawpularity\n01a,cat\n02b,dog\n03c,cow\n")
    assert "one of cat, dog, got 1 other labels (03c: 'cow')" in str(
        refused(words, sample, Rules(labels=("cat", "dog")))
    )
    assert check_file(words, sample, Rules(labels=("cat", "cow", "dog"))).rows == 3
    assert check_file(words, sample, Rules(text=True)).rows == 3


def test_all_that_is_wrong_is_said_at_once(tmp_path, sample):
    content = b"\xef\xbb\xbf,Id,Pawpularity\n0,02b,5\n1,01a,\n2,01a,500\n3,04d,x\n"
    error = refused(put(tmp_path, content), sample, Rules(high=100))
    assert error.kinds == {
        *("BOM", "index", "rows", "missing ids", "extra ids", "duplicate ids"),
        *("missing", "range", "number"),
    }


def test_faults_before_a_broken_byte_are_still_told(tmp_path, sample):
    rows = "".join(f"{number:05d},x\n" for number in range(60_000))
    error = refused(put(tmp_path, b"Id,Pawpularity\n" + rows.encode() + b"\xff\n"), sample)
    assert error.kinds == {"number", "encoding"}
    assert "in line 60002" in str(error)


def test_long_cells_and_faults_far_down_a_file(tmp_path):
    ids = [f"{number:06d}" for number in range(10_000)]
    put(tmp_path, "img,rle_mask\n" + "".join(f"{id},1 1\n" for id in ids), "sample_submission.csv")
    sample = read_sample(tmp_path / "sample_submission.csv")
    code = "1 2 " * 50_000  # longer than the csv module's own limit of 131,072 characters
    lines = [f"{id},{place}\n" for place, id in enumerate(ids)]
    lines[9_000] = f"009000,{code}\n"
    assert check_file(put(tmp_path, "img,rle_mask\n" + "".join(lines)), sample, Rules(text=True)).rows == 10_000
    lines[9_500], lines[9_501] = lines[9_501], lines[9_500]
    error = refused(put(tmp_path, "img,rle_mask\n" + "".join(lines)), sample, Rules(text=True))
    assert "(row 9501: 009501, not 009500)" in str(error)
