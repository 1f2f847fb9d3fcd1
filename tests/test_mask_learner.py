"""The mask learner: networks of any size, losses, views, tiles, images and masks moved together, fits and resumes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from pipelines.contract import Targets, average
from pipelines.learners.mask import MaskLearner
from pipelines.learners.mask_fit import make
from pipelines.learners.mask_show import border_error, disagreement
from pipelines.learners.mask_task import MaskTask
from pipelines.learners.pixel_fit import Task
from pipelines.metrics.masks import dice
from pipelines.training.feeding import mix
from pipelines.training.mask_losses import DiceLoss, LovaszLoss, PixelLoss, border_weights, mask_loss
from pipelines.training.segmenters import Segmenter
from pipelines.training.settings import NetworkSettings
from pipelines.training.tiles import in_tiles, places
from pipelines.training.unet import Padded
from pipelines.training.views import views_named
from tests.networks import folder_at
from tests.test_masks import as_gif

ARCHS = ("unet", "unetplusplus", "fpn", "linknet", "deeplabv3plus", "plain")
task = MaskTask(column="rle_mask", order="rows")
targets = Targets(("mask",), task.truth, dice)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Nothing may wait for a network that a test does not have."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> pd.DataFrame:
    """Bright squares on dark noise, 40 wide and 36 high, with their masks."""
    root, draws = tmp_path_factory.mktemp("squares"), np.random.default_rng(0)
    rows = {}
    for number in range(24):
        mask = np.zeros((36, 40), np.uint8)
        top, left = draws.integers(2, 14, 2)
        mask[top : top + 18, left : left + 20] = 1
        pixels = (60 + 120 * mask[:, :, None] + draws.normal(0, 20, (36, 40, 3))).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{number}.png")
        rows[f"s{number:02}"] = (root / f"{number}.png", as_gif(root / f"{number}.gif", mask))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["image", "mask"]).rename_axis("img")


@pytest.fixture
def learner(tmp_path) -> MaskLearner:
    """A fit of a few tenths of a second."""
    return MaskLearner(
        arch="plain",
        weights="none",
        width=4,
        depth=2,
        size="36x40",
        epochs=4,
        batch=6,
        rate=0.02,
        augment="light",
        device="cpu",
        precision="fp32",
        workers=1,
        cache_dir=tmp_path / "cache",
    )


def values(model, learner, table) -> np.ndarray:
    return np.concatenate([part for _, part in average([model], learner.inputs(table))])


# -- networks


@pytest.mark.parametrize("arch", ARCHS)
def test_networks_see_any_size(arch):
    network, pixels = Segmenter(arch=arch, encoder="tu-test_resnet", channels=3, width=2, depth=3).build("none", 0)
    network.eval()
    with torch.no_grad():
        assert network(torch.rand(1, 3, 38, 75)).shape == (1, 1, 38, 75)
    assert pixels.mean


def test_images_are_padded_by_reflection_and_maps_cut_back():
    class Watching(torch.nn.Module):
        def forward(self, images):
            self.seen = images
            return images[:, :1]

    inner = Watching()
    images = torch.arange(1918 * 4, dtype=torch.float32).reshape(1, 1, 4, 1918)
    assert torch.equal(Padded(inner, 4)(images), images)
    assert inner.seen.shape == (1, 1, 4, 1920)
    assert torch.equal(inner.seen[..., 1:-1], images)
    assert torch.equal(inner.seen[..., 0], images[..., 1])
    assert torch.equal(inner.seen[..., -1], images[..., -2])


@pytest.mark.filterwarnings("ignore:Error loading:UserWarning")  # an older segmentation-models-pytorch says it too
def test_weights_are_had_or_refused(tmp_path):
    encoder = Segmenter(arch="unet", encoder="resnet18", channels=3)
    network, _ = encoder.build("none", 0)
    state = {name: value.clone() + 1 for name, value in network.inner.encoder.state_dict().items()}
    save_file(state, tmp_path / "own.safetensors")
    loaded, _ = encoder.build(str(tmp_path / "own.safetensors"), 1)
    assert all(torch.equal(state[name], value) for name, value in loaded.inner.encoder.state_dict().items())
    save_file({name: state[name] for name in list(state)[:9]}, tmp_path / "half.safetensors")
    for weights, text in {
        str(
            tmp_path / "half.safetensors"
        ): "expected weights of resnet18, got: .*half.safetensors is of another network",
        "pretrained": "--weights pretrained: expected weights of resnet18, got: .*three ways to have weights",
        str(tmp_path / "none.safetensors"): "expected one safetensors file, got no such file",
    }.items():
        with pytest.raises(ValueError, match=text):
            encoder.build(weights, 0)
    with pytest.raises(ValueError, match="expected --weights none for --arch plain"):
        Segmenter(arch="plain", encoder="", channels=3).build("pretrained", 0)


def test_timms_own_files_are_weights_of_its_encoders(tmp_path):
    import timm

    known = timm.create_model("test_resnet", num_classes=0)
    save_file({name: value + 1 for name, value in known.state_dict().items()}, tmp_path / "model.safetensors")
    loaded, _ = Segmenter(arch="fpn", encoder="tu-test_resnet", channels=3).build(str(tmp_path), 0)
    weight = loaded.inner.encoder.model.state_dict()["conv1.0.weight"]
    assert torch.equal(weight, known.state_dict()["conv1.0.weight"] + 1)


def test_unknown_encoders_name_near_ones():
    for encoder, text in {
        "resnet19": "--encoder: expected an encoder of segmentation-models-pytorch, .*'resnet19'; near: .*resnet18",
        "tu-convnxt_tiny": "--encoder: expected a timm backbone, got 'convnxt_tiny'; near: .*convnext_tiny",
        "tu-vit_tiny_patch16_224": "^--encoder: expected one that --arch unet can stand on, got tu-vit_tiny",
    }.items():
        with pytest.raises(ValueError, match=text):
            Segmenter(arch="unet", encoder=encoder, channels=3).build("none", 0)


@pytest.mark.parametrize(
    ("flag", "chosen"),
    [
        ("--size", {"size": "512"}),
        ("--size", {"size": "16x512"}),
        ("--crop", {"crop": 8}),
        ("--tile", {"tile": 4096}),
        ("--layer-decay", {"layer_decay": 0.9}),
        ("--smoothing", {"smoothing": 0.1}),
        ("--border-weight", {"border_weight": 0}),
        ("--border-weight", {"border_weight": 3, "loss": "lovasz"}),
        ("--depth", {"depth": 0}),
        ("--depth", {"depth": 6, "arch": "plain", "size": "512x768", "crop": 48}),
    ],
)
def test_settings_that_mean_nothing_are_refused(flag, chosen):
    with pytest.raises(ValueError, match=f"{flag}: expected "):
        MaskLearner(**chosen)


def test_flags_that_decide_nothing_are_refused(podium):
    for flags, text in {
        ("--arch", "plain", "--weights", "none", "--encoder", "resnet18"): "--encoder: expected a flag that decides",
        ("--width", "16"): "--width: expected a flag that decides something, got --arch unet, whose encoder decides",
        ("--toy", "--encoder=resnet18"): "got --arch plain, which has no encoder; leave it out",
    }.items():
        said = podium("run", "carvana_masks", *flags)
        assert said.code == 2
        assert text in said.err


# -- losses


def maps(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(2, 1, 30, 31, generator=draws), (torch.rand(2, 1, 30, 31, generator=draws) < 0.3).float()


@pytest.mark.parametrize("name", ["bce", "dice", "bce_dice", "bce_log_dice", "focal", "lovasz"])
@pytest.mark.parametrize("border", [1.0, 3.0])
def test_losses_are_small_when_right_and_pull_the_right_way(name, border):
    if name == "lovasz":
        border = 1.0
    loss = mask_loss(name, border)
    outputs, truth = maps()
    outputs.requires_grad_()
    worth = loss(outputs, truth)
    worth.backward()
    assert worth.ndim == 0
    assert torch.isfinite(outputs.grad).all()
    right = (2 * truth - 1) * 30
    assert loss(right, truth) < 0.01 < worth < loss(-right, truth)
    with torch.no_grad():
        assert loss(outputs - 0.5 * outputs.grad / outputs.grad.norm(), truth) < worth
    assert torch.allclose(loss.values(outputs), outputs.sigmoid())


def test_losses_are_their_definitions():
    outputs, truth = maps()
    found = outputs.sigmoid()
    each = [1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1) for p, t in zip(found, truth, strict=True)]
    assert torch.isclose(DiceLoss()(outputs, truth), torch.stack(each).mean())
    likely = torch.where(truth > 0, found, 1 - found)
    assert torch.isclose(PixelLoss(focus=2.0)(outputs, truth), ((1 - likely) ** 2 * -likely.log()).mean(), atol=1e-6)
    hard = torch.where(outputs > 0, 1.0, -1.0)  # then the Lovász hinge is twice the Jaccard loss
    jaccard = [1 - ((h > 0) & (t > 0)).sum() / ((h > 0) | (t > 0)).sum() for h, t in zip(hard, truth, strict=True)]
    assert torch.isclose(LovaszLoss()(hard, truth), 2 * torch.stack(jaccard).mean())


@pytest.mark.parametrize("border", [1.0, 3.0])
@pytest.mark.parametrize("name", ["bce", "dice", "bce_dice", "bce_log_dice", "focal"])
def test_a_batch_in_pieces_has_the_loss_of_the_whole(name, border):
    outputs, truth = maps()
    truth[0, :, :20] = 0  # one of the two has much less of a border
    parts = [mask_loss(name, border)(*pair) for pair in zip(outputs.split(1), truth.split(1), strict=True)]
    torch.testing.assert_close(torch.stack(parts).mean(), mask_loss(name, border)(outputs, truth))


def test_an_empty_mask_predicted_empty_is_no_loss():
    outputs, truth = torch.full((1, 1, 32, 32), -30.0), torch.zeros(1, 1, 32, 32)
    for name in ("bce", "dice", "bce_dice", "bce_log_dice", "focal", "lovasz"):
        assert mask_loss(name, 1.0)(outputs, truth) < 1e-3


def test_border_weights_lie_on_the_border():
    truth = torch.zeros(1, 1, 100, 100)
    truth[..., 30:70, 30:70] = 1
    weights = border_weights(truth, 3.0)[0, 0]
    assert weights[50, 50] == weights[5, 5] == weights[99, 0] == 1
    assert weights[30, 50] == weights[29, 50] == weights[50, 69] == 3
    assert border_weights(truth, 1.0).ndim == 0


# -- what training sees


@pytest.mark.parametrize("augment", ["light", "heavy"])
@pytest.mark.parametrize("crop", [0, 32])
def test_images_and_masks_are_moved_together(augment, crop, table, learner, tmp_path):
    """Where the mask says square the image is bright: corners marked in both end up in the same place."""
    learner = replace(learner, augment=augment, crop=crop)
    training, _ = make(Task(learner, table, None, targets, folder_at(tmp_path / "run")))
    apart = []
    for inputs, masks in training.batches.epoch(0, 0):
        assert inputs.shape[-2:] == masks.shape[-2:] == ((32, 32) if crop else (36, 40))
        assert set(masks.unique().tolist()) <= {0, 1}
        bright = inputs.mean(dim=1, keepdim=True)
        inside = (bright * masks).sum(dim=(1, 2, 3)) / masks.sum(dim=(1, 2, 3))
        outside = (bright * (1 - masks)).sum(dim=(1, 2, 3)) / (1 - masks).sum(dim=(1, 2, 3))
        apart += (inside - outside).tolist()
    assert len(apart) == 24
    assert np.median(apart) > 0.35  # 120 of 255, halved by the normalisation; colours change, geometry must not


def test_a_marked_corner_turns_with_its_image():
    from features.augment import Augment
    from features.recipes import Recipe

    image, mask = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 1), np.uint8)
    image[:16, :16], mask[:16, :16] = 255, 1
    moved = Augment(Recipe(frame="whole", rotate=180, flip=0.5, flop=0.5), 64, 64)
    turned = set()
    for seed in range(12):
        view, seen = moved.pair(image, mask, seed)
        assert ((view[:, :, 0] > 127) == (seen[:, :, 0] == 1)).mean() > 0.97
        turned.add(
            int(np.argmax([seen[:32, :32].sum(), seen[:32, 32:].sum(), seen[32:, :32].sum(), seen[32:, 32:].sum()]))
        )
    assert len(turned) > 2


def test_cut_and_pasted_rows_bring_their_masks():
    inputs = torch.rand(4, 1, 16, 16)
    masks = (inputs > 0.5).float()
    for settings in (NetworkSettings(cutmix=1.0), NetworkSettings(mixup=1.0)):
        mixed, theirs = mix(inputs, masks, settings, epoch=0, step=3)
        assert not torch.equal(mixed, inputs)
        if settings.cutmix:
            assert torch.equal(theirs, (mixed > 0.5).float())


# -- prediction


@pytest.mark.parametrize("name", ["flip", "flips", "turns", "scales"])
def test_views_are_undone_before_maps_are_averaged(name, table, learner, tmp_path):
    """A network that says of each pixel how bright it is gives the same map whatever way it looks."""
    _, model = make(Task(learner, table, None, targets, folder_at(tmp_path / "run")))
    torch.manual_seed(0)
    pointwise = torch.nn.Conv2d(3, 1, 1)
    smooth = np.add.outer(np.linspace(0, 200, 96), np.linspace(0, 50, 128)).astype(np.uint8)
    inputs = torch.from_numpy(np.repeat(smooth[None, :, :, None], 3, axis=3))
    model = replace(model, network=pointwise)
    single = model.predict(inputs)
    several = replace(model, views=views_named(name)).predict(inputs)
    assert several.dtype == np.float32
    assert several.shape == single.shape == (1, 96, 128)
    assert np.abs(several - single).max() < (0.02 if name == "scales" else 1e-5)
    assert replace(model, views=views_named(name)).plain.views[0].name == "identity"


def test_tiles_leave_no_seams_and_cover_all():
    assert places(100, 40) == [0, 30, 60]
    assert places(40, 40) == places(20, 40) == [0]
    images = torch.rand(2, 3, 70, 101)
    seen = []

    def look(part):
        seen.append(tuple(part.shape[-2:]))
        return part[:, :1] * 2

    assert torch.allclose(in_tiles(look, images, 32), images[:, :1] * 2, atol=1e-5)
    assert set(seen) == {(32, 32)}
    assert in_tiles(look, images, 90).shape == (2, 1, 70, 101)


# -- fits


def test_a_fit_learns_stores_and_predicts_maps(table, learner, tmp_path):
    out = folder_at(tmp_path / "run")
    train, valid = table.iloc[:18], table.iloc[18:]
    learner.fit(train, valid, targets, out)
    model = learner.load(out)
    found = values(model, learner, valid)
    assert found.shape == (6, 36, 40)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    truth = task.truth(valid[["mask"]])
    assert dice.score(truth, found) > 0.9
    assert np.array_equal(found, values(learner.load(out), learner, valid))
    tiled = replace(learner, tile=32, views="none")
    assert dice.score(truth, values(tiled.load(out), tiled, valid)) > 0.85
    assert (tmp_path / "cache").is_dir()
    assert learner.model == "plain"
    assert not learner.unreadable(table, valid, out)


def test_a_stopped_fit_goes_on_to_the_same_weights(table, learner, tmp_path):
    from pipelines.budget import OutOfTime

    learner = replace(learner, epochs=3)
    whole = folder_at(tmp_path / "whole")
    learner.fit(table, None, targets, whole)
    out = folder_at(tmp_path / "run", seconds=0)
    for _ in range(20):
        try:
            learner.fit(table, None, targets, out)
            break
        except OutOfTime:
            assert learner.provisional(out) is not None
    for name in ("model.safetensors", "model.json"):
        assert (out.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_rows_are_shown_with_what_is_wrong_in_them(table, learner, tmp_path):
    from pipelines.explain.seam import Asked

    out = folder_at(tmp_path / "run")
    learner.fit(table, None, targets, out)
    model, some = learner.load(out), table.iloc[:3]
    truth = task.truth(some[["mask"]])
    asked = Asked(ids=some.index, truth=truth, prediction=None, choice=np.array([0.5]), towards=[[]] * 3)
    (_, inputs), *rest = learner.inputs(some)
    assert not rest
    shown = learner.show(model, inputs, asked)
    assert len(shown) == 3
    for each, mask in zip(shown, truth, strict=True):
        picture, drawn, _, wrong = (panel.pixels for panel in each.panels)
        assert picture.shape == drawn.shape == wrong.shape == (36, 40, 3)
        assert np.array_equal(drawn[:, :, 0] > 0, mask > 0)
        assert each.note.startswith("border error ")
    right = np.zeros((20, 20), bool)
    right[5:15, 5:15] = True
    assert border_error(right, right) == 0
    assert border_error(right, ~right) == 1
    assert border_error(np.zeros((4, 4), bool), right[:4, :4]) is None
    gray = np.full((20, 20, 3), 90, np.uint8)
    painted = disagreement(gray, right, np.roll(right, 2, axis=1))
    assert painted[10, 5].tolist() == [214, 39, 40]
    assert painted[10, 16].tolist() == [31, 119, 180]
    assert painted[0, 0].tolist() == [90, 90, 90]
