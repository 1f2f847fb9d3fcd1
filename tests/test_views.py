"""Test-time views: each undoes what it did, and all look at the same image."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipelines.training.views import as_it_is, views_named

COUNTS = {"none": 1, "flip": 2, "flips": 4, "turns": 8, "scales": 3}


@given(st.sampled_from(["none", "flip", "flips", "turns"]), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
def test_undo_brings_back_every_pixel(name, channels, height, width):
    images = torch.arange(2 * channels * height * width).reshape(2, channels, height, width).float()
    for view in views_named(name):
        assert torch.equal(view.undo(view.apply(images), (height, width)), images), view.name


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_the_first_view_changes_nothing_and_no_two_are_alike(name):
    images = torch.rand(2, 3, 128, 128)
    seen = [view.apply(images) for view in views_named(name)]
    assert len(seen) == COUNTS[name]
    assert torch.equal(seen[0], images)
    for place, one in enumerate(seen):
        assert not any(one.shape == other.shape and torch.equal(one, other) for other in seen[:place])


def test_scales_see_sizes_that_networks_can_halve_and_come_back_to_the_image_size():
    images = torch.rand(1, 1, 96, 160)
    smooth = torch.nn.functional.avg_pool2d(images, 31, stride=1, padding=15, count_include_pad=False)
    sizes = set()
    for view in views_named("scales"):
        seen = view.apply(smooth)
        sizes.add(tuple(seen.shape[2:]))
        back = view.undo(seen, (96, 160))
        assert back.shape == smooth.shape
        assert (back - smooth).abs().mean() < 0.002
    assert sizes == {(96, 160), (96, 128), (128, 192)}


def test_the_single_view_is_the_image_itself():
    images = torch.rand(1, 3, 4, 4)
    assert as_it_is().apply(images) is images
