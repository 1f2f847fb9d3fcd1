"""The image learner with columns beside the images: learned from, scaled by training rows, and what they are worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines.contract import Targets
from pipelines.learners.image_columns import numbers_of, scaled, spread_of
from pipelines.learners.tasks import Regression
from pipelines.metrics import METRICS
from pipelines.metrics.clipping import clipped
from pipelines.outcome import describe_outcome
from pipelines.training.feeding import mix
from pipelines.training.joined import Joined, JoinedNetwork
from pipelines.training.losses import RangeLoss
from pipelines.training.settings import NetworkSettings
from tests.photos import load, photo_learner, photo_targets, run_photos, shades, write_photos
from tests.test_image_learner import fitted, values


class Pooled(torch.nn.Module):
    """A network that, built for 0 outputs, gives its pooled features, as timm's do."""

    def __init__(self, outputs: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.num_features = 4
        self.stem = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.ReLU())
        self.head = torch.nn.Linear(4, outputs) if outputs else torch.nn.Identity()

    def forward(self, images):
        return self.head(self.stem(images).mean(dim=(2, 3)))


def silent_network(outputs, seed):
    return torch.nn.Conv2d(3, 4, 3)  # says nothing of its features


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    root = tmp_path_factory.mktemp("columns")
    write_photos(root / "raw")
    return root


@pytest.fixture
def told(raw):
    """The photos, and a column that knows the answer in units of its own."""
    table = load(raw / "raw")[0]
    return table.assign(answer=1000.0 + 10 * table["red"], noise=np.arange(len(table)) % 7)


def learner_of(raw, **chosen):
    return photo_learner(raw / "cache", **{"network": Pooled, "columns": ("answer", "noise"), "epochs": 25, **chosen})


@pytest.mark.parametrize("chosen", [{}, {"network": None, "model": "test_resnet", "weights": "none", "size": 32}])
def test_columns_are_learned_from_and_their_worth_is_known(raw, told, tmp_path, chosen):
    epochs = 10 if chosen else 25
    learner = learner_of(raw, layer_decay=0.9 if chosen else 1.0, mixup=0.2, accumulate=2, epochs=epochs, **chosen)
    model = fitted(learner, told, tmp_path)
    held = told.iloc[-10:]
    truth = photo_targets().values(held)
    assert METRICS["auc"].score(truth, values(learner, model, held)) == 1.0
    lying = held.assign(answer=2010 - held["answer"])
    assert METRICS["auc"].score(truth, values(learner, model, lying)) < 0.5
    assert model.blind is not None
    np.testing.assert_array_equal(values(learner, model.blind, held), values(learner, model.blind, lying))
    at_means = held.assign(answer=model.shape.means[0], noise=model.shape.means[1])
    np.testing.assert_allclose(values(learner, model, at_means), values(learner, model.blind, held), atol=1e-6)


def test_a_missing_cell_is_at_the_mean_and_the_scale_is_the_training_rows(raw, told, tmp_path):
    learner = learner_of(raw, epochs=1)
    model = fitted(learner, told, tmp_path)
    train = told.iloc[:-10]
    assert model.shape.means == pytest.approx([train["answer"].mean(), train["noise"].mean()])
    assert model.shape.spreads == pytest.approx([train["answer"].std(ddof=0), train["noise"].std(ddof=0)])
    gap = told.iloc[-3:].assign(answer=np.nan, noise=np.nan)
    np.testing.assert_allclose(values(learner, model, gap), values(learner, model.blind, gap), atol=1e-6)


def test_numbers_that_never_vary_or_are_missing_divide_by_nothing(told):
    numbers = numbers_of(told.assign(same=3, empty=np.nan), ("same", "empty"))
    made = scaled(numbers, *spread_of(numbers))
    assert made.dtype == np.float32
    assert not made.any()


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"columns": ("answr",)}, "--columns: expected columns of the table, .*answer.*, got answr"),
        ({"columns": ("image",)}, "--columns: expected columns of numbers, got image"),
        ({"columns": ("red",)}, "--columns: expected columns that test rows have too, got the target red"),
        ({"network": silent_network}, "--columns: expected a network that, built for 0 outputs, gives its pooled"),
    ],
)
def test_columns_that_cannot_be_used_are_refused(raw, told, tmp_path, chosen, said):
    with pytest.raises(ValueError, match=said):
        fitted(learner_of(raw, **chosen), told, tmp_path)


