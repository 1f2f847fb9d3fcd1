"""The store of vectors: what was added is what is read, whatever a kill, a full disk or a damaged byte did between."""

from __future__ import annotations

import resource
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.vectors import KEYS, LINE, VECTORS, Vectors
from tests.forking import FORKS
from tests.tracked import until

WIDTH = 5


def key(number: int) -> str:
    return f"{number:032x}"


def vectors_of(numbers) -> np.ndarray:
    return np.stack([np.random.default_rng(number).normal(size=WIDTH) for number in numbers]).astype(np.float32)


def put(folder: Path, numbers) -> Vectors:
    store = Vectors(folder, print)
    with store.adding():
        store.add([key(number) for number in numbers], vectors_of(numbers))
    return store


def check(store: Vectors, numbers) -> None:
    rows = store.find([key(number) for number in numbers])
    assert (rows >= 0).all()
    np.testing.assert_array_equal(store.read(rows), vectors_of(numbers))


@settings(deadline=None, max_examples=30)
@given(parts=st.lists(st.integers(1, 4), min_size=1, max_size=5), cut=st.integers(0, 10**6), of=st.booleans())
def test_after_a_cut_anywhere_what_is_whole_is_found_and_the_rest_can_be_added(parts, cut, of):
    with tempfile.TemporaryDirectory() as place:
        folder, numbers = Path(place) / "store", list(range(sum(parts)))
        for end, count in zip(np.cumsum(parts), parts, strict=True):
            put(folder, numbers[end - count : end])
        path, size = (folder / VECTORS, 4 * WIDTH) if of else (folder / KEYS, LINE)
        content = path.read_bytes()
        kept = cut % (len(content) + 1)
        path.write_bytes(content[:kept])
        store = Vectors(folder, print)
        whole, lost = numbers[: kept // size], numbers[kept // size :]
        assert (store.find([key(number) for number in lost]) == -1).all()
        if whole:
            check(store, whole)
        if lost:
            put(folder, lost)
        check(Vectors(folder, print), numbers)


def test_a_damaged_vector_is_told_and_made_again(tmp_path):
    put(tmp_path, range(6))
    content = bytearray((tmp_path / VECTORS).read_bytes())
    content[4 * WIDTH * 2 + 3] ^= 1
    (tmp_path / VECTORS).write_bytes(content)
    said: list[str] = []
    store = Vectors(tmp_path, said.append)
    assert store.find([key(number) for number in range(6)]).tolist() == [0, 1, -1, 3, 4, 5]
    assert said == [f"features: 1 damaged vectors in {tmp_path} are made again"]
    put(tmp_path, [2])
    check(Vectors(tmp_path, print), range(6))


def test_another_width_is_refused(tmp_path):
    store = put(tmp_path, range(2))
    with pytest.raises(ValueError, match="expected vectors of 5 numbers, got 4"), store.adding():
        store.add([key(3)], np.zeros((1, 4), np.float32))


def fill(folder: Path, first: int) -> None:
    for number in range(first, first + 20):
        put(folder, [number])


def fill_until_full(folder: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
    try:
        fill(folder, 0)
    except OSError as error:
        assert "expected room for" in str(error)
        assert "--feature-dir" in str(error)
        raise SystemExit(9) from error


def test_two_writers_and_a_kill_lose_nothing_that_counted(tmp_path):
    children = [FORKS.Process(target=fill, args=(tmp_path, first)) for first in (0, 100)]
    for child in children:
        child.start()
    until(lambda: (tmp_path / KEYS).exists() and (tmp_path / KEYS).stat().st_size >= 10 * LINE)
    children[1].kill()
    for child in children:
        child.join()
    store = Vectors(tmp_path, print)
    check(store, range(20))
    rest = [number for number in range(100, 120) if store.find([key(number)])[0] < 0]
    put(tmp_path, rest) if rest else None
    check(Vectors(tmp_path, print), [*range(20), *range(100, 120)])


def test_a_full_disk_says_so_and_what_was_there_stays(tmp_path):
    child = FORKS.Process(target=fill_until_full, args=(tmp_path,))
    child.start()
    child.join()
    assert child.exitcode == 9
    store = Vectors(tmp_path, print)
    assert 0 < len(store) < 20
    check(store, range(len(store)))
    put(tmp_path, range(len(store), 20))
    check(Vectors(tmp_path, print), range(20))
