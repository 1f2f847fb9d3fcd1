"""What OOF decides: thresholds, class multipliers, rounding; each against a search over all that could be chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.metrics import accuracy, accuracy_multipliers, binary_accuracy, mae, rmse, rounded, smape
from pipelines.metrics.labels import above, likeliest
from pipelines.metrics.rounding import whole

quick = settings(deadline=None, max_examples=40)
SEEDS = st.integers(0, 2**32 - 1)


def column(*values: float) -> np.ndarray:
    return np.array(values, float)[:, None]


@quick
@given(seed=SEEDS, rows=st.integers(1, 15), digits=st.integers(1, 3))
def test_threshold_is_the_best_of_all_cuts(seed, rows, digits):
    draws = np.random.default_rng(seed)
    truth, prediction = draws.integers(2, size=(rows, 1)), draws.random((rows, 1)).round(digits)
    kept = binary_accuracy.keep(truth, prediction)
    choice = binary_accuracy.choose(kept)
    reached = binary_accuracy.combine(kept, choice, None)
    cuts = [np.array([cut]) for cut in (*prediction[:, 0], prediction.max() + 1)]
    assert reached == max(binary_accuracy.combine(kept, cut, None) for cut in cuts)
    assert reached == np.mean(above(prediction, choice) == truth)  # a submission is cut as the score is
    if binary_accuracy.combine(kept, np.array([0.5]), None) == reached:
        assert choice == [0.5]


@pytest.mark.parametrize(
    ("truth", "prediction", "threshold"),
    [
        ((0, 0, 1, 1), (0.1, 0.2, 0.3, 0.4), 0.25),  # halfway between the classes
        ((0, 0, 1, 1), (0.1, 0.4, 0.6, 0.9), 0.5),
        ((0, 1, 0, 1), (0.1, 0.2, 0.3, 0.4), 0.35),  # 0.15 is as good, 0.35 is nearer to 0.5
        ((1, 1), (0.1, 0.2), 0.1),
        ((0, 0), (0.8, 0.9), np.nextafter(0.9, 1)),
    ],
)
def test_threshold_by_hand(truth, prediction, threshold):
    kept = binary_accuracy.keep(column(*truth), column(*prediction))
    assert binary_accuracy.choose(kept) == pytest.approx([threshold], rel=1e-15)


def test_threshold_separates_neighbouring_floats():
    low = 0.3
    high = np.nextafter(low, 1)
    assert binary_accuracy.score(column(0, 1), column(low, high)) == 1


def test_knowing_nothing_chooses_what_changes_nothing():
    assert binary_accuracy.choose(np.empty((0, 2))) == [0.5]
    assert rounded(mae).choose(np.empty((0, 2, 1))) == [0]
    assert accuracy_multipliers.choose(np.empty((0, 5))).tolist() == [1, 1, 1, 1]


def test_each_row_is_cut_by_its_own_threshold():
    kept = binary_accuracy.keep(column(1, 0), column(0.3, 0.3))
    assert binary_accuracy.combine(kept, column(0.2, 0.4), None) == 1
    with pytest.raises(ValueError, match="expected a threshold, got no choice"):
        binary_accuracy.combine(kept, None, None)


def skewed(seed: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Classes whose probabilities lean towards the first class by a factor of five."""
    draws = np.random.default_rng(seed)
    truth = np.eye(3, dtype=np.uint8)[draws.integers(3, size=rows)]
    prediction = (draws.dirichlet(np.ones(3), rows) + truth) * [5, 1, 1]
    return truth, prediction / prediction.sum(axis=1, keepdims=True)


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS)
def test_multipliers_undo_a_bias_and_never_lose(seed):
    truth, prediction = skewed(seed)
    kept = accuracy_multipliers.keep(truth, prediction)
    choice = accuracy_multipliers.choose(kept)
    reached = accuracy_multipliers.combine(kept, choice, None)
    assert reached >= accuracy_multipliers.combine(kept, np.array([0.2, 1, 1]), None) - 0.02
    assert reached > accuracy.score(truth, prediction)
    assert reached == np.mean(likeliest(prediction, choice) == truth.argmax(axis=1))


@settings(deadline=None, max_examples=200)
@given(seed=SEEDS)
def test_multipliers_never_lose_to_tied_classes(seed):
    draws = np.random.default_rng(seed)
    truth = np.eye(3)[draws.integers(3, size=6)]
    prediction = draws.integers(1, 4, size=(6, 3)).astype(float)
    assert accuracy_multipliers.score(truth, prediction) >= accuracy.score(truth, prediction)


@quick
@given(seed=SEEDS)
def test_one_multiplier_of_two_classes_is_exact(seed):
    draws = np.random.default_rng(seed)
    truth = draws.integers(2, size=15)
    chance = draws.random((15, 1)) * 0.98 + 0.01
    prediction = np.hstack([1 - chance, chance])
    best = binary_accuracy.score(truth[:, None], chance)  # a multiplier of one class is a threshold
    assert accuracy_multipliers.score(np.eye(2)[truth], prediction) == pytest.approx(best)


def test_multipliers_of_ones_are_plain_accuracy():
    truth, prediction = skewed(0)
    kept = accuracy_multipliers.keep(truth, prediction)
    assert accuracy_multipliers.combine(kept, np.ones(3), None) == accuracy.score(truth, prediction)
    assert accuracy_multipliers.combine(kept, None, None) == accuracy.score(truth, prediction)
    assert accuracy_multipliers.choose(accuracy_multipliers.keep(truth, truth)).tolist() == [1, 1, 1]


def test_multipliers_survive_classes_without_probability():
    truth = np.eye(3)[[0, 1, 1, 2]]
    prediction = np.array([[1, 0, 0], [0.6, 0.4, 0], [0.6, 0.4, 0], [0, 0, 1.0]])
    kept = accuracy_multipliers.keep(truth, prediction)
    choice = accuracy_multipliers.choose(kept)
    assert np.isfinite(choice).all()
    assert (choice > 0).all()
    assert accuracy_multipliers.combine(kept, choice, None) == 1


@quick
@given(seed=SEEDS)
def test_rounding_is_chosen_only_where_it_helps(seed):
    draws = np.random.default_rng(seed)
    truth, prediction = draws.poisson(2, (9, 2)), draws.gamma(2, size=(9, 2))
    for metric in (mae, smape, rmse):
        kept = rounded(metric).keep(truth, prediction)
        choice = rounded(metric).choose(kept)
        plain, round_ = metric.score(truth, prediction), metric.score(truth, np.rint(prediction))
        assert choice == [float(round_ < plain)]
        assert rounded(metric).combine(kept, choice, None) == pytest.approx(min(plain, round_))
        assert metric.score(truth, whole(prediction, choice)) == pytest.approx(min(plain, round_))
        assert rounded(metric).combine(kept, None, None) == pytest.approx(plain)


def test_each_row_is_rounded_by_its_own_choice():
    kept = rounded(mae).keep(column(2, 2), column(1.6, 1.6))
    assert rounded(mae).combine(kept, column(1, 0), None) == pytest.approx(0.2)
    assert whole(column(1.6, 1.6), column(1, 0)).tolist() == [[2], [1.6]]
