"""Reading CSV files: what stands in the file is what the table holds, in the smallest type."""

import csv
import gzip
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.reading import BLOCK, find_file, read_table

LINES = 60_000  # of some 20 bytes: more than one block of 1 MB
texts = st.text(st.characters(exclude_categories=["Cs"]))
ONE_LINE = re.compile(r"[^\r\n]+").fullmatch  # what an id is
many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(path: Path, header: list[str], rows: list[list[object]], end: str = "\r\n") -> Path:
    quoting = csv.QUOTE_MINIMAL if end == "\r\n" else csv.QUOTE_NONNUMERIC  # the writer leaves a lone \r bare with \n
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target, lineterminator=end, quoting=quoting)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_late(path: Path, early: str, late: str) -> Path:
    """A file whose column changes its nature in the last row only."""
    rows = [f"row-{number:09d},{early}" for number in range(LINES)] + [f"last,{late}"]
    path.write_text("id,column\n" + "\n".join(rows) + "\n")
    return path


@given(
    rows=st.dictionaries(
        texts.filter(ONE_LINE),
        st.tuples(texts, st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)),
        min_size=1,
    ),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
@many
def test_any_table_comes_back_exactly(tmp_path, rows, end, mark):
    path = write(
        tmp_path / "train.csv", ["note", "id", "n", "x"], [[t, id, n, x] for id, (t, n, x) in rows.items()], end
    )
    path.write_bytes(mark + path.read_bytes())
    table = read_table(path, "id", text=("note",), exact=("n", "x"))
    assert table.index.name == "id"
    assert table.index.tolist() == list(rows)
    assert list(table.columns) == ["note", "n", "x"]
    assert table["note"].fillna("").tolist() == [text for text, _, _ in rows.values()]
    assert table["n"].tolist() == [number for _, number, _ in rows.values()]
    assert table["x"].tolist() == [fraction for _, _, fraction in rows.values()]
    assert (table.dtypes[["n", "x"]] == [np.int64, np.float64]).all()


@given(st.lists(st.floats(-(2**24), 2**24), min_size=1))
@many
def test_fractions_round_as_numpy_rounds(tmp_path, fractions):
    path = write(tmp_path / "train.csv", ["id", "x"], [[n, repr(x)] for n, x in enumerate(fractions)])
    read = read_table(path, "id", text=())["x"]
    if read.dtype.kind == "f":  # repr(1e16) and the like aside, a column of whole numbers written 1.0 is one of floats
        assert read.dtype == np.float32
    np.testing.assert_array_equal(read.to_numpy(), np.array(fractions).astype(np.float32))


@given(st.lists(st.one_of(st.none(), st.integers(-(2**31), 2**31)), min_size=1))
@many
def test_whole_numbers_stay_exact_in_the_smallest_type(tmp_path, numbers):
    path = write(tmp_path / "train.csv", ["id", "x"], [[n, x] for n, x in enumerate(numbers)])
    read = read_table(path, "id")["x"]
    assert [None if pd.isna(value) else value for value in read.tolist()] == numbers
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        assert read.dtype == (np.float32 if max(map(abs, known), default=0) <= 2**24 else np.float64)
    else:
        order = [np.uint8, np.int8, np.int16, np.int32, np.int64]
        fits = [kind for kind in order if np.iinfo(kind).min <= min(known) and max(known) <= np.iinfo(kind).max]
        assert read.dtype == fits[0]


