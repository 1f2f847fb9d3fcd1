"""Mask files as pixels of 0 and 1, Dice at every threshold, and codes of the submission."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from features.cache import Cache
from features.decode import BrokenImages, read, read_mask
from features.reading import Reading
from pipelines.learners.constant import ConstantLearner
from pipelines.learners.mask_task import MaskTask, image_size
from pipelines.metrics.masks import dice, first_level, keep_counts, to_size
from submissions.rle import decode
from tests.learning import FolderOut

task = MaskTask(column="rle_mask", order="rows")
SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def blob(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A mask with a hole or two, uint8 of 0 and 1."""
    return (np.random.default_rng(seed).random((height, width)) < 0.4).astype(np.uint8)


def as_gif(path: Path, *frames: np.ndarray, palette: tuple[int, ...] = (0, 0, 0, 255, 255, 255)) -> Path:
    images = [Image.frombytes("P", frame.shape[::-1], frame.tobytes()) for frame in frames]
    for image in images:
        image.putpalette(palette)
    images[0].save(path, save_all=True, append_images=images[1:], optimize=False)
    return path


# -- files


@pytest.mark.parametrize("kind", ["gif", "png of 255", "png of 1", "png of bits"])
def test_every_way_to_store_a_mask_gives_the_same_pixels(kind, tmp_path):
    mask, path = blob(7, 11), tmp_path / f"m.{kind[:3]}"
    if kind == "gif":
        as_gif(path, mask)
    else:
        pixels = {"png of 255": mask * 255, "png of 1": mask, "png of bits": mask.astype(bool)}[kind]
        Image.fromarray(pixels).save(path)
    found = read_mask(path)
    assert found.dtype == np.uint8
    assert np.array_equal(found, mask)


def test_empty_and_full_masks_are_masks(tmp_path):
    for value in (0, 1):
        path = as_gif(tmp_path / f"{value}.gif", np.full((5, 6), value, np.uint8))
        assert (read_mask(path) == value).all()


