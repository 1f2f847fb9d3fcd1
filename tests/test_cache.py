"""The image cache: decoded once, continued after a kill, whole or mended, honest about room."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from features.cache import Cache
from features.decode import BrokenImages, read
from features.images import HeldImages
from features.reading import Reading
from tests.source import ROOT

READING = Reading(height=8, width=8, fit="margin")
BUILD = """
import os, resource, signal, sys
from pathlib import Path
from features.cache import Cache
from features.reading import Reading

photos, folder, fault, count = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
if fault == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, count))

def steps(items, total, what):
    for done, item in enumerate(items):
        if fault == "kill" and done == count:
            os.kill(os.getpid(), signal.SIGKILL)
        yield item

images = Cache(folder=folder, mode="disk", steps=steps).images(
    sorted(photos.iterdir()), Reading(height=8, width=8, fit="margin")
)
print(sum(int(images[row].sum()) for row in range(len(images))))
"""


class Watched(Cache):
    """A cache that remembers what it says and how many files it goes through."""

    def __init__(self, folder: Path, mode: str = "disk", workers: int = 2) -> None:
        self_said: list[str] = []
        totals: list[int] = []

        def steps(items, total, what):
            totals.append(total)
            return iter(items)

        super().__init__(folder=folder, mode=mode, workers=workers, steps=steps, say=self_said.append)
        object.__setattr__(self, "said", self_said)
        object.__setattr__(self, "totals", totals)


def draw(path: Path, number: int) -> Path:
    """A photo of its own size and content."""
    pixels = np.random.default_rng(number).integers(0, 256, (12 + number % 5, 9 + number % 7, 3), np.uint8)
    Image.fromarray(pixels).save(path, "PNG")
    return path


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    return [draw(folder / f"{number:02}.png", number) for number in range(12)]


def build(photos: list[Path], folder: Path, fault: str = "none", count: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(photos[0].parent), str(folder), fault, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def check(images, paths: list[Path]) -> None:
    """Every image is what its file gives, and readers cannot change it."""
    assert len(images) == len(paths)
    for row, path in enumerate(paths):
        assert np.array_equal(images[row], read(path, READING))
        assert images.name(row) == str(path)


def stored(folder: Path, name: str) -> Path:
    return folder / READING.name / name


@pytest.mark.parametrize("mode", ["auto", "disk", "ram", "off"])
@pytest.mark.parametrize("workers", [0, 2])
def test_every_mode_gives_the_same_pixels(photos, tmp_path, mode, workers):
    check(Watched(tmp_path / "cache", mode, workers).images(photos, READING), photos)
    assert (tmp_path / "cache").exists() == (mode in ("auto", "disk"))


@pytest.mark.parametrize("mode", ["disk", "ram"])
def test_kept_images_cannot_be_changed(photos, tmp_path, mode):
    images = Watched(tmp_path / "cache", mode).images(photos, READING)
    with pytest.raises(ValueError, match="read-only"):
        images[0][0, 0] = 0


def test_rows_may_repeat_and_come_in_any_order(photos, tmp_path):
    chosen = [photos[3], photos[0], photos[3]]
    for mode in ("disk", "ram"):
        check(Watched(tmp_path / "cache", mode).images(chosen, READING), chosen)


def test_no_images_at_all(tmp_path):
    for mode in ("auto", "disk", "ram", "off"):
        assert len(Watched(tmp_path / "cache", mode).images([], READING)) == 0


def test_the_size_is_announced_before_anything_is_decoded(photos, tmp_path):
    cache = Watched(tmp_path / "cache")
    sizes = sum(read(path, READING).size for path in photos)

    def steps(items, total, what):
        assert "12 files to decode" in cache.said[0]
        assert f"about {sizes / 1000:.3g} kB of disk" in cache.said[0]
        assert not stored(tmp_path / "cache", "pixels.bin").stat().st_size
        return iter(items)

    object.__setattr__(cache, "steps", steps)
    cache.images(photos, READING)
    assert stored(tmp_path / "cache", "pixels.bin").stat().st_size == sizes


def test_a_second_start_reads_no_file(photos, tmp_path):
    Watched(tmp_path / "cache").images(photos, READING)
    expected = [read(path, READING) for path in photos]
    for path in photos:
        before = path.stat()
        path.write_bytes(bytes(before.st_size))  # unreadable, yet of the same size and time
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    again = Watched(tmp_path / "cache")
    images = again.images(photos, READING)
    assert all(np.array_equal(images[row], pixels) for row, pixels in enumerate(expected))
    assert (again.said, again.totals) == ([], [])


def test_only_what_changed_is_made_again(photos, tmp_path):
    Watched(tmp_path / "cache").images(photos, READING)
    draw(photos[4], 100)
    added = draw(photos[0].with_name("new.png"), 101)
    photos[7].unlink()
    paths = [*photos[:7], *photos[8:], added]
    again = Watched(tmp_path / "cache")
    check(again.images(paths, READING), paths)
    assert again.totals == [2]


def test_touched_moved_and_copied_files_are_not_decoded_again(photos, tmp_path):
    Watched(tmp_path / "cache").images(photos, READING)
    size = stored(tmp_path / "cache", "pixels.bin").stat().st_size
    os.utime(photos[0], (1, 1))
    moved = photos[1].rename(photos[1].with_name("moved.png"))
    copied = Path(shutil.copy(photos[2], photos[2].with_name("copied.png")))
    paths = [photos[0], moved, photos[2], copied]
    check(Watched(tmp_path / "cache").images(paths, READING), paths)
    assert stored(tmp_path / "cache", "pixels.bin").stat().st_size == size


def test_another_reading_is_another_store(photos, tmp_path):
    Watched(tmp_path / "cache").images(photos, READING)
    other = Reading(height=8, width=8, fit="squash")
    images = Watched(tmp_path / "cache").images(photos, other)
    assert np.array_equal(images[5], read(photos[5], other))
    check(Watched(tmp_path / "cache").images(photos, READING), photos)


@pytest.mark.parametrize("mode", ["disk", "ram", "off"])
def test_all_broken_files_are_named_at_once_before_anything_starts(photos, tmp_path, mode):
    photos[2].write_bytes(b"")
    photos[8].write_text("not an image")
    photos[9].unlink()
    cache = Watched(tmp_path / "cache", mode)
    with pytest.raises(BrokenImages) as caught:
        cache.images(photos, READING)
    assert list(caught.value.reasons) == [photos[2], photos[8], photos[9]]
    sound = [path for path in photos if path not in caught.value.reasons]
    again = Watched(tmp_path / "cache", mode)
    check(again.images(sound, READING), sound)
    assert again.totals == ([] if mode == "disk" else [9])  # what could be read has been kept


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_killed_build_continues_where_it_was(photos, tmp_path, count):
    killed = build(photos, tmp_path / "cache", "kill", count)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
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
    full = build(photos, tmp_path / "cache", "full", limit)
    error = full.communicate()[1]
    assert full.returncode == 1
    assert f"expected {sum(sizes) / 1000:.3g} kB of free disk" in error
    assert "--cache ram" in error
    assert stored(tmp_path / "cache", "pixels.bin").stat().st_size <= limit
    again = Watched(tmp_path / "cache")
    check(again.images(photos, READING), photos)
    assert again.totals[0] < 12
    assert stored(tmp_path / "cache", "pixels.bin").stat().st_size == sum(sizes)


def test_what_will_not_fit_is_refused_before_decoding(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("features.cache.free_disk", lambda folder: 10)
    monkeypatch.setattr("features.cache.free_memory", lambda: 20)
    for mode, asked in (("disk", "of free disk"), ("ram", "of free memory")):
        cache = Watched(tmp_path / "cache", mode)
        with pytest.raises(OSError, match=asked):
            cache.images(photos, READING)
        assert cache.totals == []


@pytest.mark.parametrize(("memory", "kept"), [(10**9, "memory"), (20, "off")])
def test_auto_falls_back_and_says_so(photos, tmp_path, monkeypatch, memory, kept):
    monkeypatch.setattr("features.cache.free_disk", lambda folder: 10)
    monkeypatch.setattr("features.cache.free_memory", lambda: memory)
    cache = Watched(tmp_path / "cache", "auto")
    images = cache.images(photos, READING)
    check(images, photos)
    assert kept in cache.said[-1]
    assert isinstance(images, HeldImages) == (kept == "memory")


def test_two_builders_at_once_share_the_work(photos, tmp_path):
    both = [build(photos, tmp_path / "cache") for _ in range(2)]
    sums = {each.communicate()[0] for each in both}
    assert len(sums) == 1
    assert [each.returncode for each in both] == [0, 0]
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


def test_unknown_mode():
    with pytest.raises(ValueError, match="auto, disk, ram, off"):
        Cache(folder=Path("cache"), mode="tape")


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