@pytest.mark.parametrize(
    ("early", "late", "kind", "first", "last"),
    [
        ("7", "1.5", "float32", 7, 1.5),
        ("007", "x", "string", "007", "x"),
        ("1.50", "x", "string", "1.50", "x"),
        ("NA", "x", "string", "NA", "x"),
        ("True", "2", "string", "True", "2"),
        ("True", "", "float32", 1, None),
        ("", "5", "float32", None, 5),
        ("", "x", "string", None, "x"),
        ("7", "70000", "int32", 7, 70000),
        ("200", "-1", "int16", 200, -1),
        ("7", "", "float32", 7, None),
        ("16777215", "NA", "float32", 16777215, None),
        ("16777217", "NA", "float64", 16777217, None),
        ("0.1", "16777217", "float64", 0.1, 16777217),
        ("0.1", "1e300", "float64", 0.1, 1e300),
        ("0.1", "inf", "float32", float(np.float32(0.1)), np.inf),
    ],
)
def test_the_last_row_counts_for_the_type(tmp_path, early, late, kind, first, last):
    cells = read_table(write_late(tmp_path / "train.csv", early, late), "id")["column"]
    assert cells.dtype.name == kind
    assert len(cells) == LINES + 1
    for cell, expected in ((cells.iloc[0], first), (cells.iloc[-1], last)):
        assert pd.isna(cell) if expected is None else cell == expected
    assert cells.iloc[:-1].nunique(dropna=False) == 1


def test_many_columns_that_change_late_are_all_right(tmp_path):
    names = [f"c{number}" for number in range(20)]
    rows = [[f"row-{number}", *[1] * 20] for number in range(40_000)]
    for place in range(20):
        rows[1000 * place + 20_000][place + 1] = "1.5" if place % 2 else "word"
    table = read_table(write(tmp_path / "train.csv", ["id", *names], rows), "id")
    assert [kind.name for kind in table.dtypes] == ["string", "float32"] * 10
    assert [table[name].iloc[1000 * place + 20_000] for place, name in enumerate(names)] == ["word", 1.5] * 10


def test_ids_keep_zeros_spaces_and_markers(tmp_path):
    ids = ["007", " 7", "7 ", "7", "NA", "1e3", "True", "0x1F", "None"]
    path = write(tmp_path / "test.csv", ["id", "x"], [[id, 1] for id in ids])
    assert read_table(path, "id").index.tolist() == ids


def test_rows_without_ids_are_numbered(tmp_path):
    path = write(tmp_path / "test.csv", ["pixel0"], [[5], [6], [7]])
    table = read_table(path, "ImageId", numbered=True)
    assert table.index.tolist() == ["1", "2", "3"]
    assert table.index.name == "ImageId"
    assert table["pixel0"].tolist() == [5, 6, 7]


def test_text_keeps_what_numbers_count_as_missing(tmp_path):
    rows = [["a", "NA", "NA"], ["b", "Basel", "5"], ["c", "", ""], ["d", "null", "nan"]]
    table = read_table(write(tmp_path / "train.csv", ["id", "city", "n"], rows), "id")
    assert table["city"].isna().tolist() == [False, False, True, False]
    assert table["city"].dropna().tolist() == ["NA", "Basel", "null"]
    np.testing.assert_array_equal(table["n"].to_numpy(), np.array([np.nan, 5, np.nan, np.nan], np.float32))
    assert table["city"].iloc[2] is pd.NA


def test_truth_values_are_numbers(tmp_path):
    rows = [["a", "True", "true", "True"], ["b", "False", "", "no"]]
    table = read_table(write(tmp_path / "train.csv", ["id", "whole", "holes", "word"], rows), "id")
    assert [kind.name for kind in table.dtypes] == ["uint8", "float32", "string"]
    assert table["whole"].tolist() == [1, 0]
    assert table["holes"].iloc[0] == 1


def test_an_empty_column_is_one_of_missing_numbers(tmp_path):
    table = read_table(write(tmp_path / "train.csv", ["id", "x", "y"], [["a", "", "NA"], ["b", "", ""]]), "id")
    assert (table.dtypes == np.float32).all()
    assert table.isna().all(axis=None)


def test_infinite_numbers_stay(tmp_path):
    table = read_table(write(tmp_path / "train.csv", ["id", "x"], [["a", "inf"], ["b", "-inf"], ["c", "0.5"]]), "id")
    assert table["x"].tolist() == [np.inf, -np.inf, 0.5]
    assert table["x"].dtype == np.float32


