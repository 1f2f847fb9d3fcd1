"""The image cache: each file decoded once, the same pixels wherever they are kept, honest about room."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from features.cache import Cache
from features.decode import BrokenImages, read
from features.images import HeldImages
from features.reading import Reading
from tests.cached import READING, Watched, check, draw, draw_all, stored


@pytest.fixture
def photos(tmp_path):
    return draw_all(tmp_path / "photos")


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
    assert again.totals == ([9] if mode == "off" else [])  # what could be read has been kept


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


def test_known_images_come_from_the_store_and_others_from_their_files(photos, tmp_path):
    cache = Watched(tmp_path / "cache")
    cache.images(photos[:6], READING)
    images = cache.known(photos, READING)
    check(images, photos)
    assert cache.totals == [6]
    before = read(photos[2], READING)
    status = photos[2].stat()
    photos[2].write_bytes(bytes(status.st_size))  # unreadable, yet of the same size and time
    os.utime(photos[2], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert np.array_equal(cache.known(photos, READING)[2], before)
    photos[9].write_bytes(b"")
    with pytest.raises(BrokenImages, match=r"09\.png"):
        images[9]
    check(Watched(tmp_path / "cache", "off").known(photos[:2], READING), photos[:2])


def test_pixels_that_never_were_files_are_held_read_only_and_named(tmp_path):
    pixels = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4, 1)
    images = HeldImages(pixels, ["7", "8", "9"])
    assert np.array_equal(images[1], pixels[1])
    assert images.name(1) == "8"
    with pytest.raises(ValueError, match="read-only"):
        images[1][0] = 0
    pixels[0] = 0  # its owner still may
    with pytest.raises(ValueError, match="3 images and 1 names"):
        HeldImages(pixels, ["7"])


def test_unknown_mode():
    with pytest.raises(ValueError, match="auto, disk, ram, off"):
        Cache(folder=Path("cache"), mode="tape")


def test_memory_is_filled_once_for_all_who_read_in_this_process(tmp_path):
    paths = draw_all(tmp_path / "photos")
    first, second = Watched(tmp_path, "ram"), Watched(tmp_path, "ram")
    check(first.images(paths[:8], READING), paths[:8])
    draw(paths[3], 99)
    check(second.images(paths, READING), paths)
    assert (first.totals, second.totals) == ([8], [5])  # four more, and the one that changed
    before = read(paths[0], READING)
    status = paths[0].stat()
    paths[0].write_bytes(bytes(status.st_size))  # unreadable, yet of the same size and time
    os.utime(paths[0], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert np.array_equal(second.known(paths, READING)[0], before)
