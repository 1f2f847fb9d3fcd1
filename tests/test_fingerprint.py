"""A table's fingerprint follows its content: values, ids, names, order and files; nothing else."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contents import Contents
from pipelines.fingerprint import table_fingerprint

cells = st.one_of(
    st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))), min_size=1),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.lists(st.floats(allow_nan=False).map(lambda value: value + 0.0), min_size=1),
)


def table(column, name="x", id="id") -> pd.DataFrame:
    return pd.DataFrame({name: column}, index=pd.Index([f"r{n}" for n in range(len(column))], name=id))


@given(one=cells, other=cells)
@settings(max_examples=120, deadline=None)
def test_fingerprints_are_equal_exactly_where_content_is(one, other):
    same = one == other and [type(cell) for cell in one] == [type(cell) for cell in other]
    assert (table_fingerprint(table(one)) == table_fingerprint(table(other))) == same
    assert table_fingerprint(table(one)) == table_fingerprint(table(list(one)))


def test_known_content_keeps_its_fingerprint_across_versions():
    made = pd.DataFrame(
        {"n": [1, -2], "x": [0.5, np.nan], "word": ["a", None], "day": pd.to_datetime(["2020-01-01", None])},
        index=pd.Index(["007", "8"], name="id"),
    )
    assert table_fingerprint(made) == "409a19451a475a2467540b823a66f1dd"


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int16, np.int32, "uint16", "uint64"])
def test_the_width_of_integers_does_not_count(kind):
    assert table_fingerprint(table(np.array([0, 5, 100], kind))) == table_fingerprint(table([0, 5, 100]))


def test_the_type_of_text_does_not_count():
    texts = ["a", None, "", "b\0c", "é"]
    kinds = [object, pd.StringDtype("pyarrow"), pd.StringDtype("python"), "category"]
    assert len({table_fingerprint(table(pd.Series(texts, dtype=kind).array)) for kind in kinds}) == 1
    index = [table(range(2)).set_axis(pd.Index(["a", "b"], dtype=kind, name="id")) for kind in kinds[:3]]
    assert len({table_fingerprint(each) for each in index}) == 1


def test_the_width_of_exact_fractions_does_not_count():
    fractions = np.array([0.5, np.nan, np.inf], np.float32)
    assert table_fingerprint(table(fractions)) == table_fingerprint(table(fractions.astype(np.float64)))
    assert table_fingerprint(table(np.array([0.1], np.float32))) != table_fingerprint(table([0.1]))


def test_one_nan_is_as_good_as_another():
    strange = np.array([0x7FF8000000000001, 0xFFF8000000000000], np.uint64).view(np.float64)
    assert table_fingerprint(table(strange)) == table_fingerprint(table([np.nan, np.nan]))
    assert table_fingerprint(table([0.0])) == table_fingerprint(table([-0.0]))


def test_the_unit_and_zone_of_times_do_not_count():
    days = pd.to_datetime(["2020-01-01 12:00", "1999-12-31 00:00", None])
    prints = {table_fingerprint(table(days.astype(f"datetime64[{unit}]"))) for unit in ("s", "ms", "ns")}
    prints.add(table_fingerprint(table(days.tz_localize("UTC").tz_convert("Asia/Tokyo"))))
    assert len(prints) == 1
    assert table_fingerprint(table(days - days[1])) not in prints


def test_memory_layout_does_not_count():
    whole = pd.DataFrame(np.arange(12).reshape(4, 3), columns=list("abc")).rename_axis("id")
    apart = pd.concat([whole[[name]].copy() for name in "abc"], axis=1)
    texts = table(["x", "a", "b", "y"])
    assert table_fingerprint(whole[::2]) == table_fingerprint(apart[::2].copy())
    assert table_fingerprint(texts[1:3]) == table_fingerprint(texts[1:3].copy(deep=True))


def test_order_names_and_ids_count():
    made = pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=pd.Index(["p", "q"], name="id"))
    others = [
        made[["b", "a"]],
        made.iloc[::-1],
        made.rename(columns={"b": "c"}),
        made.rename_axis("name"),
        made.set_axis(["p", "r"]).rename_axis("id"),
        made.set_axis(["pq", ""]).rename_axis("id"),
        made.assign(b=[3, 5]),
        made.assign(b=["3", "4"]),
        made.head(1),
        made.head(0),
    ]
    assert len({table_fingerprint(each) for each in (made, *others)}) == 1 + len(others)


def test_other_objects_are_refused_with_their_column():
    with pytest.raises(ValueError, match=r"column 'x': expected .*Paths, got other objects"):
        table_fingerprint(table(pd.Series([{"a": 1}, {}], dtype=object).array))


def photos(folder: Path) -> pd.DataFrame:
    folder.mkdir()
    files = [folder / f"{number}.jpg" for number in range(4)]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]) * 100)
        os.utime(file, (1e9, 1e9))
    return table(pd.Series([*files, files[0], None], dtype=object).array, "photo")


def test_files_count_by_name_and_content_not_by_folder(tmp_path):
    contents = Contents(tmp_path / "runs" / "contents.sqlite")
    first = table_fingerprint(photos(tmp_path / "here"), contents)
    moved = photos(tmp_path / "there")
    assert table_fingerprint(moved, contents) == first
    assert table_fingerprint(moved) == first
    file = moved["photo"].iloc[2]
    file.write_bytes(b"edited" * 20)
    edited = table_fingerprint(moved, contents)
    assert edited != first
    file.write_bytes(bytes([2]) * 100)
    assert table_fingerprint(moved, contents) == first
    renamed = file.rename(file.with_name("other.jpg"))
    assert table_fingerprint(moved.assign(photo=moved["photo"].replace({file: renamed})), contents) not in {
        first,
        edited,
    }
    assert "there" not in first


def test_unchanged_files_are_not_read_again(tmp_path, monkeypatch):
    made = photos(tmp_path / "photos")
    store = tmp_path / "contents.sqlite"
    first = table_fingerprint(made, Contents(store))
    read = []
    monkeypatch.setattr("pipelines.contents.hash_file", lambda file: read.append(file) or "0" * 32)
    assert table_fingerprint(made, Contents(store)) == first
    assert read == []
    made["photo"].iloc[1].touch()
    table_fingerprint(made, Contents(store))
    assert read == [made["photo"].iloc[1]]


def test_a_file_changed_this_very_moment_is_not_trusted(tmp_path, monkeypatch):
    contents, file = Contents(tmp_path / "contents.sqlite"), tmp_path / "a.jpg"
    file.write_bytes(b"one")
    now = time.time()
    monkeypatch.setattr(time, "time_ns", lambda: int(now * 1e9))  # however long a busy machine takes
    os.utime(file, (now, now))
    first = contents.hashes([file])
    file.write_bytes(b"two")  # as long, and the clock has not moved
    os.utime(file, (now, now))
    assert contents.hashes([file]) != first


def test_a_missing_file_is_named(tmp_path):
    made = photos(tmp_path / "photos")
    made["photo"].iloc[3].unlink()
    with pytest.raises(FileNotFoundError, match=r"expected the file .*3\.jpg, which a table refers to"):
        table_fingerprint(made, Contents(tmp_path / "contents.sqlite"))


def test_a_damaged_store_is_named(tmp_path):
    store = tmp_path / "contents.sqlite"
    store.write_bytes(b"no database " * 100)
    with pytest.raises(ValueError, match=r"contents\.sqlite, got .*: delete the file"):
        Contents(store).hashes([store])


def fingerprint_in_child(arguments: tuple[pd.DataFrame, Path]) -> str:
    made, store = arguments
    return table_fingerprint(made, Contents(store))


def test_two_processes_share_a_store(tmp_path):
    made, store = photos(tmp_path / "photos"), tmp_path / "contents.sqlite"
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        prints = set(pool.map(fingerprint_in_child, [(made, store)] * 6))
    assert prints == {table_fingerprint(made)}
