"""Heat maps: they light up where the planted object is, fit the image, and leave the network as it was."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pipelines.training import heat
from pipelines.training.heat import as_map, as_tokens, heat_maps, spatial
from tests.networks import weights_of

SIDE = 32  # pixels
PATCH = 8  # of them to a token
CORNERS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def spots(rows, size=(SIDE, SIDE), seed=0):
    """Noise, every other image with a bright square somewhere; and the squares' corners."""
    draws = np.random.default_rng(seed)
    images = torch.from_numpy(draws.normal(0, 0.3, (rows, 3, *size)).astype(np.float32))
    corners = np.stack([draws.integers(2, side - 10, rows) for side in size], axis=1)
    for row in range(0, rows, 2):
        down, right = corners[row]
        images[row, :, down : down + 8, right : right + 8] += 2
    return images, corners


def share_inside(maps, corners, reach=4):
    """Of each map's heat, the share within a few pixels of the square."""
    found = []
    for one, (down, right) in zip(maps, corners, strict=True):
        top, left = max(0, down - reach), max(0, right - reach)
        found.append(one[top : down + 8 + reach, left : right + 8 + reach].sum() / one.sum())
    return np.array(found)


def quadrants(one):
    """The heat of an image's four corners."""
    high, wide = (side // 2 for side in one.shape)
    parts = {(row, column): one[row * high : (row + 1) * high, column * wide :][:, :wide] for row, column in CORNERS}
    return {corner: float(part.sum()) for corner, part in parts.items()}


class Tokens(nn.Module):
    """A transformer's form without attention: only the class token, the places' mean in the last block, is read."""

    num_prefix_tokens = 1

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Conv2d(3, 6, PATCH, PATCH)
        self.blocks = nn.Sequential(*[Block() for _ in range(2)])
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, 2)
        nn.init.constant_(self.embed.weight, 0.1)
        nn.init.constant_(self.head.weight[0], 1.0)

    def forward(self, images):
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        tokens = self.blocks(torch.cat([torch.zeros_like(tokens[:, :1]), tokens], dim=1))
        return self.head(tokens[:, 0])


