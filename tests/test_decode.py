"""Every kind of image file gives the right pixels, and broken ones are refused by name."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from features.ahead import ahead
from features.decode import BrokenImages, decode, decode_ahead, read, scan, shape_of
from features.reading import Reading

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def exact(height: int, width: int, **settings: object) -> Reading:
    return Reading(height=height, width=width, fit="squash", **settings)


def corners(height: int = 48, width: int = 64) -> np.ndarray:
    """Four coloured quarters: red, green / blue, white."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, WHITE
    return pixels


def photo(height: int = 433, width: int = 577) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def save(path: Path, pixels: np.ndarray, form: str, **options: object) -> Path:
    Image.fromarray(pixels).save(path, form, **options)
    return path


def near(pixels: np.ndarray, other: np.ndarray) -> float:
    assert pixels.shape == other.shape
    return float(np.abs(pixels.astype(int) - other).mean())


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "JPEG"])
def test_formats_are_known_by_content_not_by_name(tmp_path, form):
    options = {"lossless": True} if form == "WEBP" else {"quality": 95, "subsampling": 0} if form == "JPEG" else {}
    path = save(tmp_path / "photo.jpg", corners(), form, **options)
    pixels = read(path, exact(48, 64))
    assert pixels.dtype == np.uint8
    assert near(pixels, corners()) < (1.5 if form == "JPEG" else 0.01)


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_exif_orientation_is_applied_or_ignored(tmp_path, tag, form):
    exif = Image.Exif()
    exif[0x0112] = tag
    path = save(tmp_path / "turned", corners(), form, exif=exif, **({"quality": 95} if form == "JPEG" else {}))
    stored = Image.fromarray(corners())
    stored.getexif()[0x0112] = tag
    upright = np.asarray(ImageOps.exif_transpose(stored))
    assert near(read(path, exact(*upright.shape[:2])), upright) < 3
    assert near(read(path, exact(48, 64, orient=False)), corners()) < 3
    margin = Reading(height=24, width=24, fit="margin")
    assert read(path, margin).shape == shape_of(path, margin) == ((32, 24, 3) if tag > 4 else (24, 32, 3))