def test_the_corridor_shows_what_columns_are_worth(raw, tmp_path):
    with_index = {"columns": ("red_share",), "network": Pooled, "views": "flip"}
    root = tmp_path / "raw"
    write_photos(root)
    for side in ("train", "test"):
        lines = (root / f"{side}.csv").read_text().splitlines()
        extra = ["red_share", *(str(number % 5) for number in range(len(lines) - 1))]
        (root / f"{side}.csv").write_text("\n".join(f"{line},{each}" for line, each in zip(lines, extra, strict=True)))
    outcome = run_photos(root, tmp_path / "runs", **with_index)
    scores = outcome.scores
    assert scores.blind is not None
    assert outcome.summary()["blind"] == scores.blind.value
    assert scores.columns.difference == pytest.approx(scores.model.value - scores.blind.value)
    shown = describe_outcome(outcome)
    assert f"red_share: {scores.columns}; with all at their means {scores.blind.value:.5f}" in shown
    assert scores.plain is not None
    assert run_photos(root, tmp_path / "runs", network=Pooled).scores.blind is None


@pytest.mark.parametrize("chosen", [{"mixup": 0.4}, {"cutmix": 1.0}])
def test_numbers_are_mixed_as_the_targets_are(chosen):
    rows = torch.arange(6.0)[:, None]
    images = torch.zeros(6, 3, 8, 8)
    inputs, targets = mix(Joined(images, rows.clone()), rows.clone(), NetworkSettings(**chosen), 0, 3)
    torch.testing.assert_close(inputs.numbers, targets)
    assert not torch.equal(targets, rows)


def test_layers_of_the_joined_network_are_those_of_the_inner_one():
    timm = pytest.importorskip("timm")
    inner = timm.create_model("test_vit", num_classes=0)
    layer_of = JoinedNetwork(inner, 3, 1, 0).group_matcher()
    names = [name for name, _ in JoinedNetwork(inner, 3, 1, 0).named_parameters()]
    assert layer_of("network.patch_embed.proj.weight") == 0
    assert layer_of("head.weight") == layer_of("perceptron.0.weight") == max(map(layer_of, names))


# -- numbers of a known range


@pytest.mark.parametrize("by", ["entropy", "square"])
def test_numbers_in_a_range_are_learned_and_stay_in_it(by, raw, told, tmp_path):
    table = told.assign(liked=100 * shades(len(told)))
    targets = Targets(("liked",), Regression().truth, METRICS["rmse"])
    learner = photo_learner(raw / "cache", loss=RangeLoss(low=0, high=100, by=by), epochs=20, augment="none")
    found = values(learner, fitted(learner, table, tmp_path, targets), table.iloc[-10:])
    truth = targets.values(table.iloc[-10:])
    assert (found > 0).all()
    assert (found < 100).all()
    assert targets.metric.score(truth, found) < 0.8 * targets.metric.score(truth, np.full_like(truth, truth.mean()))
    narrow = replace(learner, loss=RangeLoss(low=0, high=50, by=by))
    with pytest.raises(ValueError, match=r"RangeLoss: expected targets from 0 to 50, got \d+ others, first"):
        fitted(narrow, table, tmp_path / "narrow", targets)


def test_the_loss_of_a_range_is_least_at_the_target():
    targets = torch.tensor([[0.0], [25.0], [100.0]])
    for by in ("entropy", "square"):
        loss = RangeLoss(low=0, high=100, by=by)
        outputs = torch.logit(targets / 100, eps=1e-4).requires_grad_()
        (gradient,) = torch.autograd.grad(loss(outputs, targets), outputs)
        assert gradient.abs().max() < 1e-4
        torch.testing.assert_close(loss.values(outputs), targets, atol=0.02, rtol=0)


def test_a_clipped_metric_scores_what_is_submitted():
    metric, truth = clipped(METRICS["rmse"], 1, 100), np.array([[1.0], [100.0]])
    assert metric.score(truth, np.array([[-50.0], [180.0]])) == 0
    assert metric.name == "rmse"
