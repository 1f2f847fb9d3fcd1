"""Files that cannot be read: the error names the file and the place, and what to do."""

import gzip
import zipfile

import pytest

from pipelines.reading import find_file, read_table


def refusal(path, content: bytes, **options) -> str:
    """The words with which a file is refused."""
    path.write_bytes(content)
    with pytest.raises(ValueError, match="expected") as refused:
        read_table(path, "id", **options)
    assert str(path) in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["a header", "empty file"]),
        (b"\n\n", ["a header", "empty file"]),
        (b"id,x", ["rows below the header"]),
        (b"id,x\n", ["rows below the header"]),
        (b"id,x\r\n\r\n", ["rows below the header"]),
        (b"id,x\n1,2\n3\n", ["2 cells", "line 3", "got 1"]),
        (b'id,x\n1,"a\nb"\n3,4,5\n', ["2 cells", "line 4", "got 3"]),
        (b'id,x\n1,2\n"3,4\n5,6\n', ["2 cells", "line 3", "got 1"]),
        (b"id;x\n1;2\n", ["separated by ','", "';'"]),
        (b"id\tx\n1\t2\n", ["separated by ','", r"'\t'"]),
        (b"id,x,x,y,y\n1,2,3,4,5\n", ["once", "x, y"]),
        (b"name,x\n1,2\n", ["column id", "name, x", "another competition"]),
        (b"id,x\n1,caf\xe9\n", ["UTF-8", "line 2", "0xe9", r"b'caf\xe9'"]),
        (b"id,x\n1,2\ncaf\xe9,3\n", ["UTF-8", "line 3", "0xe9"]),
        (b"id,pr\xe9nom\n1,2\n", ["UTF-8", "header", "0xe9"]),
        ("id,x\n1,2\n".encode("utf-16"), ["UTF-8", "header", "0xff"]),
        (b'id,x\n1,2\n"3,4\n"5,6\n7,8\n', ["id", "on one line", "1 with line breaks", r"'3,4\n5'", "stray quote"]),
        (b"id,x\n1,2\n,3\n,4\n", ["id in every row", "row 2, 3"]),
        (b"id,x\n1,2\n7,3\n1,4\n7,5\n7,6\n", ["every id", "2 twice: 1, 7"]),
    ],
)
def test_bad_files_are_refused(tmp_path, content, words):
    refused = refusal(tmp_path / "train.csv", content)
    assert [word for word in words if word not in refused] == []


def test_a_fault_late_in_a_large_file_is_found(tmp_path):
    rows = b"".join(b"%d,%d\n" % (number, number) for number in range(200_000))
    assert "line 200002" in refusal(tmp_path / "train.csv", b"id,x\n" + rows + b"5\n")
    assert "0xfc in b'K\\xfcche'" in refusal(tmp_path / "train.csv", b"id,x\n" + rows + b"a,K\xfcche\n")


def test_many_repeated_ids_are_counted(tmp_path):
    rows = b"".join(b"%d,0\n" % (number % 10) for number in range(20))
    assert "10 twice: 0, 1, 2, 3, 4 and 5 more" in refusal(tmp_path / "train.csv", b"id,x\n" + rows)


def test_unknown_columns_in_options_are_named(tmp_path):
    assert "column colour" in refusal(tmp_path / "train.csv", b"id,x\n1,2\n", text=("colour",))
    assert "column target" in refusal(tmp_path / "train.csv", b"id,x\n1,2\n", exact=("target",))


def test_a_file_with_ids_is_not_numbered(tmp_path):
    assert "no column 'id'" in refusal(tmp_path / "train.csv", b"id,x\n1,2\n", numbered=True)


def test_damaged_archives_are_named(tmp_path):
    whole = gzip.compress(b"id,x\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(5000)))
    assert "whole archive" in refusal(tmp_path / "train.csv.gz", whole[: len(whole) // 2])
    assert "whole archive" in refusal(tmp_path / "train.csv.gz", b"<html>Sign in</html>")
    assert "whole archive" in refusal(tmp_path / "train.csv.zip", b"<html>Sign in</html>")
    with zipfile.ZipFile(tmp_path / "whole.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train.csv", b"id,x\n" + b"1,2\n" * 9)
    spoilt = (tmp_path / "whole.zip").read_bytes().replace(b"PK\x03\x04", b"PK\x03\x05")
    assert "whole archive" in refusal(tmp_path / "train.csv.zip", spoilt)


def test_an_archive_of_several_files_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("train.csv", b"id,x\n1,2\n")
        archive.writestr("test.csv", b"id,x\n1,2\n")
    refused = refusal(tmp_path / "train.csv.zip", (tmp_path / "two.zip").read_bytes())
    assert "got train.csv, test.csv" in refused


def test_a_missing_file_shows_the_tree_and_how_to_get_it(tmp_path):
    root = tmp_path / "titanic"
    files = ("train.csv", "test.csv", "sample_submission.csv")
    with pytest.raises(FileNotFoundError) as refused:
        find_file(root, "test.csv", slug="titanic", files=files)
    message = str(refused.value)
    assert f"got: no folder {root}" in message
    assert [name for name in files if f"\n    {name}\n" not in message] == []
    assert "https://www.kaggle.com/c/titanic/data" in message
    assert "podium data titanic" in message
    root.mkdir()
    with pytest.raises(FileNotFoundError, match="got: an empty folder"):
        find_file(root, "test.csv", slug="titanic")
    (root / "train").mkdir()
    (root / "train.csv").mkdir()  # a folder of that name is no file
    with pytest.raises(FileNotFoundError, match=r"got: train/, train\.csv/"):
        find_file(root, "train.csv", slug="titanic")
