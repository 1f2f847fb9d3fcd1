"""The image cache when things go wrong: killed, crowded, out of room, damaged."""

from __future__ import annotations

import os
import signal
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.decode import read
from tests.cached import READING, Watched, build_cache, check, draw, draw_all, stored
from tests.forking import FORKS, finish


@pytest.fixture
def photos(tmp_path):
    return draw_all(tmp_path / "photos")


def build(photos: list[Path], folder: Path, fault: str = "none", count: int = 0) -> BaseProcess:
    """A process that builds the cache, comes to its fault at count, and leaves what it says beside the folder."""
    child = FORKS.Process(target=build_cache, args=(photos, folder, fault, count, said_beside(folder)))
    child.start()
    return child


def said_beside(folder: Path) -> Path:
    return folder.with_name("said")


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_killed_build_continues_where_it_was(photos, tmp_path, count):
    assert finish(build(photos, tmp_path / "cache", "kill", count)) == -signal.SIGKILL
    again = Watched(tmp_path / "cache")
    check(again.images(photos, READING), photos)
    assert again.totals == [12 - count]


def test_half_written_tails_are_dropped(photos, tmp_path):
    Watched(tmp_path / "cache").images(photos[:6], READING)
    for name in ("pixels.bin", "journal.txt"):
        with stored(tmp_path / "cache", name).open("ab") as file:
            file.write(b"0badbeef half a li")
    again = Watched(tmp_path / "cache")
    check(again.images(photos, READING), photos)
    assert again.totals == [6]
    assert len(again.said) == 1  # the announcement; nothing was damaged
    later = Watched(tmp_path / "cache")
    check(later.images(photos, READING), photos)
    assert (later.said, later.totals) == ([], [])


def test_a_full_disk_is_a_clear_error_and_leaves_nothing_broken(photos, tmp_path):
    sizes = [read(path, READING).size for path in photos]
    limit = sum(sizes[:7]) + 10  # the eighth image does not fit
    assert finish(build(photos, tmp_path / "cache", "full", limit)) == 1
    error = said_beside(tmp_path / "cache").read_text()
    assert f"expected {sum(sizes) / 1000:.3g} kB of free disk" in error
    assert "File too large" in error
    assert "--cache ram" in error
    assert stored(tmp_path / "cache", "pixels.bin").stat().st_size <= limit
    again = Watched(tmp_path / "cache")
    check(again.images(photos, READING), photos)
    assert again.totals[0] < 12
    assert stored(tmp_path / "cache", "pixels.bin").stat().st_size == sum(sizes)


def test_two_builders_at_once_share_the_work(photos, tmp_path):
    both = [build(photos, tmp_path / "cache") for _ in range(2)]
    assert [finish(each) for each in both] == [0, 0]
    again = Watched(tmp_path / "cache")
    check(again.images(photos, READING), photos)
    assert again.totals == []
    assert stored(tmp_path / "cache", "pixels.bin").stat().st_size == sum(read(path, READING).size for path in photos)


def test_a_reader_is_not_disturbed_by_a_later_builder(photos, tmp_path):
    early = Watched(tmp_path / "cache").images(photos[:5], READING)
    Watched(tmp_path / "cache").images(photos, READING)
    check(early, photos[:5])


def test_damaged_pixels_are_noticed_mended_and_said(photos, tmp_path):
    Watched(tmp_path / "cache").images(photos, READING)
    pixels = stored(tmp_path / "cache", "pixels.bin")
    content = bytearray(pixels.read_bytes())
    content[read(photos[0], READING).size + 5] ^= 0x40  # in the second image
    pixels.write_bytes(content)
    again = Watched(tmp_path / "cache")
    check(again.images(photos, READING), photos)
    assert again.totals == []
    assert len(again.said) == 1
    assert str(photos[1]) in again.said[0]
    later = Watched(tmp_path / "cache")
    check(later.images(photos, READING), photos)
    assert later.said == []


def test_a_shortened_store_is_filled_up_again(photos, tmp_path):
    Watched(tmp_path / "cache").images(photos, READING)
    pixels = stored(tmp_path / "cache", "pixels.bin")
    os.truncate(pixels, pixels.stat().st_size // 2)
    again = Watched(tmp_path / "cache")
    check(again.images(photos, READING), photos)
    assert 1 <= again.totals[0] < 12
    assert "damaged" in again.said[-1]


def test_a_damaged_journal_line_costs_that_image_only(photos, tmp_path):
    Watched(tmp_path / "cache").images(photos, READING)
    journal = stored(tmp_path / "cache", "journal.txt")
    journal.write_bytes(journal.read_bytes().replace(b"photos/05.png", b"photos/06.png"))
    again = Watched(tmp_path / "cache")
    check(again.images(photos, READING), photos)
    assert again.totals == [1]


def test_a_damaged_image_whose_file_has_changed_is_an_error(photos, tmp_path):
    Watched(tmp_path / "cache").images(photos, READING)
    images = Watched(tmp_path / "cache").images(photos, READING)
    pixels = stored(tmp_path / "cache", "pixels.bin")
    with pixels.open("r+b") as file:
        file.write(b"\0" * 40)
    draw(photos[0], 55)
    with pytest.raises(ValueError, match=r"00\.png.*has changed"):
        images[0]


OPERATIONS = st.sampled_from(["change", "add", "remove", "flip", "shorten", "tear", "nothing"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(OPERATIONS, st.integers(0, 10**6)), max_size=6))
def test_whatever_happens_between_starts_the_pixels_are_right(operations):
    with tempfile.TemporaryDirectory() as kept:
        root = Path(kept)
        paths = [draw(root / f"{number}.png", number) for number in range(4)]
        for turn, (operation, number) in enumerate([("nothing", 0), *operations]):
            target = stored(root / "cache", ("pixels.bin", "journal.txt")[number % 2])
            if operation == "add":
                paths.append(draw(root / f"added{turn}.png", number))
            elif operation == "change":
                draw(paths[number % len(paths)], number + turn)
            elif operation == "remove" and len(paths) > 1:
                paths.pop(number % len(paths)).unlink()
            elif operation == "flip":
                content = bytearray(target.read_bytes())
                content[number % len(content)] ^= 1 << number % 8
                target.write_bytes(content)
            elif operation == "shorten":
                os.truncate(target, number % (target.stat().st_size + 1))
            elif operation == "tear":
                target.write_bytes(target.read_bytes() + bytes(number % 50))
            check(Watched(root / "cache").images(paths, READING), paths)
