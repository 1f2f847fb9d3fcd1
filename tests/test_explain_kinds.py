"""What `podium explain` makes of truth and prediction: which kind they are, how wrong, in words and as charts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.explain.amounts import Numbers, Scored
from pipelines.explain.calibration import reliability
from pipelines.explain.confusion import count
from pipelines.explain.curves import curves_chart, sorted_by_plot
from pipelines.explain.kinds import kind_of
from pipelines.explain.labels import Classes, YesNo
from pipelines.figures import save_figure
from pipelines.metrics import METRICS
from pipelines.scoring import Entries, fold_errors, score_oof

pytestmark = pytest.mark.usefixtures("coarse")


def draws(seed=0):
    return np.random.default_rng(seed)


def one_hot(classes, count):
    return np.eye(count, dtype=np.uint8)[classes]


def drawn(charts, folder):
    """Draw charts; nothing may be warned of."""
    for chart in charts:
        save_figure(chart.figure, folder / f"{chart.name}.png")
        assert (folder / f"{chart.name}.png").read_bytes().startswith(b"\x89PNG")
    return {chart.name: chart.caption for chart in charts}


# -- which kind


@pytest.mark.parametrize(
    ("truth", "prediction", "kind"),
    [
        ([[0], [1]], [[0.2], [0.9]], YesNo),
        ([[0, 1], [1, 1]], [[0.2, 0.9], [0.5, 0.5]], YesNo),
        ([[0, 1], [1, 0]], [[0.2, 0.8], [0.5, 0.5]], Classes),
        ([[0], [1]], [[-0.2], [1.1]], Numbers),  # a regression of 0 and 1
        ([[0.5], [1]], [[0.2], [0.9]], Numbers),
        ([[30.0, 2], [7, 1]], [[0.2, 0.3], [0.9, 0.1]], Numbers),
    ],
)
def test_the_arrays_say_what_they_are(truth, prediction, kind):
    assert type(kind_of(np.array(truth), np.array(prediction), ["a", "b"][: len(truth[0])], None)) is kind


def test_yes_or_no_counts_from_the_choice_on():
    found = kind_of(np.array([[0], [1]]), np.array([[0.3], [0.3]]), ["rain"], np.array([0.25]))
    np.testing.assert_allclose(found.errors, -np.log([0.7, 0.3]))
    assert found.threshold == [0.25]
    assert replace(found, choice=None).threshold == [0.5]
    assert found.said(1) == "truth 1 · predicted 0.3"
    assert found.towards(1)[0].label == "speaks for rain = 1"


def test_of_several_labels_the_worst_is_asked_about():
    found = kind_of(np.array([[0, 1, 1], [1, 1, 0]]), np.array([[0.1, 0.9, 0.2], [1.0, 1.0, 0.0]]), list("abc"), None)
    asked = [(each.output, each.label, each.against) for each in found.towards(0)]
    assert asked == [(2, "speaks for c = 1", False), (2, "speaks for c = 0", True)]
    assert found.said(0).startswith("c 1, predicted 0.2")
    assert found.errors[1] == 0
    assert list(found.cells(np.array([0]))) == [
        *(f"{name}_{side}" for name in "abc" for side in ("truth", "prediction")),
        "error",
    ]


def test_a_wrong_class_is_asked_about_beside_the_true_one():
    truth, prediction = one_hot([0, 1, 2], 3), np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.5, 0.0, 0.0]])
    found = kind_of(truth, prediction, ["cat", "dog", "owl"], None)
    assert [[each.output for each in found.towards(row)] for row in range(3)] == [[0], [0, 1], [0, 2]]
    assert found.towards(1)[1].label == "speaks for dog (true)"
    assert found.said(1) == "truth dog · predicted cat (0.6), truth got 0.3"
    assert found.errors[2] > 30  # no probability at all
    cells = found.cells(np.array([1]))
    assert (cells["truth"][0], cells["prediction"][0]) == ("dog", "cat")
    weighed = kind_of(truth, prediction, ["cat", "dog", "owl"], np.array([1.0, 3.0, 1.0]))
    assert weighed.chosen.tolist() == [0, 1, 0]


def test_numbers_of_several_targets_are_wrong_in_units_of_their_spread():
    truth = np.array([[0.0, 0.0], [2.0, 2000.0]])
    found = kind_of(truth, truth + np.array([[0.5, 0.0], [0.0, 1000.0]]), ["small", "large"], None)
    np.testing.assert_allclose(found.errors, [0.25, 0.5])
    assert [(each.label, each.against) for each in found.towards(1)] == [
        ("pushes large up", False),
        ("pushes large down", True),
    ]
    constant = kind_of(np.full((2, 2), 3.0), np.array([[3.0, 4.0], [3.0, 3.0]]), ["a", "b"], None)
    np.testing.assert_allclose(constant.errors, [0.5, 0.0])
    alone = kind_of(truth[:, 1:], truth[:, 1:] + 7, ["large"], None)
    np.testing.assert_allclose(alone.errors, [7, 7])


# -- charts


def test_charts_of_every_kind_are_drawn(tmp_path):
    random = draws()
    classes = random.integers(0, 25, 200)
    shares = random.dirichlet(np.ones(25), 200)
    names = ["$x$ costs $5 & a very long name that no axis holds", "δ", *map(str, range(23))]
    said = drawn(kind_of(one_hot(classes, 25), shares, names, None).charts(), tmp_path)
    assert set(said) == {"confusion", "calibration"}
    assert "commonest mistakes" in said["confusion"]
    labels = (random.random((90, 8)) < 0.3).astype(int)
    said = drawn(kind_of(labels, random.random((90, 8)), list("abcdefgh"), None).charts(), tmp_path)
    assert "The first 6 of 8 targets are drawn." in said["confusion"]
    prices = random.lognormal(3, 3, (4000, 1))
    drawn(kind_of(prices, prices * random.lognormal(0, 1, (4000, 1)), ["price in $"], None).charts(), tmp_path)
    drawn(kind_of(np.full((3, 1), 7.0), np.full((3, 1), 7.0), ["constant"], None).charts(), tmp_path)
    drawn(Scored(random.random((9, 1)), METRICS["mae"], None).charts(), tmp_path)


def test_confusion_counts_truth_in_rows():
    found = count(np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 2, 0]), 3)
    assert found.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 300), st.integers(0, 10**6))
def test_reliability_keeps_the_means(rows, seed):
    prediction = draws(seed).random(rows)
    outcome = (draws(seed + 1).random(rows) < prediction).astype(float)
    mean, share, error = reliability(prediction, outcome)
    sizes = [len(part) for part in np.array_split(np.arange(rows), len(mean))]
    assert np.average(mean, weights=sizes) == pytest.approx(prediction.mean())
    assert np.average(share, weights=sizes) == pytest.approx(outcome.mean())
    assert (np.diff(mean) >= 0).all()
    assert (error > 0).all()  # ten of ten is no certainty


def test_what_cannot_be_told_comes_last():
    found = Scored(np.array([[0.0, 0.3], [1.0, 0.2]]), METRICS["auc"], None)  # one row has no AUC
    assert np.isnan(found.errors).all()


def test_curves_part_training_from_held_out_rows_and_the_rate_comes_last(tmp_path):
    lines = [
        {"fold": str(fold), "seed": seed, "step": step, "rate": 0.1, "train_rmse": 1 / step, "valid_rmse": float("nan")}
        for fold in range(9)
        for seed in range(2)
        for step in (1, 2)
    ]
    lines += [{"fold": "full", "seed": 0, "step": 1, "co_train_l2": 1.0, "rmse": 3.0, "said": "text"}]
    plots = sorted_by_plot(lines)
    assert list(plots) == ["rmse", "co_l2", "rate"]
    assert plots["rmse"]["3", 1, "train"] == [(1, 1.0), (2, 0.5)]
    drawn([curves_chart(lines), curves_chart(lines[-1:])], tmp_path)
    assert curves_chart([]) is None


def test_a_folds_error_is_that_of_its_rows_alone():
    random, rows = draws(), 400
    truth = (random.random(rows) < 0.5).astype(float)
    kept = np.column_stack([truth, truth + random.normal(0, 1, rows)])
    fold = np.repeat([0, 1], [300, 100])
    entries = Entries(np.arange(rows), fold, np.zeros(rows, int), rows)
    errors = fold_errors(METRICS["auc"], kept, entries)
    for number, error in enumerate(errors):
        part = np.flatnonzero(fold == number)
        alone = Entries(np.arange(len(part)), fold[part], np.zeros(len(part), int), len(part))
        assert error == pytest.approx(score_oof(METRICS["auc"], kept[part], alone).se)
    assert errors[0] < errors[1]
    one_class = Entries(np.arange(4), np.array([0, 0, 1, 1]), np.zeros(4, int), 4)
    assert np.isnan(fold_errors(METRICS["auc"], np.array([[0.0, 1], [1, 0], [1, 1], [1, 2]]), one_class)[1])
