"""Bad files, as they come: one clear error that names the file and the row, exit 1, nothing lost or half-written."""

from __future__ import annotations

import codecs

import pytest

from tests.conftest import QUICK

MAY = "tps_tabular/may-2022"


def edit(path, change):
    """Change a CSV's lines: change(header cells, rows of cells) -> the same."""
    lines = [line.split(",") for line in path.read_text().splitlines()]
    header, rows = change(lines[0], lines[1:])
    path.write_text("\n".join(",".join(cells) for cells in [header, *rows]) + "\n")


def column(name, value):
    """Set one column of the third row."""

    def change(header, rows):
        rows[2][header.index(name)] = value
        return header, rows

    return change


def drop(name):
    def change(header, rows):
        place = header.index(name)
        return header[:place] + header[place + 1 :], [row[:place] + row[place + 1 :] for row in rows]

    return change


def rename(name, other):
    return lambda header, rows: ([other if each == name else each for each in header], rows)


def swap(one, other):
    def change(header, rows):
        first, second = header.index(one), header.index(other)
        for cells in [header, *rows]:
            cells[first], cells[second] = cells[second], cells[first]
        return header, rows

    return change


def every(name, value):
    def change(header, rows):
        for cells in rows:
            cells[header.index(name)] = value
        return header, rows

    return change


def duplicate_id(header, rows):
    rows[3][0] = rows[2][0]
    return header, rows


def copy_target(header, rows):
    return [*header, "target"], [[*cells, "1"] for cells in rows]


@pytest.mark.parametrize(
    ("file", "change", "named"),
    [
        ("train.csv", duplicate_id, ["train.csv", "2"]),
        ("train.csv", column("target", ""), ["target", "2"]),
        ("train.csv", column("target", "7"), ["target", "7"]),
        ("train.csv", column("target", "maybe"), ["target", "first 2: 'maybe'", "column is text"]),
        ("train.csv", drop("target"), ["target"]),
        ("train.csv", drop("f_27"), ["f_27", "train.csv"]),
        ("train.csv", rename("id", "Id"), ["id", "train.csv"]),
        ("train.csv", rename("f_00", "f_0"), ["f_00"]),
        ("train.csv", swap("f_00", "f_01"), ["f_00"]),
        ("test.csv", swap("f_00", "f_01"), ["f_00"]),
        ("test.csv", drop("f_05"), ["f_05"]),
        ("test.csv", copy_target, ["target", "test"]),
        ("test.csv", every("f_03", "much"), ["f_03"]),
        ("test.csv", duplicate_id, ["test.csv"]),
        ("sample_submission.csv", rename("target", "Pawpularity"), ["sample_submission.csv"]),
        (
            "sample_submission.csv",
            column("id", "4128bae22183829d2b5fea10effdb0c3"),
            ["sample_submission.csv", "4128bae"],
        ),
    ],
)
def test_each_fault_is_named(podium, files, tmp_path, file, change, named):
    edit(files / file, change)
    said = podium("run", MAY, "--data", files, *QUICK)
    assert said.code == 1, said.out
    message = said.err.splitlines()[-1] if "podium:" in said.err.splitlines()[-1] else said.err
    for text in named:
        assert text in message
    assert "fold 0" not in said.err  # it was found before any work
    assert not list((tmp_path / "runs").rglob("*.csv"))


@pytest.mark.parametrize("content", [b"", b"\n", b"id,f_00,target\n"])
@pytest.mark.parametrize("file", ["train.csv", "test.csv", "sample_submission.csv"])
def test_an_empty_file_is_named(podium, files, file, content):
    (files / file).write_bytes(content)
    said = podium("run", MAY, "--data", files, *QUICK)
    assert said.code == 1
    assert file in said.err


@pytest.mark.parametrize("file", ["train.csv", "test.csv", "sample_submission.csv"])
def test_a_missing_file_shows_the_tree(podium, files, file):
    (files / file).unlink()
    said = podium("run", MAY, "--data", files, *QUICK)
    assert said.code == 1
    assert file in said.err
    assert "kaggle.com/c/tabular-playground-series-may-2022" in said.err


def test_byte_order_marks_and_windows_line_ends_change_nothing(podium, files, tmp_path):
    command = ("run", MAY, "--data", files, *QUICK)
    assert podium(*command).code == 0
    (first,) = (tmp_path / "runs" / MAY).glob("*/submission.csv")
    before = first.read_bytes()
    for name in ("train.csv", "test.csv", "sample_submission.csv"):
        text = (files / name).read_bytes().replace(b"\n", b"\r\n")
        (files / name).write_bytes(codecs.BOM_UTF8 + text)
    said = podium(*command)
    assert said.code == 0, said.err
    assert said.err.count("finished before") == 5  # the same run: the tables are the same
    assert first.read_bytes() == before


def test_leading_zeros_of_ids_survive_from_file_to_submission(podium, files, tmp_path):
    def zeros(header, rows):
        return header, [[cells[0].zfill(9), *cells[1:]] for cells in rows]

    for name in ("train.csv", "test.csv", "sample_submission.csv"):
        edit(files / name, zeros)
    assert podium("run", MAY, "--data", files, *QUICK).code == 0
    (written,) = (tmp_path / "runs" / MAY).glob("*/submission.csv")
    sample = (files / "sample_submission.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in written.read_text().splitlines()] == [line.split(",")[0] for line in sample]
    edit(
        files / "sample_submission.csv",
        lambda header, rows: (header, [[str(int(cells[0])), *cells[1:]] for cells in rows]),
    )
    said = podium("run", MAY, "--data", files, *QUICK)
    assert said.code == 1
    assert "zero" in said.err


def test_zipped_files_are_read_as_they_come(podium, files):
    import zipfile

    for name in ("train.csv", "test.csv", "sample_submission.csv"):
        with zipfile.ZipFile(files / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(files / name, name)
        (files / name).unlink()
    assert podium("run", MAY, "--data", files, *QUICK).code == 0