def test_dates_stay_text(tmp_path):
    cells = ["2015-01-01", "2015-01-02 10:00:00"]
    table = read_table(write(tmp_path / "train.csv", ["id", "date"], list(zip("ab", cells, strict=True))), "id")
    assert table["date"].tolist() == cells


def test_a_picture_in_cells_takes_a_byte_per_pixel_and_more_columns(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (300, 784))
    names = [f"pixel{number}" for number in range(784)]
    path = write(tmp_path / "train.csv", ["label", *names], [[1, *row] for row in pixels.tolist()])
    table = read_table(path, "ImageId", numbered=True, exact=("label",))
    assert (table[names].dtypes == np.uint8).all()
    assert table["label"].dtype == np.int64
    np.testing.assert_array_equal(table[names].to_numpy(), pixels)
    table["mean"] = 0.5  # pandas warns here, and a warning fails, where each column is an array of its own
    assert list(table.columns) == ["label", *names, "mean"]


def test_long_cells_and_quoted_newlines_cross_blocks(tmp_path):
    cells = ["\n".join([f"{number} 1" for number in range(300_000)]), 'say "a,b"\r\n' * 50_000, "x"]
    path = write(tmp_path / "masks.csv", ["img", "rle_mask"], [[f"{n}.jpg", cell] for n, cell in enumerate(cells)])
    assert read_table(path, "img")["rle_mask"].tolist() == cells


@pytest.mark.parametrize("ending", ["", ".gz", ".zip"])
def test_compressed_files_read_alike(tmp_path, ending):
    content = b"id,x\n001,1.5\n002,\n"
    path = tmp_path / f"train.csv{ending}"
    if ending == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("__MACOSX/._train.csv", b"\x00\x01")
            archive.writestr("train.csv", content)
    else:
        path.write_bytes(gzip.compress(content) if ending else content)
    found = find_file(tmp_path, "train.csv", slug="titanic")
    assert found == path
    table = read_table(found, "id")
    assert table.index.tolist() == ["001", "002"]
    np.testing.assert_array_equal(table["x"].to_numpy(), np.array([1.5, np.nan], np.float32))


def test_what_macos_puts_into_an_archive_is_left_aside(tmp_path):
    with zipfile.ZipFile(tmp_path / "train.csv.zip", "w") as archive:
        for name in ("may/.DS_Store", "may/train.csv", "__MACOSX/may/._train.csv"):
            archive.writestr(name, b"id,x\n1,2\n")
    assert read_table(tmp_path / "train.csv.zip", "id")["x"].tolist() == [2]


def test_plain_files_come_first_and_folders_are_found(tmp_path):
    (tmp_path / "train.csv.gz").write_bytes(b"")
    (tmp_path / "train.csv").write_bytes(b"")
    (tmp_path / "train").mkdir()
    assert find_file(tmp_path, "train.csv", slug="titanic") == tmp_path / "train.csv"
    assert find_file(tmp_path, "train", slug="titanic") == tmp_path / "train"


def test_what_pandas_writes_comes_back(tmp_path):
    random = np.random.default_rng(1)
    made = pd.DataFrame({"id": np.arange(500), "n": random.integers(-9, 9, 500), "x": random.normal(size=500)})
    made["word"] = random.choice(["red", "green", "NA town"], 500)
    made.loc[::7, ["x", "word"]] = None
    made.to_csv(tmp_path / "train.csv", index=False)
    table = read_table(tmp_path / "train.csv", "id", exact=("x",))
    assert table.index.tolist() == made["id"].astype(str).tolist()
    np.testing.assert_array_equal(table["n"].to_numpy(), made["n"].to_numpy())
    np.testing.assert_array_equal(table["x"].to_numpy(), made["x"].to_numpy())
    assert table["word"].fillna("-").tolist() == made["word"].fillna("-").tolist()


def test_a_block_of_blank_lines_holds_no_rows(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("id,x\n1,2\n" + "\n" * 3 * BLOCK + "2,3\n")
    assert read_table(path, "id")["x"].tolist() == [2, 3]
