"""What a training is put together from: losses, mixing, sampling, the rate finder, gradient checkpointing."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from features.augment import Augment
from features.batches import Batches, Normalise
from features.images import HeldImages
from features.recipes import recipe_named
from pipelines.learners.image import ImageLearner
from pipelines.learners.image_model import Shape, start_model
from pipelines.training.device import choose_precision
from pipelines.training.feeding import Feed, balanced, mix
from pipelines.training.finder import HIGHEST, LOWEST, find_rate
from pipelines.training.loop import train
from pipelines.training.losses import BinaryLoss, ClassLoss, RangeLoss, SquareLoss, with_settings
from pipelines.training.mask_losses import LossName, mask_loss
from pipelines.training.optimisers import make_optimiser
from pipelines.training.settings import NetworkSettings
from pipelines.training.step import Stepper
from tests.networks import draw_rows, folder_at, start
from tests.photos import plain_network

OUTPUTS, YES = torch.tensor([[-1.0, 2.0], [0.5, 0.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])


# -- losses


def test_binary_loss_weighs_the_positive_side_and_smooths():
    chance = OUTPUTS.sigmoid()
    bare = -(3 * YES * chance.log() + (1 - YES) * (1 - chance).log()).mean()
    assert BinaryLoss(pos_weight=3.0)(OUTPUTS, YES) == pytest.approx(bare.item())
    soft = YES * 0.8 + 0.1
    bare = -(soft * chance.log() + (1 - soft) * (1 - chance).log()).mean()
    assert BinaryLoss(smoothing=0.2)(OUTPUTS, YES) == pytest.approx(bare.item())
    torch.testing.assert_close(BinaryLoss().values(OUTPUTS), chance)


def test_class_loss_is_the_likelihood_of_the_class():
    logs = OUTPUTS.log_softmax(1)
    assert ClassLoss()(OUTPUTS, YES) == pytest.approx(-(YES * logs).sum(1).mean().item())
    soft = YES * 0.8 + 0.1
    assert ClassLoss(smoothing=0.2)(OUTPUTS, YES) == pytest.approx(-(soft * logs).sum(1).mean().item())
    torch.testing.assert_close(ClassLoss().values(OUTPUTS).sum(1), torch.ones(2))


def test_a_flag_that_a_loss_does_not_know_is_refused():
    assert with_settings(BinaryLoss(), smoothing=0.1) == BinaryLoss(smoothing=0.1)
    with pytest.raises(ValueError, match="--pos-weight: expected a loss that takes it, got SquareLoss"):
        with_settings(SquareLoss(), pos_weight=2.0)


# -- mixing


@given(st.integers(0, 20), st.integers(0, 50), st.sampled_from(["mixup", "cutmix", "both"]))
def test_mixed_rows_show_as_much_of_each_image_as_their_targets_say(epoch, step, kind):
    settings = NetworkSettings(mixup=0.4 * (kind != "cutmix"), cutmix=1.0 * (kind != "mixup"))
    targets = torch.eye(4)
    inputs = targets[:, :, None, None].expand(4, 4, 12, 10).contiguous()  # channel k of row k is 1, the others 0
    seen, soft = mix(inputs, targets, settings, epoch, step)
    torch.testing.assert_close(seen.mean(dim=(2, 3)), soft)
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(4))
    again = mix(inputs, targets, settings, epoch, step)
    assert torch.equal(again[0], seen)
    assert torch.equal(again[1], soft)


def test_mixing_differs_from_step_to_step_and_leaves_the_batch_alone():
    settings = NetworkSettings(mixup=0.4, cutmix=1.0)
    inputs, targets = torch.rand(8, 1, 6, 6), torch.eye(8)
    before = inputs.clone()
    softs = [mix(inputs, targets, settings, 0, step)[1] for step in range(6)]
    assert torch.equal(inputs, before)
    assert not any(torch.equal(one, other) for place, one in enumerate(softs) for other in softs[:place])
    assert mix(inputs, targets, NetworkSettings(), 0, 0)[0] is inputs


# -- feeding


def feed(rows: int = 40, truth: np.ndarray | None = None, batch: int = 8, **parts) -> Feed:
    """Images whose pixels are their row's number, not augmented."""
    pixels = [np.full((9, 9, 1), row % 256, np.uint8) for row in range(rows)]
    images = HeldImages(pixels, [str(row) for row in range(rows)])
    still = Augment(recipe_named("none"), 9, 9)
    batches = Batches(images=images, ids=images_ids(rows), augment=still, batch=batch, drop_last=True)
    truth = np.arange(rows, dtype=np.float32)[:, None] if truth is None else truth
    return Feed(batches, truth, lambda images: images.permute(0, 3, 1, 2).float(), NetworkSettings(), **parts)


def images_ids(rows: int) -> pd.Index:
    return pd.Index([f"id{row}" for row in range(rows)], name="id")


def drawn(made: Feed, epoch: int = 0, start: int = 0) -> np.ndarray:
    """The rows of an epoch, one line per step; each image must be its target's."""
    steps = list(made.epoch(epoch, start))
    assert all(torch.equal(inputs[:, 0, 0, 0], targets[:, 0]) for inputs, targets in steps)
    return np.array([targets[:, 0].int().tolist() for _, targets in steps])