def test_an_orientation_tag_that_means_nothing_changes_nothing(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 77
    path = save(tmp_path / "odd.png", corners(), "PNG", exif=exif)
    assert near(read(path, exact(48, 64)), corners()) == 0


@pytest.mark.parametrize("exif", [b"Exif\x00\x00", b"Exif\x00\x00nonsense", b"Exif\x00\x00II*\x00\xff\xff\xff\x7f"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_is_no_damaged_image(tmp_path, exif):
    path = save(tmp_path / "photo.jpg", corners(), "JPEG", quality=95, exif=exif)
    assert near(read(path, exact(48, 64)), corners()) < 3


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_shows_the_stated_background(tmp_path, mode):
    pixels = np.dstack([corners(), np.full((48, 64), 255, np.uint8)])
    pixels[:, 32:, 3] = 0
    image = Image.fromarray(pixels)
    if mode == "P":
        image = image.convert("RGB").quantize(4)
        image.save(tmp_path / "a.png", transparency=image.getpixel((60, 2)))  # the green quarter
    else:
        image.convert(mode).save(tmp_path / "a.png")
    for background in (WHITE, (10, 20, 30)):
        shown = read(tmp_path / "a.png", exact(48, 64, background=background))
        assert tuple(shown[2, 60]) == background
        assert tuple(shown[2, 2]) != background


def test_half_transparent_pixels_are_mixed_with_the_background(tmp_path):
    pixels = np.full((8, 8, 4), (200, 0, 0, 128), np.uint8)
    path = save(tmp_path / "half.png", pixels, "PNG")
    assert np.abs(read(path, exact(8, 8, background=(0, 0, 100)))[0, 0] - np.array([100, 0, 50])).max() <= 1


def test_sixteen_bits_keep_their_high_byte_and_are_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    gray = save(tmp_path / "gray.png", ramp, "PNG")
    assert np.array_equal(read(gray, exact(48, 64))[..., 1], (ramp >> 8).astype(np.uint8))
    cv2.imwrite(str(tmp_path / "colour.png"), np.dstack([ramp, ramp, ramp]))
    assert np.array_equal(read(tmp_path / "colour.png", exact(48, 64))[..., 0], (ramp >> 8).astype(np.uint8))


def test_gray_palette_and_bilevel_become_rgb(tmp_path):
    gray = photo(48, 64)[..., 0]
    assert near(read(save(tmp_path / "a.png", gray, "PNG"), exact(48, 64)), np.dstack([gray] * 3)) == 0
    Image.fromarray(corners()).quantize(4).save(tmp_path / "b.gif")
    assert near(read(tmp_path / "b.gif", exact(48, 64)), corners()) == 0
    assert (
        near(read(save(tmp_path / "c.png", gray > 128, "PNG"), exact(48, 64)), np.dstack([255 * (gray > 128)] * 3)) == 0
    )
    assert near(read(save(tmp_path / "d.jpg", gray, "JPEG", quality=95), exact(48, 64)), np.dstack([gray] * 3)) < 1.5


def test_cmyk_jpeg_has_its_colours(tmp_path):
    Image.fromarray(corners()).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    assert near(read(tmp_path / "cmyk.jpg", exact(48, 64)), corners()) < 5


def test_masks_keep_their_values(tmp_path):
    drawn = np.zeros((40, 60), np.uint8)
    drawn[10:30, 20:50] = 1
    image = Image.fromarray(drawn).convert("P")
    image.putpalette([0, 0, 0, 255, 255, 255])
    image.save(tmp_path / "mask.gif")
    mask = read(tmp_path / "mask.gif", exact(20, 30, channels=1, nearest=True))
    assert mask.shape == (20, 30, 1)
    assert np.array_equal(mask[..., 0], 255 * drawn[::2, ::2])


def test_gray_reading_of_a_colour_jpeg(tmp_path):
    path = save(tmp_path / "a.jpg", photo(), "JPEG", quality=95)
    gray = read(path, exact(433, 577, channels=1))
    assert near(gray[..., 0], np.asarray(Image.fromarray(photo()).convert("L"))) < 1


@pytest.mark.parametrize(
    ("fit", "shape"),
    [("squash", (60, 90, 3)), ("letterbox", (60, 90, 3)), ("centre", (60, 90, 3)), ("margin", (60, 120, 3))],
)
def test_fits(tmp_path, fit, shape):
    path = save(tmp_path / "wide.png", corners(200, 400), "PNG")
    reading = Reading(height=60, width=90, fit=fit, bars=(7, 8, 9))
    pixels = read(path, reading)
    assert pixels.shape == shape == shape_of(path, reading)
    assert tuple(pixels[30 - 15, 10]) == RED
    assert tuple(pixels[30 + 14, -10]) == WHITE
    barred = (pixels == (7, 8, 9)).all(axis=2).all(axis=1)
    assert barred.sum() == (15 if fit == "letterbox" else 0)  # 90 x 45 inside 60 rows
    if fit == "letterbox":
        assert not barred[7:52].any()


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    side=st.tuples(st.integers(1, 80), st.integers(1, 80)),
    fit=st.sampled_from(["squash", "letterbox", "centre", "margin"]),
)
def test_any_image_gets_the_shape_that_its_header_foretells(height, width, side, fit):
    reading = Reading(height=side[0], width=side[1], fit=fit)
    content = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(content, "JPEG")
    path = Path("never-opened.jpg")
    pixels = decode(content.getvalue(), reading, path)
    assert pixels.shape == reading.shape(height, width)
    if fit == "margin":
        assert pixels.shape[0] >= side[0]
        assert pixels.shape[1] >= side[1]


@pytest.mark.parametrize("side", [40, 64, 100, 108, 150, 256, 300, 433, 500])
@pytest.mark.parametrize(("height", "width"), [(866, 1154), (869, 1159)])
def test_reduced_decoding_stays_close_to_a_full_decode(tmp_path, side, height, width):
    noise = np.random.default_rng(1).integers(-12, 13, (height, width, 3))
    pixels = np.clip(photo(height, width) + noise, 0, 255).astype(np.uint8)
    path = save(tmp_path / "a.jpg", pixels, "JPEG", quality=95)
    reading = Reading(height=side, width=side, fit="margin")
    full = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    size = reading.scaled(height, width)
    assert near(read(path, reading), cv2.resize(full, size[::-1], interpolation=cv2.INTER_AREA)) < 2


@pytest.mark.parametrize("spoil", ["empty", "text", "cut", "half", "thumbnail", "zeros"])
def test_broken_jpegs_are_refused_with_their_path(tmp_path, spoil):
    thumbnail, content = io.BytesIO(), io.BytesIO()
    Image.fromarray(corners()).save(thumbnail, "JPEG")
    exif = Image.Exif()
    exif[0x0100] = 1
    Image.fromarray(photo()).save(content, "JPEG", exif=b"Exif\x00\x00" + exif.tobytes()[6:] + thumbnail.getvalue())
    whole = content.getvalue()
    spoiled = {
        "empty": b"",
        "text": b"<html>404 Not Found</html>",
        "cut": whole[:-20],
        "half": whole[: len(whole) // 2],
        "thumbnail": whole[: len(whole) - 2],
        "zeros": whole[: len(whole) // 2] + bytes(len(whole) // 2),
    }[spoil]
    path = tmp_path / "spoiled.jpg"
    path.write_bytes(whole)
    read(path, exact(10, 10))
    path.write_bytes(spoiled)
    with pytest.raises(BrokenImages, match=r"spoiled\.jpg"):
        read(path, exact(10, 10))


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_other_truncated_files_are_refused(tmp_path, form):
    path = save(tmp_path / "cut", photo(120, 160), form)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(BrokenImages, match="cut"):
        read(path, exact(10, 10))


def test_float_and_wide_pixels_are_refused_with_a_reason(tmp_path):
    save(tmp_path / "float.tif", np.ones((4, 4), np.float32), "TIFF")
    save(tmp_path / "wide.tif", np.full((4, 4), 70000, np.int32), "TIFF")
    with pytest.raises(BrokenImages, match="no stated range"):
        read(tmp_path / "float.tif", exact(4, 4))
    with pytest.raises(BrokenImages, match="70000"):
        read(tmp_path / "wide.tif", exact(4, 4))


def test_a_scan_names_all_broken_files_at_once_and_no_sound_one(tmp_path):
    paths = [save(tmp_path / f"{k}.jpg", corners(), "JPEG") for k in range(6)]
    paths[1].write_bytes(b"")
    paths[4].write_bytes(paths[4].read_bytes()[:-30])
    paths.append(tmp_path / "missing.jpg")
    seen = []

    def steps(items, total, what):
        seen.append(total)
        return iter(items)

    assert list(scan(paths, 2, steps)) == [paths[1], paths[4], paths[6]]
    assert seen == [7]
    assert scan(paths[2:4], 0) == {}
    error = str(BrokenImages(scan(paths, 2)))
    assert "3 broken" in error
    assert "--skip-broken" in error
    assert all(str(paths[k]) in error for k in (1, 4, 6))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg"):
        read(tmp_path / "gone.jpg", exact(4, 4))


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="squash, letterbox, centre, margin"):
        Reading(height=4, width=4, fit="stretch")
    with pytest.raises(ValueError, match="0x4"):
        Reading(height=0, width=4)
    with pytest.raises(ValueError, match="got 4"):
        Reading(height=4, width=4, channels=4)


def test_every_setting_names_another_folder():
    changed = [{}, {"height": 9}, {"width": 9}, {"fit": "centre"}, {"channels": 1}, {"orient": False}]
    changed += [{"background": RED}, {"bars": RED}, {"nearest": True}]
    names = {Reading(**{"height": 8, "width": 8, **change}).name for change in changed}
    assert len(names) == len(changed)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_decoding_ahead_keeps_the_order(tmp_path, workers):
    paths = [save(tmp_path / f"{k}.png", np.full((4, 4, 3), k, np.uint8), "PNG") for k in range(30)]
    assert [int(pixels[0, 0, 0]) for pixels in decode_ahead(paths, exact(2, 2), workers)] == list(range(30))


def test_ahead_holds_no_more_than_its_depth():
    started = []
    results = ahead(lambda number: started.append(number) or number, iter(range(1000)), 2, depth=5)
    assert next(results) == 0
    assert len(started) <= 5
    assert [next(results) for _ in range(10)] == list(range(1, 11))
    assert len(started) <= 15
    results.close()
    assert len(started) <= 15


def test_ahead_raises_where_the_result_is_read():
    def work(number: int) -> float:
        return 1 / (number - 3)

    results = ahead(work, range(10), 2)
    assert [next(results) for _ in range(3)] == [1 / -3, 1 / -2, -1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)