def broken_files(root: Path) -> dict[str, tuple[Path, str]]:
    mask = blob(40, 50)
    as_gif(root / "frames.gif", mask, 1 - mask)
    Image.fromarray(np.repeat(mask[:, :, None] * 255, 3, axis=2)).save(root / "colours.png")
    Image.fromarray(mask + 1).save(root / "trimap.png")
    Image.fromarray((np.arange(2000) % 200).astype(np.uint8).reshape(40, 50)).save(root / "gray.png")
    Image.fromarray(mask * 255).save(root / "lossy.jpg")
    whole = as_gif(root / "cut.gif", mask).read_bytes()
    (root / "cut.gif").write_bytes(whole[: len(whole) // 2])
    (root / "text.gif").write_text("no image")
    (root / "empty.gif").write_bytes(b"")
    return {
        "frames.gif": "one frame, got 2",
        "colours.png": "one channel, got RGB",
        "trimap.png": r"of 0 and 1, or of 0 and 255, got the values 1, 2\n",
        "gray.png": r"got the values 0, 1, 2, 3, 4, \.\.\.",
        "lossy.jpg": "got the values",
        "cut.gif": "truncated",
        "text.gif": "no known image format",
        "empty.gif": "empty|no known",
    }


def test_what_is_no_mask_is_refused_by_name(tmp_path):
    reading = Reading(height=8, width=8, fit="squash", channels=1, nearest=True, mask=True)
    expected = broken_files(tmp_path)
    for name, text in expected.items():
        with pytest.raises(BrokenImages, match=text) as caught:
            read_mask(tmp_path / name)
        assert list(caught.value.reasons) == [tmp_path / name]
    with pytest.raises(BrokenImages) as caught:
        Cache(folder=tmp_path / "cache", steps=lambda items, total, what: iter(items), say=lambda line: None).images(
            [tmp_path / name for name in expected], reading
        )
    assert {path.name for path in caught.value.reasons} == {*expected}


def test_masks_are_read_to_the_nearest_pixel_and_decoded_once(tmp_path, monkeypatch):
    mask = np.kron(blob(6, 9), np.ones((4, 4), np.uint8))
    path = as_gif(tmp_path / "m.gif", mask)
    reading = Reading(height=6, width=9, fit="squash", channels=1, nearest=True, mask=True)
    cache = Cache(folder=tmp_path / "cache", say=lambda line: None)
    assert np.array_equal(cache.images([path], reading)[0][:, :, 0], 255 * mask[2::4, 2::4])
    monkeypatch.setattr("features.decode.decode_mask", None)  # it would not be needed again
    assert np.array_equal(cache.images([path], reading)[0][:, :, 0], 255 * mask[2::4, 2::4])


@pytest.mark.parametrize("times", [1, 1.3, 2, 2.5, 4])
def test_shrunk_masks_say_how_much_of_a_pixel_is_set(times, tmp_path):
    """Whatever the ratio, a mask keeps its area and its place; the nearest pixels of half the size lie aside."""
    side = int(40 * times)
    reading = Reading(height=40, width=40, fit="squash", channels=1, mask=True)
    mask = np.zeros((side, side), np.uint8)
    mask[side // 4 : side // 4 + 11, side // 3 : side // 3 + 13] = 1
    small = read(as_gif(tmp_path / "m.gif", mask), reading)[:, :, 0] / 255
    assert small.max() == 1
    assert small.mean() == pytest.approx(mask.mean(), rel=0.01)
    rows, columns = np.indices(mask.shape)[:, mask > 0].mean(axis=1) + 0.5
    for axis, middle in enumerate((rows, columns)):
        found = (small.sum(axis=1 - axis) * (np.arange(40) + 0.5)).sum() / small.sum()
        assert found == pytest.approx(middle / side * 40, abs=0.05)  # 127.5 of 255 becomes 128


# -- Dice


def naive(truth: np.ndarray, levels: np.ndarray, threshold: float) -> float:
    found = levels / 255 >= threshold - 1e-9
    sizes = found.sum() + truth.sum()
    return 1.0 if sizes == 0 else 2 * (found & (truth > 0)).sum() / sizes


@settings(deadline=None, max_examples=40)
@given(SHAPES, st.integers(0, 2**31), st.integers(1, 255))
def test_dice_is_its_definition_at_every_threshold(shape, seed, level):
    draws = np.random.default_rng(seed)
    truth = (draws.random((3, *shape)) < draws.random((3, 1, 1))).astype(np.uint8)
    levels = draws.integers(0, 256, (3, *shape)).astype(np.uint8)
    kept = dice.keep(truth, levels)
    expected = [naive(*pair, level / 255) for pair in zip(truth, levels, strict=True)]
    assert dice.combine(kept, np.array([level / 255]), None) == pytest.approx(np.mean(expected))
    each = np.array([[0.2], [level / 255], [0.9]])
    own = [naive(*row) for row in zip(truth, levels, each.ravel(), strict=True)]
    assert dice.combine(kept, each, None) == pytest.approx(np.mean(own))
    assert dice.combine(kept, each, np.array([1, 0, 3])) == pytest.approx((own[0] + 3 * own[2]) / 4)
    best = max(np.mean([naive(*pair, k / 255) for pair in zip(truth, levels, strict=True)]) for k in range(1, 256))
    assert dice.combine(kept, dice.choose(kept), None) == pytest.approx(best)


def test_both_empty_is_perfect_and_one_empty_is_nothing():
    empty, some = np.zeros((1, 4, 5), np.uint8), np.ones((1, 4, 5), np.uint8)
    assert dice.score(empty, empty.astype(float)) == 1
    assert dice.score(some, some.astype(float)) == 1
    for truth, prediction in ((empty, some), (some, empty)):
        assert dice.combine(dice.keep(truth, prediction.astype(float)), np.array([0.5]), None) == 0


def test_choice_is_the_middle_of_what_is_equally_good_and_neutral_when_nothing_is_known():
    truth = np.array([[[1, 1, 0, 0]]], np.uint8)
    assert dice.choose(dice.keep(truth, truth.astype(float)))[0] == pytest.approx(0.5, abs=0.003)
    assert dice.choose(dice.keep(truth, truth.astype(float))[:0]).tolist() == [0.5]
    assert dice.choose(dice.keep(truth, np.array([[[0.9, 0.85, 0.8, 0.1]]])))[0] == pytest.approx(
        0.8 + 1 / 255, abs=0.003
    )
    for level in range(1, 256):
        assert first_level(level / 255) == level


def test_maps_are_judged_at_the_size_of_the_truth():
    truth = np.zeros((2, 40, 60), np.uint8)
    truth[:, 8:32, 12:48] = 1
    small = truth[:, 2::4, 2::4].astype(np.float32)
    kept = keep_counts(truth, small)
    assert kept.shape == (2, 2, 256)
    assert kept.dtype == np.uint32
    assert kept[0, :, 0].tolist() == [truth[0].sum(), truth[0].size - truth[0].sum()]
    assert dice.combine(kept, np.array([0.5]), None) > 0.97
    grown = to_size((small[0] * 255).astype(np.uint8), (40, 60))
    assert kept[0].tolist() == keep_counts(truth[:1], grown[None])[0].tolist()


def test_large_images_are_counted_exactly(monkeypatch):
    truth, levels = blob(50, 7)[None], np.random.default_rng(1).integers(0, 256, (1, 50, 7)).astype(np.uint8)
    whole = keep_counts(truth, levels)
    monkeypatch.setattr("pipelines.metrics.masks.EXACT", 30)
    assert np.array_equal(keep_counts(truth, levels), whole)


# -- the task


def test_codes_are_of_the_pixels_that_reach_the_choice():
    maps = np.random.default_rng(0).random((3, 6, 7)).astype(np.float32)
    for choice in (None, np.array([0.25]), np.array([[0.1], [0.5], [0.9]])):
        codes = task.encode(maps, choice)["rle_mask"]
        thresholds = np.broadcast_to(0.5 if choice is None else choice.reshape(-1), 3)
        for code, one, threshold in zip(codes, maps, thresholds, strict=True):
            assert np.array_equal(decode(code, (6, 7), "rows"), np.rint(one * 255) / 255 >= threshold)
    assert task.encode(np.zeros((1, 6, 7)), None)["rle_mask"].tolist() == [""]


def test_truth_is_masks_of_one_size(tmp_path):
    masks = np.stack([blob(5, 8, seed) for seed in range(3)])
    paths = [as_gif(tmp_path / f"{row}.gif", mask) for row, mask in enumerate(masks)]
    assert np.array_equal(task.truth(pd.DataFrame({"mask": paths})), masks)
    odd = as_gif(tmp_path / "odd.gif", blob(5, 9))
    with pytest.raises(ValueError, match=r"expected masks of one size, 8x5 as .*0\.gif, got 9x5 in .*odd\.gif"):
        task.truth(pd.DataFrame({"mask": [*paths, odd]}))
    assert image_size(pd.DataFrame({"image": [odd]})) == (5, 9)


def test_the_baseline_is_the_mean_mask(tmp_path):
    masks = np.stack([blob(5, 8, seed) for seed in range(6)])
    paths = [as_gif(tmp_path / f"{row}.gif", mask) for row, mask in enumerate(masks)]
    table = pd.DataFrame({"mask": paths}, index=pd.Index([f"r{row}" for row in range(6)], name="img"))
    from pipelines.contract import Targets

    model = ConstantLearner().fit(table, None, Targets(("mask",), task.truth, dice), FolderOut(tmp_path / "out"))
    values = model.predict(2)
    assert values.shape == (2, 5, 8)
    assert np.allclose(values, masks.mean(axis=0))