def test_every_row_comes_once_an_epoch_in_another_order_each_time():
    made = feed()
    first, second = drawn(made, 0), drawn(made, 1)
    assert sorted(first.ravel()) == sorted(second.ravel()) == list(range(40))
    assert (first != second).any()
    np.testing.assert_array_equal(drawn(made, 1, start=3), second[3:])


def test_several_processes_share_every_batch_of_the_one():
    alone = drawn(feed(rows=43))
    parts = [drawn(feed(rows=43, batch=4, rank=rank, ranks=2)) for rank in range(2)]
    assert len(feed(rows=43, batch=4, rank=1, ranks=2)) == len(feed(rows=43)) == 5
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), alone)


def test_balanced_draws_show_classes_equally_often():
    truth = np.zeros((400, 1), np.float32)
    truth[:40] = 1
    made = replace(feed(rows=400), chances=balanced(truth))
    rows = np.concatenate([drawn_rows(made, epoch) for epoch in range(5)])
    assert 0.45 < (rows < 40).mean() < 0.55
    combinations = np.array([[0, 0], [0, 1], [0, 1], [1, 1]])
    np.testing.assert_allclose(balanced(combinations), [1, 0.5, 0.5, 1])


def drawn_rows(made: Feed, epoch: int) -> np.ndarray:
    return np.concatenate([batch.rows for batch in made.batches.epoch(epoch, made._rows(epoch))])


# -- the rate finder


def test_the_finder_suggests_a_rate_that_trains(tmp_path):
    curve = find_rate(start(folder_at(tmp_path), rows=draw_rows(400)))
    assert LOWEST < curve.suggestion < HIGHEST
    assert list(curve.rates) == sorted(curve.rates)
    assert len(curve.rates) == len(curve.losses)
    good = start(folder_at(tmp_path / "good"), rows=draw_rows(400), rate=curve.suggestion)
    slow = start(folder_at(tmp_path / "slow"), rows=draw_rows(400), rate=curve.suggestion / 1000)
    for training in (good, slow):
        train(training)
    losses = [
        training.loss(training.network(draw_rows(400).inputs), draw_rows(400).targets) for training in (good, slow)
    ]
    assert losses[0] < 0.5 < losses[1]
    curve.plot(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "fold0" / "seed0" / "checkpoint.safetensors").exists()


def test_a_loss_that_blows_up_at_once_gives_no_suggestion(tmp_path):
    rows = draw_rows()
    with pytest.raises(ValueError, match="expected a loss that falls"):
        find_rate(start(folder_at(tmp_path), rows=replace(rows, targets=rows.targets * float("nan"))))


# -- devices

ALONE = [BinaryLoss(smoothing=0.1, pos_weight=2.0), ClassLoss(smoothing=0.1), SquareLoss(), RangeLoss(high=9.0)]
MAPS = [mask_loss(name, 1.0 + 2.0 * (name != "lovasz")) for name in get_args(LossName)]


@pytest.mark.parametrize("loss", ALONE + MAPS, ids=str)
def test_a_step_mixes_no_devices(loss):
    """On a device without memory, where a tensor left on the CPU is an error as on a card."""
    settings = NetworkSettings(clip=1.0, accumulate=2, mixup=0.4, cutmix=1.0)
    layers = [torch.nn.Conv2d(3, 1 if loss in MAPS else 2, 1)]
    layers += [] if loss in MAPS else [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
    network = torch.nn.Sequential(*layers).to("meta")
    optimiser = make_optimiser(network, settings)
    stepper = Stepper(network, loss, optimiser, settings, choose_precision("meta", "auto"), print)
    images = Normalise((0.5,) * 3, (0.2,) * 3, "meta", channels_last=True)(torch.zeros(4, 32, 32, 3, dtype=torch.uint8))
    targets = torch.rand(4, 1, 32, 32, device="meta") if loss in MAPS else torch.rand(4, 2, device="meta")
    for step in range(4):
        assert stepper.take(*mix(images, targets, settings, 0, step), 1.0, step).device.type == "meta"


class NoDoubles(TorchDispatchMode):
    """As on Apple's cards."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.dtype == torch.float64:
            raise TypeError("the device has no float64")
        return made


def test_values_leave_the_device_before_they_are_doubles():
    learner = ImageLearner(network=plain_network, model="plain_network", weights="none", device="meta")
    model = start_model(learner, Shape(1, 3, (0.0,), (1.0,)), "none")
    with NoDoubles(), pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):  # none holds values
        model.predict(torch.zeros(2, 32, 32, 3, dtype=torch.uint8))


# -- layouts and memory


def test_checkpointing_and_layout_change_memory_and_no_weight():
    def one(checkpointing: bool, layout: torch.memory_format) -> np.ndarray:
        torch.manual_seed(0)
        network = timm.create_model("test_resnet", num_classes=1).to(memory_format=layout)
        network.set_grad_checkpointing(checkpointing)
        draws = torch.Generator().manual_seed(1)
        inputs = torch.randn(2, 3, 32, 32, generator=draws).contiguous(memory_format=layout)
        network(inputs).square().mean().backward()
        return np.concatenate([each.grad.numpy().ravel() for each in network.parameters()])

    plain = one(False, torch.contiguous_format)
    np.testing.assert_allclose(one(True, torch.contiguous_format), plain, atol=1e-6)
    np.testing.assert_allclose(one(False, torch.channels_last), plain, rtol=0.01, atol=1e-3)
