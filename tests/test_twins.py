"""Near-duplicate images: copies of every kind are found, photos of one scene stay apart, and nothing else decides."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.cache import Cache
from features.thumbnails import SIDE, THUMBNAIL, blurred, thumbnails
from folds import alike, twins
from folds.components import components
from folds.twins import find_twins
from tests.planted import KINDS, judge, write_set

COUNT, SEED = 600, 11


def silent(items, total, what):
    return iter(items)


def find(pixels: np.ndarray) -> np.ndarray:
    return find_twins(pixels, blurred, silent)


def parts(groups: np.ndarray) -> set[frozenset[int]]:
    """The groups as sets of rows."""
    return {frozenset(np.flatnonzero(groups == group).tolist()) for group in set(groups.tolist()) - {-1}}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Thumbnails of a generated set, out of the image cache, and what the images are."""
    root = tmp_path_factory.mktemp("planted")
    paths, photos = write_set(root / "photos", COUNT, SEED)
    images = Cache(folder=root / "cache", say=lambda line: None).images(paths, THUMBNAIL)
    return thumbnails(images), photos


@pytest.fixture(scope="module")
def groups(planted) -> np.ndarray:
    return find(planted[0])


@pytest.fixture(scope="module")
def few(planted) -> np.ndarray:
    """A few of the thumbnails, copies with their originals, others of one scene."""
    pixels, photos = planted
    origins = [photo.origin for photo in photos]
    copied = [origins.count(photo.origin) > 1 and photo.origin % 3 > 0 for photo in photos]
    return pixels[[row for row, photo in enumerate(photos) if copied[row] or photo.number < 40]]


@pytest.fixture(scope="module")
def found(few) -> set[frozenset[int]]:
    """The groups among these few."""
    return parts(find(few))


def test_copies_are_found_and_scenes_stay_apart(planted, groups):
    verdict = judge(groups, planted[1])
    assert verdict.recall >= 0.97
    assert verdict.precision >= 0.99
    assert list(verdict.kinds) == list(KINDS)
    assert min(verdict.kinds.values()) >= 0.9, verdict.kinds


def test_groups_are_numbered_from_zero_in_the_order_of_the_images(groups):
    firsts = [int(np.flatnonzero(groups == group)[0]) for group in range(groups.max() + 1)]
    assert firsts == sorted(firsts)
    assert np.bincount(groups[groups >= 0]).min() >= 2


def test_neither_the_order_of_images_nor_mirroring_all_matters(few, found):
    assert len(found) > 50
    order = np.random.default_rng(0).permutation(len(few))
    shuffled = {frozenset(order[list(part)].tolist()) for part in parts(find(few[order]))}
    assert shuffled == found
    turned = parts(find(np.ascontiguousarray(few[:, :, ::-1])))
    assert len(turned ^ found) <= 0.02 * len(found)  # pixels lie the other way about, sums round otherwise


def test_blocks_of_any_size_give_the_same_groups(few, monkeypatch):
    few = few[:90]
    found = parts(find(few))
    assert len(found) > 10
    monkeypatch.setattr(alike, "CELLS", 7 * len(few))
    monkeypatch.setattr(twins, "CHUNK", 1)
    monkeypatch.setattr(twins, "BLOCK", 3)
    assert parts(find(few)) == found


def test_among_many_like_images_the_likest_are_looked_at(planted, groups, monkeypatch):
    monkeypatch.setattr(alike, "MOST", 3)
    assert judge(find(planted[0]), planted[1]).recall > 0.8


def test_a_mirrored_copy_of_a_mirrored_copy_is_the_image_again(planted):
    photo = planted[0][next(row for row, photo in enumerate(planted[1]) if not photo.blank)]
    three = np.stack([photo, photo[:, ::-1], photo[:, ::-1][:, ::-1]])
    assert find(three).tolist() == [0, 0, 0]


def shade(*colour: float) -> np.ndarray:
    """A plain image with a little noise of its own."""
    noise = np.random.default_rng([int(part) for part in colour]).normal(0, 1, (SIDE, SIDE, 3))
    return (np.array(colour) + noise).clip(0, 255).astype(np.uint8)


def test_plain_images_are_the_same_only_where_their_levels_agree():
    plain = np.stack([shade(0, 0, 0), shade(100, 100, 100), shade(108, 108, 108), shade(255, 255, 255), shade(1, 0, 0)])
    assert find(plain).tolist() == [0, -1, -1, -1, 0]
    assert find(np.stack([shade(90, 90, 90), shade(90, 99, 81)])).tolist() == [-1, -1]


def test_a_faint_slope_is_matched_mirrored():
    slope = np.tile(np.linspace(60, 68, SIDE), (SIDE, 1))[..., None].repeat(3, 2).astype(np.uint8)
    three = np.stack([slope, slope[:, ::-1], slope + np.uint8(20)])
    assert find(three).tolist() == [0, 0, -1]


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_images_have_no_twins(planted, count):
    assert find(planted[0][:count]).tolist() == [-1] * count


def test_equal_images_are_one_group_however_many(planted):
    assert find(np.repeat(planted[0][:1], 3000, axis=0)).tolist() == [0] * 3000


@pytest.mark.parametrize("moved", [0.04, 0.08])
def test_an_object_that_moves_makes_another_photo(planted, moved):
    pixels, photos = planted
    scene = max((pixels[row] for row, photo in enumerate(photos) if photo.scene < 100), key=np.std)
    frames = []
    for left in (0.4, 0.4 + moved):
        frame, at = scene.copy(), (int(left * SIDE), SIDE // 2)
        cv2.circle(frame, at, 3, (250, 20, 20), -1)
        frames.append(frame)
    assert find(np.stack(frames)).tolist() == [-1, -1]


def test_another_framing_is_another_photo():
    canvas = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8), (9, 9), 3)
    canvas = cv2.normalize(canvas, None, 0, 255, cv2.NORM_MINMAX)
    panned = [cv2.resize(canvas[:, left : left + 70], (SIDE, SIDE)) for left in (0, 4, 24)]
    assert find(np.stack(panned)).tolist() == [0, 0, -1]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_components_join_what_is_linked_and_nothing_else(case):
    count, pairs = case
    reach = np.eye(count, dtype=bool)
    for one, other in pairs:
        reach[one, other] = reach[other, one] = True
    for _ in range(count):
        reach = reach @ reach
    found = components(count, pairs)
    assert ((found[:, None] == found) == reach).all()
    assert sorted(set(found.tolist())) == list(range(found.max() + 1))
