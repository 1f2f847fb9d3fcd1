"""sample_submission is read as text, however it is packed, and refused when its ids cannot serve as keys."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submissions.sample import read_sample
from submissions.verdict import SubmissionError

TEXT = "name,invasive\n001,0.5\n2,0.5\n10,0.5\n"


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def pack(root, packing):
    path = write(root / "sample_submission.csv", TEXT)
    if packing == "gz":
        path = root / "sample_submission.csv.gz"
        path.write_bytes(gzip.compress(TEXT.encode()))
    elif packing == "zip":
        path = root / "sample_submission.csv.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("sample_submission.csv", TEXT)
            archive.writestr("__MACOSX/._sample_submission.csv", "junk")
    return path


@pytest.mark.parametrize("packing", ["plain", "gz", "zip"])
def test_ids_and_cells_are_the_files_own_text(tmp_path, packing):
    sample = read_sample(pack(tmp_path, packing))
    assert sample.columns == ("name", "invasive")
    assert (sample.id, sample.values) == ("name", ("invasive",))
    assert sample.ids.tolist() == ["001", "2", "10"]
    assert sample.ids.name == "name"
    assert sample.cells == {"invasive": ["0.5", "0.5", "0.5"]}
    assert len(sample) == 3


def test_a_bom_and_crlf_in_kaggles_own_file_are_no_part_of_it(tmp_path):
    sample = read_sample(write(tmp_path / "s.csv", TEXT.replace("\n", "\r\n"), "utf-8-sig"))
    assert sample.columns == ("name", "invasive")
    assert sample.cells["invasive"] == ["0.5", "0.5", "0.5"]


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a CSV file at"):
        read_sample(tmp_path / "sample_submission.csv")
    with pytest.raises(FileNotFoundError, match="got a folder"):
        read_sample(tmp_path)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("", "empty", "empty file"),
        ("\n\n", "empty", "empty file or first line"),
        ("id\n1\n", "columns", "an id column and value columns"),
        ("id,a,a\n1,2,3\n", "columns", "a name of its own"),
        (",id,a\n0,1,2\n", "columns", "a name of its own"),
        ("id,a\n", "rows", "got none"),
        ("id,a\n1,2\n,3\n \t,4\n", "empty ids", r"2 empty ones \(line 3, 4\)"),
        ("id,a\n1,2\n2,2\n1,3\n1,3\n", "duplicate ids", r"1 of them again \(1\)"),
        ('id,a\n"x\ny",2\n', "broken ids", r"1 with line breaks \('x\\ny'\)"),
        ("id,a\n1,2\n2\n", "cells", "expected 2 cells in every row, got 1"),
        ('id,a\n1,"2\n2,2\n', "quoting", "unclosed quote"),
    ],
)
def test_ids_that_cannot_be_keys_are_refused(tmp_path, text, kind, words):
    with pytest.raises(SubmissionError, match=words) as refusal:
        read_sample(write(tmp_path / "s.csv", text))
    assert refusal.value.kinds == {kind}
    assert str(refusal.value).startswith("s.csv is refused:")


def test_two_csv_files_in_a_zip_are_not_guessed_between(tmp_path):
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("a.csv", TEXT)
        archive.writestr("b.csv", TEXT)
    with pytest.raises(SubmissionError, match=r"expected one \.csv inside"):
        read_sample(tmp_path / "s.zip")


def test_a_truncated_zip_is_refused(tmp_path):
    path = pack(tmp_path, "zip")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SubmissionError, match="truncated or damaged"):
        read_sample(path)


names = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n\x00"), min_size=1).filter(str.strip)


@given(ids=st.lists(names, min_size=1, unique=True))
def test_any_id_on_one_line_is_read_as_it_is(tmp_path_factory, ids):
    quoted = ['"{}",1'.format(id.replace('"', '""')) for id in ids]
    path = write(tmp_path_factory.mktemp("sample") / "s.csv", "\n".join(["id,a", *quoted, ""]))
    assert read_sample(path).ids.tolist() == ids


@given(body=st.text('ab,"\n\r', max_size=30))
def test_rows_are_those_of_the_csv_module_or_the_file_is_refused(tmp_path_factory, body):
    path = write(tmp_path_factory.mktemp("sample") / "s.csv", f"id,a\n{body}")
    try:
        rows = [row for row in csv.reader(io.StringIO(body, newline=""), strict=True) if row]
    except csv.Error:
        rows = []
    ids = [row[0] for row in rows]
    breaks = any("\r" in id or "\n" in id for id in ids)
    if not rows or set(map(len, rows)) != {2} or len(set(ids)) < len(ids) or "" in ids or breaks:
        with pytest.raises(SubmissionError):
            read_sample(path)
    else:
        sample = read_sample(path)
        assert list(map(list, zip(sample.ids, sample.cells["a"], strict=True))) == rows


def test_a_quoted_cell_over_several_lines_amid_many_plain_rows(tmp_path):
    rows = [f"{number:06d},{number / 7}" for number in range(60_000)]  # more than one block on either side
    rows[30_000] = '030000,"several\n\nlines, ""quoted"""'
    sample = read_sample(write(tmp_path / "s.csv", "\n".join(["id,a", *rows])))
    assert len(sample) == 60_000
    assert sample.cells["a"][30_000] == 'several\n\nlines, "quoted"'
    assert sample.cells["a"][29_999] == repr(29_999 / 7)
    assert (sample.ids[-1], sample.cells["a"][-1]) == ("059999", repr(59_999 / 7))


def test_the_line_of_a_stray_quote_far_down_is_named(tmp_path):
    rows = [f"{number:06d},{number / 7}" for number in range(60_000)]
    rows[50_000] = '050000,"1"2'
    with pytest.raises(SubmissionError, match="got line 50002"):
        read_sample(write(tmp_path / "s.csv", "\n".join(["id,a", *rows])))
