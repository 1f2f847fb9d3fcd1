"""Views of images: the same for the same seed, masks moved alike, geometry and colours as a recipe says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.augment import Augment, sample_seed
from features.reading import centred, resize
from features.recipes import RECIPES, Recipe, recipe_named


def photo(height: int = 90, width: int = 120, channels: int = 3) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(30, 220, (6, 8, channels), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, channels)


def moving(**changes: float) -> Recipe:
    return Recipe(frame="whole", **changes)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_recipes_give_bytes_of_the_asked_size(name, channels):
    view = Augment(RECIPES[name], 40, 56)(photo(channels=channels), 5)
    assert view.shape == (40, 56, channels)
    assert view.dtype == np.uint8
    assert view.std() > 5


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "none"])
def test_the_seed_is_all_that_decides(name):
    image, augment = photo(), Augment(RECIPES[name], 40, 56)
    seeds = list(range(12))
    views = [augment(image, seed) for seed in seeds]
    assert all(np.array_equal(Augment(RECIPES[name], 40, 56)(image, seed), views[seed]) for seed in reversed(seeds))
    assert len({view.tobytes() for view in views}) == len(seeds)
    with ThreadPoolExecutor(3) as pool:
        threaded = list(pool.map(lambda seed: augment(image, seed), seeds))
    assert all(map(np.array_equal, views, threaded))


def test_seeds_differ_between_runs_epochs_ids_and_turns():
    keys = [
        (0, 0, "a", 0),
        (1, 0, "a", 0),
        (0, 1, "a", 0),
        (0, 0, "b", 0),
        (0, 0, "a", 1),
        (0, 11, "1", 0),
        (0, 1, "11", 0),
    ]
    seeds = [sample_seed(*key) for key in keys]
    assert len(set(seeds)) == len(keys)
    assert seeds == [sample_seed(*key) for key in keys]


def test_the_none_recipe_only_resizes():
    image = photo(90, 120)
    augment = Augment(RECIPES["none"], 90, 90)
    assert np.array_equal(augment(image, 1), centred(image, 90, 90))
    assert np.array_equal(augment(image, 1), augment(image, 2))
    kept = Augment(Recipe(keep=0.5), 45, 45)(image, 1)
    assert np.array_equal(kept, centred(image, 45, 45))
    assert np.array_equal(Augment(Recipe(frame="whole"), 30, 50)(image, 1), resize(image, (30, 50)))


def test_out_is_filled_in_place():
    out = np.zeros((3, 40, 56, 3), np.uint8)
    for name in ("none", "light", "heavy"):
        view = Augment(RECIPES[name], 40, 56)(photo(), 3, out[1])
        assert view.base is out or view is out[1] or np.shares_memory(view, out)
        assert np.array_equal(out[1], Augment(RECIPES[name], 40, 56)(photo(), 3))
    assert not out[[0, 2]].any()


def test_a_read_only_image_is_taken_and_left_alone():
    image = photo()
    image.flags.writeable = False
    before = image.copy()
    for name in RECIPES:
        Augment(RECIPES[name], 40, 56)(image, 3)
    assert np.array_equal(image, before)


def test_flips_are_exact_and_as_frequent_as_said():
    image = photo(40, 56)
    for flip, mirrored in (({"flip": 1.0}, image[:, ::-1]), ({"flop": 1.0}, image[::-1])):
        assert np.array_equal(Augment(moving(**flip), 40, 56)(image, 1), mirrored)
    often = Augment(moving(flip=0.25), 40, 56)
    share = np.mean([not np.array_equal(often(image, seed), image) for seed in range(400)])
    assert 0.18 < share < 0.32


def test_digits_are_never_mirrored():
    arrow = np.zeros((28, 28, 1), np.uint8)
    arrow[4:24, 4:8] = 255  # a stroke on the left
    arrow[4:8, 4:20] = 255  # and one on the top
    augment = Augment(RECIPES["digits"], 28, 28)
    for seed in range(100):
        view = augment(arrow, seed)[..., 0].astype(float)
        assert view[:, :14].sum() > view[:, 14:].sum()
        assert view[:14].sum() > view[14:].sum()


def test_a_window_is_a_piece_of_the_image_itself():
    image = np.arange(90 * 120, dtype=np.int64).reshape(90, 120)
    coded = np.dstack([image % 251, image // 251, image % 7]).astype(np.uint8)
    places = set()
    for seed in range(60):
        view = Augment(Recipe(frame="window"), 50, 64)(coded, seed)
        place = int(view[0, 0, 0]) + 251 * int(view[0, 0, 1])
        top, left = divmod(place, 120)
        assert np.array_equal(view, coded[top : top + 50, left : left + 64])
        places.add((top, left))
    assert len(places) > 50
    assert max(top for top, _ in places) > 30
    assert max(left for _, left in places) > 45


def test_crops_keep_to_scale_and_ratio():
    height, width = 200, 300
    across = np.repeat(np.linspace(0, 250, width)[None], height, axis=0)
    down = np.repeat(np.linspace(0, 250, height)[:, None], width, axis=1)
    image = np.dstack([across, down, down]).astype(np.uint8)
    shares, ratios = [], []
    for seed in range(300):
        view = Augment(Recipe(frame="crop", scale=(0.2, 0.6)), 64, 64)(image, seed).astype(float)
        part_width = (view[32, 60, 0] - view[32, 4, 0]) / 56 * 64 * width / 250
        part_height = (view[60, 32, 1] - view[4, 32, 1]) / 56 * 64 * height / 250
        shares.append(part_width * part_height / (width * height))
        ratios.append(part_width / part_height)
    assert 0.17 < min(shares) < 0.24
    assert 0.55 < max(shares) < 0.63
    assert 0.7 < min(ratios) < 0.8
    assert 1.25 < max(ratios) < 1.42


def test_a_crop_that_is_the_whole_image_is_its_resize():
    image = cv2.GaussianBlur(photo(80, 80), (9, 9), 3)
    view = Augment(Recipe(frame="crop", scale=(1, 1), ratio=(1, 1)), 64, 64)(image, 1)
    assert np.abs(view.astype(int) - cv2.resize(image, (64, 64), interpolation=cv2.INTER_LINEAR)).max() <= 2


def test_large_images_are_averaged_not_sampled():
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    view = Augment(Recipe(frame="crop", scale=(1, 1), ratio=(1, 1)), 50, 50)(stripes, 1)
    assert np.abs(view[5:-5, 5:-5].astype(int) - 128).max() < 20


def test_rotation_turns_by_no_more_than_its_range():
    line = np.zeros((101, 101, 1), np.uint8)
    line[49:52, 10:91] = 255
    angles = []
    for seed in range(200):
        rows, columns = np.nonzero(Augment(moving(rotate=20), 101, 101)(line, seed)[..., 0] > 128)
        angles.append(np.degrees(np.arctan(np.polyfit(columns, rows, 1)[0])))
    assert -21 < min(angles) < -16
    assert 16 < max(angles) < 21


def test_shift_and_zoom_move_by_no_more_than_their_ranges():
    disc = np.zeros((100, 100, 1), np.uint8)
    cv2.circle(disc, (50, 50), 15, 255, -1)
    moved, sizes = [], []
    for seed in range(200):
        shifted = np.nonzero(Augment(moving(shift=0.2), 100, 100)(disc, seed)[..., 0] > 128)
        moved.append([each.mean() - 50 for each in shifted])
        sizes.append(np.sqrt((Augment(moving(zoom=0.3), 100, 100)(disc, seed) > 128).sum() / (disc > 128).sum()))
    assert 17 < np.abs(moved).max() < 21
    assert 0.68 < min(sizes) < 0.75
    assert 1.25 < max(sizes) < 1.33


def marked(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """An image whose one bright corner block is what its mask marks."""
    image, mask = np.full((height, width, 3), 20, np.uint8), np.zeros((height, width, 1), np.uint8)
    image[5:35, 5:45] = 240
    mask[5:35, 5:45] = 7
    return image, mask


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**64 - 1),
    frame=st.sampled_from(["crop", "whole", "window", "centre"]),
    large=st.sampled_from([1, 2, 3]),
    affine=st.booleans(),
)
def test_masks_move_with_their_images(seed, frame, large, affine):
    moves = {"rotate": 40, "zoom": 0.2, "shift": 0.1, "shear": 10, "flip": 0.5, "flop": 0.5} if affine else {}
    image, mask = (np.kron(each, np.ones((large, large, 1), np.uint8)) for each in marked(90, 120))
    view, seen = Augment(Recipe(frame=frame, scale=(0.5, 1), **moves), 64, 80).pair(image, mask, seed)
    assert seen.shape == (64, 80, 1)
    assert set(np.unique(seen)) <= {0, 7}
    bright = view[..., 0] > 130
    assert (bright != (seen[..., 0] == 7)).mean() < 0.015  # edges apart, where the image is mixed


def test_a_marked_corner_turns_alike_in_image_and_mask():
    image, mask = marked(100, 100)
    for seed in range(20):
        view, seen = Augment(moving(rotate=90), 100, 100).pair(image, mask, seed)
        bright, masked = np.argwhere(view[..., 0] > 130).mean(axis=0), np.argwhere(seen[..., 0] == 7).mean(axis=0)
        assert np.abs(bright - masked).max() < 0.6


def test_distortion_moves_masks_too_and_keeps_their_values():
    image, mask = marked(90, 120)
    unmoved, moved = 0, 0
    for seed in range(10):
        view, seen = Augment(Recipe(distortion=1.0), 90, 120).pair(image, mask, seed)
        assert seen.shape == mask.shape
        assert set(np.unique(seen)) <= {0, 7}
        assert ((view[..., 0] > 130) != (seen[..., 0] == 7)).mean() < 0.02
        moved += not np.array_equal(seen, mask)
        unmoved += np.array_equal(Augment(Recipe(noise=1.0, blur=1.0), 90, 120).pair(image, mask, seed)[1], mask)
    assert moved >= 9
    assert unmoved == 10


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"\(90, 120\), got \(80, 120\)"):
        Augment(RECIPES["light"], 40, 40).pair(photo(), np.zeros((80, 120, 1), np.uint8), 0)


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match="none, light, medium, heavy, digits"):
        recipe_named("extreme")
    with pytest.raises(ValueError, match="centre, whole, crop, window"):
        Recipe(frame="corner")
    assert recipe_named("heavy") is RECIPES["heavy"]


def test_a_network_sees_pixels_interpolated_as_it_was_trained():
    image = photo(40, 40)
    seen = {how: Augment(Recipe(), 56, 56, how)(image, 0) for how in ("bilinear", "bicubic")}
    assert np.array_equal(seen["bicubic"], cv2.resize(image, (56, 56), interpolation=cv2.INTER_CUBIC))
    assert np.array_equal(seen["bilinear"], cv2.resize(image, (56, 56), interpolation=cv2.INTER_LINEAR))
    turned = {how: Augment(Recipe(rotate=30), 40, 40, how)(image, 3) for how in ("bilinear", "bicubic")}
    assert not np.array_equal(*turned.values())
