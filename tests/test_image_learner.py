"""The image learner: backbones by name, all kinds of targets, weights, and what a prediction may depend on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from safetensors.torch import save_file

from features.images import HeldImages
from pipelines.contract import Targets, average, each
from pipelines.learners.image import ImageLearner
from pipelines.learners.tasks import Binary, Multiclass, Regression
from pipelines.metrics import METRICS
from pipelines.report import Report
from pipelines.runfolder import RunFolder
from pipelines.stops import UsageError
from pipelines.training.losses import ClassLoss, SquareLoss
from tests.photos import load, photo_learner, photo_targets, shades, write_photos

BACKBONES = {
    "test_resnet": 32,
    "densenet121": 32,
    "test_efficientnet": 32,
    "test_convnext": 32,
    "test_vit": 48,
    "swin_s3_tiny_224": 64,
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    write_photos(root / "raw")
    return root


@pytest.fixture
def table(raw):
    return load(raw / "raw")[0]


@pytest.fixture
def cache(raw):
    return raw / "cache"


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Nothing may wait for a network that a test does not have."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def folder(root, fold=0):
    out = RunFolder(root).fit(fold, 0, Report(quiet=True))
    out.prepare()
    return out


def fitted(learner, table, root, targets=None, valid=10):
    """A model, loaded from its folder as the corridor does."""
    out = folder(root)
    held = table.iloc[-valid:] if valid else None
    learner.fit(table.iloc[: len(table) - valid], held, targets or photo_targets(), out)
    return learner.load(out)


def values(learner, model, table):
    return np.concatenate([part for _, part in average([model], learner.inputs(table))])


# -- backbones


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_backbones_train_store_and_predict_at_any_size(name, table, cache, tmp_path):
    learner = photo_learner(
        cache, network=None, model=name, weights="none", size=BACKBONES[name], epochs=1, batch=4, layer_decay=0.9
    )
    model = fitted(learner, table.iloc[:14], tmp_path)
    found = values(learner, model, table.iloc[:9])
    assert found.shape == (9, 1)
    assert np.isfinite(found).all()
    assert len(np.unique(found)) > 1
    statistics = timm.get_pretrained_cfg(name)
    assert model.pixels.mean == tuple(statistics.mean)
    assert model.pixels.interpolation == statistics.interpolation


def test_an_unknown_backbone_names_near_ones(table, cache, tmp_path):
    with pytest.raises(
        ValueError, match=r"--model: expected a timm backbone, got 'convnxt_tiny'; near: .*convnext_tiny"
    ):
        fitted(photo_learner(cache, network=None, model="convnxt_tiny", weights="none"), table, tmp_path)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"model": "test_vit", "views": "scales"}, "--views scales: expected a model that sees images of any size"),
        ({"model": "botnet50ts_256", "weights": "pretrained"}, "--weights pretrained: .* timm has weights of.*three"),
        ({"model": "test_vit", "device": "cpu,cuda:99"}, "--device: expected a device of this machine, got cuda:99"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(chosen, expected, tmp_path):
    learner = photo_learner(tmp_path, **{"network": None, "weights": "none", "size": 48, **chosen})
    with pytest.raises(ValueError, match=expected):
        learner.check()


# -- kinds of targets


def shaded(table, kind):
    """The photos with another target: how red they are, as classes, as two yes/no columns, as a large number."""
    red = shades(len(table))
    if kind == "multiclass":
        named = np.array(["blue", "mixed", "red"])[np.digitize(red, [0.33, 0.66])]
        return table.assign(shade=named), Targets(
            ("shade",), Multiclass(("blue", "mixed", "red")).truth, METRICS["log_loss"]
        )
    if kind == "multilabel":
        both = table.assign(reddish=(red > 0.4).astype(int), bluish=(red < 0.6).astype(int))
        return both, Targets(("reddish", "bluish"), Binary().truth, METRICS["mean_auc"])
    return table.assign(price=5000 + 300 * red), Targets(("price",), Regression().truth, METRICS["rmse"])


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [("multiclass", {"loss": ClassLoss()}), ("multilabel", {"balance": True}), ("regression", {"loss": SquareLoss()})],
)
def test_every_kind_of_target_is_learned(kind, chosen, table, cache, tmp_path):
    table, targets = shaded(table, kind)
    learner = photo_learner(cache, epochs=15, augment="none", **chosen)
    model = fitted(learner, table, tmp_path, targets)
    held = table.iloc[-10:]
    truth, found = targets.values(held), values(learner, model, held)
    assert found.shape == truth.shape
    blank = np.broadcast_to(targets.values(table.iloc[:-10]).mean(axis=0), truth.shape)
    assert targets.metric.better(targets.metric.score(truth, found), targets.metric.score(truth, blank))
    if kind == "regression":
        assert targets.metric.score(truth, found) < 60  # of a spread of 87


def test_settings_that_mean_nothing_for_the_loss_are_refused():
    with pytest.raises(ValueError, match="--smoothing: expected a loss that takes it, got SquareLoss"):
        ImageLearner(loss=SquareLoss(), smoothing=0.1)
    with pytest.raises(ValueError, match="--balance: expected classes"):
        ImageLearner(loss=SquareLoss(), balance=True)


@pytest.mark.parametrize(("name", "value", "only"), [("model", "resnet18", "small_network"),
                         ("weights", "pretrained", "none"), ("drop", 0.5, "0.0")])  # fmt: skip
def test_a_flag_that_would_change_nothing_of_a_network_of_ones_own_is_refused(name, value, only, tmp_path):
    learner = photo_learner(tmp_path)
    learner.check()
    replace(learner, network=partial(learner.network, seed=3)).check()
    with pytest.raises(UsageError, match=f"--{name}: expected {only}, as small_network .* got {value}"):
        replace(learner, **{name: value}).check()


# -- weights


def test_weights_that_cannot_be_had_are_an_error_that_says_all_three_ways(table, cache, tmp_path):
    learner = photo_learner(cache, network=None, model="resnet18", size=32)
    for weights, got in (("pretrained", "resnet18"), (str(tmp_path / "nowhere"), "no such file or folder")):
        with pytest.raises(ValueError, match=f"--weights .*{got}") as caught:
            fitted(replace(learner, weights=weights), table, tmp_path)
        for way in ("--weights pretrained", "--weights PATH", "--weights none"):
            assert way in str(caught.value)


def test_weights_come_from_a_file_or_a_folder_and_only_the_head_starts_anew(table, cache, tmp_path):
    torch.manual_seed(5)
    given = timm.create_model("test_resnet", num_classes=1000).state_dict()
    kept = tmp_path / "dataset"
    kept.mkdir()
    save_file(given, kept / "model.safetensors")
    for number, weights in enumerate((kept, kept / "model.safetensors")):
        learner = photo_learner(
            cache, network=None, model="test_resnet", size=32, weights=str(weights), rate=1e-12, epochs=1
        )
        model = fitted(learner, table, tmp_path / str(number))
        state = model.network.state_dict()
        torch.testing.assert_close(state["conv1.0.weight"], given["conv1.0.weight"])
        assert state["fc.weight"].shape == (1, given["fc.weight"].shape[1])


def test_a_pickle_is_not_opened_and_other_weights_are_refused(table, cache, tmp_path):
    learner = photo_learner(cache, network=None, model="test_resnet", size=32)
    pickled = tmp_path / "model.pth"
    torch.save({}, pickled)
    with pytest.raises(ValueError, match=r"a \.safetensors file, got \.pth: a pickle can run code.*three ways"):
        fitted(replace(learner, weights=str(pickled)), table, tmp_path)
    save_file({"other": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(
        ValueError, match=r"expected weights of test_resnet, got: .*lacks .* of its weights.*--weights none"
    ):
        fitted(replace(learner, weights=str(tmp_path / "other.safetensors")), table, tmp_path)


def test_a_stored_model_needs_no_other_weights(table, cache, tmp_path):
    torch.manual_seed(5)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "given.safetensors")
    learner = photo_learner(
        cache, network=None, model="test_resnet", size=32, weights=str(tmp_path / "given.safetensors"), epochs=1
    )
    out = folder(tmp_path / "run")
    model = learner.fit(table.iloc[:-10], table.iloc[-10:], photo_targets(), out)
    before = values(learner, model, table)
    (tmp_path / "given.safetensors").unlink()
    np.testing.assert_array_equal(values(learner, learner.load(out), table), before)


# -- pixels


def test_gray_pixels_that_are_no_files_have_one_channel(tmp_path):
    draws = np.random.default_rng(0)
    dark = np.arange(40) % 2
    pixels = [draws.integers(0, 100, (12, 12, 1), dtype=np.uint8) + np.uint8(100 * (1 - each)) for each in dark]
    table = pd.DataFrame({"place": range(40), "red": dark}, index=pd.Index([f"g{row}" for row in range(40)], name="id"))

    def opened(rows):
        return HeldImages([pixels[place].copy() for place in rows["place"]], list(rows.index))

    learner = photo_learner(
        tmp_path, network=None, model="test_resnet", weights="none", size=32, open_images=opened, epochs=2
    )
    model = fitted(learner, table, tmp_path / "run")
    assert model.network.conv1[0].weight.shape[1] == 1
    assert model.pixels.mean == pytest.approx((0.5,))
    assert METRICS["auc"].score(dark[-10:, None], values(learner, model, table.iloc[-10:])) > 0.9


# -- what a prediction may depend on


@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize("views", ["none", "turns"])
def test_predictions_are_made_in_evaluation_mode(ema, views, table, cache, tmp_path):
    learner = photo_learner(cache, ema=ema, views=views)
    out = folder(tmp_path)
    made = learner.fit(table.iloc[:-10], table.iloc[-10:], photo_targets(), out)
    for model in (made, learner.load(out)):
        model.network.train()  # as somebody may leave it
        before = {name: value.clone() for name, value in model.network.state_dict().items()}
        ((_, inputs),) = list(learner.inputs(table.iloc[:8]))
        whole = model.predict(inputs)
        np.testing.assert_array_equal(model.predict(inputs), whole)  # dropout draws nothing
        alone = np.concatenate([model.predict(inputs[row : row + 1]) for row in range(8)])
        np.testing.assert_allclose(alone, whole, atol=1e-6)  # norms do not look at the other rows
        assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())


def test_ranks_do_not_depend_on_other_rows_of_the_test(table, cache, tmp_path):
    learner = photo_learner(cache, space="rank", views="flip")
    model = fitted(learner, table, tmp_path)
    held = values(learner, model, table.iloc[-10:])
    assert ((held >= 0) & (held <= 1)).all()
    np.testing.assert_allclose(values(learner, model, table.iloc[-1:]), held[-1:], atol=1e-6)
    order = np.argsort(values(learner, replace(model, ranks=None), table)[:, 0])
    assert (np.diff(values(learner, model, table)[order, 0]) >= 0).all()


def test_views_are_averaged_and_a_single_one_can_be_asked_for(table, cache, tmp_path):
    learner = photo_learner(cache, views="flip")
    model = fitted(learner, table, tmp_path)
    assert model.plain is not None
    assert model.plain.plain is None
    ((_, inputs),) = list(learner.inputs(table.iloc[:8]))
    mirrored = model.plain.predict(inputs.flip(2))
    np.testing.assert_allclose(model.predict(inputs), (model.plain.predict(inputs) + mirrored) / 2, atol=1e-6)


def test_workers_and_cache_change_no_result(table, cache, tmp_path):
    found = []
    for number, chosen in enumerate(({"workers": 0}, {"workers": 3, "cache": "ram"}, {"workers": 2, "cache": "off"})):
        learner = photo_learner(cache, augment="heavy", mixup=0.2, cutmix=0.5, **chosen)
        found.append(values(learner, fitted(learner, table, tmp_path / str(number)), table))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_one_decoded_chunk_goes_through_every_model(table, cache, tmp_path):
    learner = photo_learner(cache)
    models = [fitted(replace(learner, seed=seed), table, tmp_path / str(seed)) for seed in (0, 1)]
    decoded = 0

    def counted():
        nonlocal decoded
        for chunk in learner.inputs(table):
            decoded += len(chunk[0])
            yield chunk

    both = np.concatenate([np.stack(pair) for _, pair in each(models, counted())], axis=1)
    assert decoded == len(table)
    assert not np.array_equal(both[0], both[1])
    mean = np.concatenate([part for _, part in average(models, learner.inputs(table))])
    np.testing.assert_allclose(mean, both.mean(axis=0))


# -- without validation rows


def test_a_fit_on_all_rows_needs_none_held_back(table, cache, tmp_path):
    learner = photo_learner(cache, keep="best", patience=1, schedule="plateau", space="rank", epochs=4)
    model = fitted(learner, table, tmp_path, valid=0)
    assert model.found == {"epochs": 4}
    assert np.isfinite(values(learner, model, table)).all()


def test_a_score_that_is_not_defined_on_the_validation_rows_stops_nothing(table, cache, tmp_path):
    ordered = table.sort_values("red")
    learner = photo_learner(cache, keep="best", epochs=2)
    model = fitted(learner, ordered, tmp_path, valid=5)  # all of one class: they have no AUC
    assert model.found == {"epochs": 1}