class Block(nn.Module):
    """The class token takes in the mean of the others."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Sequential(nn.Linear(6, 6), nn.ReLU())
        nn.init.eye_(self.mix[0].weight)
        nn.init.zeros_(self.mix[0].bias)

    def forward(self, tokens):
        mixed = self.mix(tokens)
        return torch.cat([tokens[:, :1] + mixed[:, 1:].mean(dim=1, keepdim=True), tokens[:, 1:]], dim=1)


class Corner(nn.Module):
    """A head that reads one corner of the last map, whatever the others show."""

    def __init__(self, corner):
        super().__init__()
        self.corner = corner
        self.features = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(3, 1, 1), nn.ReLU())
        nn.init.constant_(self.features[1].weight, 1.0)
        nn.init.zeros_(self.features[1].bias)

    def forward(self, images):
        maps = self.features(images)
        half = maps.shape[-1] // 2
        row, column = self.corner
        return maps[:, :, row * half :, column * half :][:, :, :half, :half].mean(dim=(2, 3))


def state_of(network):
    """All that must not change: weights, buffers, gradients, modes and hooks."""
    inner = list(network.modules())
    return (
        weights_of(network).tobytes(),
        [weight.requires_grad for weight in network.parameters()],
        [weight.grad is None for weight in network.parameters()],
        [module.training for module in inner],
        [len(module._forward_hooks) for module in inner],
    )


# -- where it lights up


def test_a_trained_network_looks_at_the_planted_square():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1)]
    network = nn.Sequential(*layers, nn.ReLU(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1))
    images, _ = spots(64)
    truth = (torch.arange(64) % 2 == 0).float()[:, None]
    optimiser = torch.optim.AdamW(network.parameters(), 0.02)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(images), truth).backward()
        optimiser.step()
    fresh, corners = spots(12, seed=1)
    maps = heat_maps(network, fresh[::2], np.zeros(6, int))
    assert maps.shape == (6, SIDE, SIDE)
    assert (share_inside(maps, corners[::2]) > 0.8).all()


@pytest.mark.parametrize("corner", CORNERS)
def test_only_the_corner_that_the_output_depends_on_lights_up(corner):
    (one,) = heat_maps(Corner(corner), torch.ones(1, 3, SIDE, SIDE), np.zeros(1, int))
    found = quadrants(one)
    assert max(found, key=found.get) == corner
    assert found[corner] > 0.75 * sum(found.values())  # what is beyond is the blur of resizing


def test_before_an_average_pooling_it_is_grad_cam():
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Conv2d(3, 5, 3, stride=4, padding=1), nn.ReLU())
    network = nn.Sequential(trunk, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3))
    images, _ = spots(4)
    outputs = np.array([0, 1, 2, 1])
    features = trunk(images)
    worth = network[3].weight[torch.from_numpy(outputs)]  # a channel's gradient, but for the number of places
    textbook = torch.einsum("nchw,nc->nhw", features, worth).clamp_min(0)[:, None]
    textbook = nn.functional.interpolate(textbook, size=(SIDE, SIDE), mode="bilinear", antialias=True)[:, 0]
    textbook = (textbook / textbook.amax(dim=(1, 2), keepdim=True).clamp_min(1e-12)).detach().numpy()
    np.testing.assert_allclose(heat_maps(network, images, outputs), textbook, atol=1e-5)


def test_tokens_behind_a_class_token_light_up_at_their_place():
    images, corners = spots(8)
    maps = heat_maps(Tokens(), images[::2], np.zeros(4, int))
    assert (share_inside(maps, corners[::2], reach=PATCH) > 0.8).all()


def test_nothing_speaks_for_what_everything_speaks_against():
    network = Tokens()
    nn.init.constant_(network.head.weight[1], -1.0)
    images, _ = spots(2)
    maps = heat_maps(network, images.abs(), np.ones(2, int))
    assert not maps.any()
    against = heat_maps(network, images.abs(), np.ones(2, int), -np.ones(2, int))
    assert (against.max(axis=(1, 2)) == 1).all()


# -- any network


@pytest.mark.parametrize(
    ("name", "size"), [("test_resnet", 64), ("test_convnext", 64), ("test_vit", 48), ("swin_s3_tiny_224", 64)]
)
def test_backbones_have_heat_of_the_images_size_and_are_left_alone(name, size):
    torch.manual_seed(0)
    sized = {"img_size": size} if "vit" in name or "swin" in name else {}
    network = timm.create_model(name, num_classes=3, **sized).train()
    network.head.eval() if hasattr(network, "head") else network.fc.eval()  # a mode of its own
    next(network.parameters()).requires_grad_(False)
    before, images = state_of(network), torch.randn(5, 3, size, size)
    maps = heat_maps(network, images, np.array([0, 1, 2, 0, 1]))
    assert state_of(network) == before
    assert maps.shape == (5, size, size)
    assert maps.min() >= 0
    assert maps.max() == pytest.approx(1)
    again = heat_maps(network, images[3:4], np.array([0]))  # no row looks at another
    np.testing.assert_allclose(again[0], maps[3], atol=1e-4)


def test_an_image_need_not_be_square_and_channels_may_come_last():
    class Last(nn.Module):
        def forward(self, features):
            return features.permute(0, 2, 3, 1)

    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 24, 8, 8), Last(), nn.Linear(24, 24), nn.ReLU())
    whole = nn.Sequential(network, nn.Flatten(), nn.Linear(24 * 3 * 5, 2))
    assert heat_maps(whole, torch.randn(2, 3, 24, 40), np.array([0, 1])).shape == (2, 24, 40)


def test_a_network_without_places_has_no_heat():
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 4), nn.ReLU(), nn.Linear(4, 1))
    assert heat_maps(network, torch.randn(2, 3, 4, 4), np.zeros(2, int)) is None


def test_what_memory_does_not_hold_is_computed_in_halves(monkeypatch):
    network, images = Corner((0, 0)), spots(6)[0].abs()
    whole, computed = heat_maps(network, images, np.zeros(6, int)), heat._heat

    def tight(network, images, outputs):
        if len(images) > 1:
            raise RuntimeError("CUDA out of memory")
        return computed(network, images, outputs)

    monkeypatch.setattr(heat, "_heat", tight)
    np.testing.assert_allclose(heat_maps(network, images, np.zeros(6, int)), whole, atol=1e-6)


def test_an_error_leaves_the_network_as_it_was():
    network = Corner((0, 0))
    network.features.train()
    before = state_of(network)
    with pytest.raises(RuntimeError, match="channels"):
        heat_maps(network, torch.ones(1, 4, SIDE, SIDE), np.zeros(1, int))
    assert state_of(network) == before


# -- reading features


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 16), st.sampled_from([0, 1, 2, 5]), st.integers(1, 6))
def test_tokens_are_laid_out_row_by_row(high, wide, stride, prefix, channels):
    size, tokens = (high * stride, wide * stride), torch.randn(2, prefix + high * wide, channels)
    features = as_tokens(tokens, size, prefix)
    if high * wide == 1:
        assert features is None
        return
    laid = features.read(tokens)
    assert laid.shape == (2, channels, high, wide)
    for row in range(high):
        for column in range(wide):
            assert torch.equal(laid[:, :, row, column], tokens[:, prefix + row * wide + column])


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 16), st.integers(10, 40))
def test_maps_are_read_with_channels_first_or_last(high, wide, stride, channels):
    maps, size = torch.randn(2, channels, high, wide), (high * stride, wide * stride)
    assert torch.equal(as_map(maps, size).read(maps), maps)
    last = maps.permute(0, 2, 3, 1)
    if as_map(last, size).read(last).shape == maps.shape:  # else its sides happen to have the image's proportions too
        assert torch.equal(as_map(last, size).read(last), maps)


def test_attention_over_tokens_is_no_map_of_the_image():
    block, leaf = nn.Sequential(nn.Identity()), nn.Identity()
    noted = [(leaf, torch.randn(2, 4, 17, 17)), (block, torch.randn(2, 17, 8)), (leaf, torch.randn(2, 17, 8))]
    (found,) = spatial(noted, 2, (64, 64), 1)
    assert found.tensor is noted[1][1]
