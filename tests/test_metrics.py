"""Every metric against scikit-learn or its written definition, with ties, weights and edge cases."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.metrics import METRICS, accuracy, auc, log_loss, mae, mean_auc, r2, rmse, rmsle, rounded, smape
from pipelines.metrics.terms import UndefinedScore

quick = settings(deadline=None, max_examples=25)
SEEDS = st.integers(0, 2**32 - 1)
CLASSES = {"accuracy", "accuracy_multipliers"}
BINARY = {"auc", "binary_accuracy", "mean_auc"}


def sample(name: str, seed: int, rows: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Truth and prediction a metric can score, with ties; both classes are there."""
    draws = np.random.default_rng(seed)
    if name in CLASSES:
        classes = np.append([0, 1, 2], draws.integers(3, size=rows - 3))
        return np.eye(3, dtype=np.uint8)[classes], draws.dirichlet(np.ones(3), rows).round(1) + 0.05
    if name in BINARY:
        width = 2 if name == "mean_auc" else 1
        truth = np.append([[0] * width, [1] * width], draws.integers(2, size=(rows - 2, width)), axis=0)
        return truth, draws.random((rows, width)).round(1)
    if name == "dice":
        return draws.integers(2, size=(rows, 3, 4)).astype(np.uint8), draws.random((rows, 3, 4)).round(1)
    if name == "log_loss":
        return draws.integers(2, size=(rows, 1)), draws.random((rows, 1)).round(1)
    return draws.integers(6, size=(rows, 2)) + np.arange(rows)[:, None] % 2, 7 * draws.random((rows, 2))


def column(*values: float) -> np.ndarray:
    return np.array(values, float)[:, None]


@pytest.mark.parametrize("name", METRICS)
@quick
@given(seed=SEEDS)
def test_weights_count_like_repeated_rows(name, seed):
    metric = METRICS[name]
    kept = metric.keep(*sample(name, seed))
    counts = np.random.default_rng(seed).integers(0, 4, size=len(kept))
    counts[:4] = 1  # rows of both classes stay
    choice = metric.choose(kept)
    weighted = metric.combine(kept, choice, counts.astype(float))
    assert weighted == pytest.approx(metric.combine(np.repeat(kept, counts, axis=0), choice, None), rel=1e-12)
    assert metric.combine(kept, choice, np.ones(len(kept))) == pytest.approx(metric.combine(kept, choice, None))


@pytest.mark.parametrize("name", METRICS)
@quick
@given(seed=SEEDS)
def test_order_of_rows_and_chunks_of_keep_do_not_matter(name, seed):
    metric = METRICS[name]
    truth, prediction = sample(name, seed)
    kept = metric.keep(truth, prediction)
    chunks = [metric.keep(truth[part], prediction[part]) for part in (slice(0, 5), slice(5, 5), slice(5, None))]
    np.testing.assert_array_equal(np.concatenate(chunks), kept)
    order = np.random.default_rng(seed).permutation(len(kept))
    choice, weights = metric.choose(kept), np.random.default_rng(seed).random(len(kept))
    each = None if choice is None else np.broadcast_to(choice, (len(kept), len(choice)))  # (rows, c): each row its own
    assert metric.combine(kept[order], each, weights[order]) == pytest.approx(metric.combine(kept, choice, weights))


@pytest.mark.parametrize("name", METRICS)
@quick
@given(seed=SEEDS)
def test_truth_itself_scores_best_and_shuffled_truth_no_better(name, seed):
    metric = METRICS[name]
    truth, _ = sample(name, seed)
    assert metric.score(truth, truth) == pytest.approx(metric.best, abs=1e-12)
    shuffled = np.random.default_rng(seed).permutation(truth)
    assert not metric.better(metric.score(truth, shuffled), metric.best)


@quick
@given(seed=SEEDS, rows=st.integers(2, 60), digits=st.integers(0, 3))
def test_auc_is_scikit_learns_with_ties_and_weights(seed, rows, digits):
    from sklearn.metrics import roc_auc_score

    draws = np.random.default_rng(seed)
    truth = np.append([0, 1], draws.integers(2, size=rows - 2))
    prediction, weights = draws.normal(size=rows).round(digits), draws.random(rows) + 0.01
    kept = auc.keep(truth[:, None], prediction[:, None])
    assert auc.combine(kept, None, None) == pytest.approx(roc_auc_score(truth, prediction), abs=1e-12)
    expected = roc_auc_score(truth, prediction, sample_weight=weights)
    assert auc.combine(kept, None, weights) == pytest.approx(expected, abs=1e-12)


@quick
@given(seed=SEEDS)
def test_auc_takes_any_real_number_and_only_ranks(seed):
    truth, prediction = sample("auc", seed)
    assert auc.score(truth, 1000 * prediction**3 - 17) == auc.score(truth, prediction)
    assert auc.score(truth, -prediction) == pytest.approx(1 - auc.score(truth, prediction), abs=1e-15)


def test_auc_counts_every_pair_of_many_rows_exactly():
    rows = np.arange(200_000)
    truth, prediction = (rows % 2)[:, None], (rows // 4)[:, None]  # runs of four tied rows, two of each class
    wins = sum(range(50_000)) * 4 + 50_000 * 2  # each run against those below, then half of its own pairs
    assert auc.score(truth, prediction) == wins / 100_000**2


@pytest.mark.parametrize("truth", [column(1, 1, 1), column(0, 0), np.empty((0, 1))])
def test_auc_of_one_class_says_so(truth):
    with pytest.raises(UndefinedScore, match=r"expected rows of both classes, got \d positive and \d negative"):
        auc.score(truth, np.arange(len(truth), dtype=float)[:, None])


def test_auc_refuses_other_labels_and_several_columns():
    with pytest.raises(ValueError, match=r"expected truth of 0 and 1, got \[2.0\]"):
        auc.keep(column(0, 2), column(0.1, 0.2))
    with pytest.raises(ValueError, match="use mean_auc for several"):
        auc.keep(np.zeros((3, 2)), np.zeros((3, 2)))


def test_mean_auc_averages_the_labels():
    truth, prediction = sample("mean_auc", 3, rows=40)
    each = [auc.score(truth[:, [label]], prediction[:, [label]]) for label in range(2)]
    assert mean_auc.score(truth, prediction) == pytest.approx(np.mean(each), abs=1e-15)


@quick
@given(arrays(float, (8, 3), elements=st.floats(0, 1e6)), arrays(float, (8, 3), elements=st.floats(-1e6, 1e6)))
def test_metrics_of_numbers_are_scikit_learns(truth, prediction):
    from sklearn import metrics

    multi = {"y_true": truth, "y_pred": prediction}
    assert rmse.score(truth, prediction) == pytest.approx(metrics.root_mean_squared_error(**multi))
    assert mae.score(truth, prediction) == pytest.approx(metrics.mean_absolute_error(**multi))
    clipped = metrics.root_mean_squared_log_error(truth, np.maximum(prediction, 0))
    assert rmsle.score(truth, prediction) == pytest.approx(clipped)
    assume((np.std(truth, axis=0) > 1e-3).all())
    assert r2.score(truth, prediction) == pytest.approx(metrics.r2_score(**multi), rel=1e-9)


def test_rmsle_uses_natural_log1p_clips_at_0_and_averages_columns():
    truth, prediction = np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[-5.0, 1.0], [np.e - 1, 3.0]])
    assert rmsle.score(truth, prediction) == pytest.approx((np.sqrt(1 / 2) + np.log(2) / np.sqrt(2)) / 2)
    with pytest.raises(ValueError, match=r"truth of 0 or more, got below 0 in 1 rows \(first: \[1\]\)"):
        rmsle.keep(column(1, -1), column(1, 1))


def test_smape_is_its_written_definition_and_0_over_0_is_0():
    assert smape.score(column(0, 0, 3), column(0, 5, 1)) == pytest.approx(100 / 3 * (0 + 2 + 2 * 2 / 4))
    assert smape.score(column(1), column(-1)) == 200
    assert smape.score(np.zeros((4, 1)), np.zeros((4, 1))) == 0


@pytest.mark.parametrize("rows", range(1, 12))  # the mean of some of these is not the value itself
def test_r2_of_constant_truth_says_so(rows):
    with pytest.raises(UndefinedScore, match="expected a truth that varies"):
        r2.score(np.full((rows, 1), 0.1), np.zeros((rows, 1)))


@quick
@given(seed=SEEDS)
def test_accuracy_is_scikit_learns(seed):
    from sklearn.metrics import accuracy_score

    truth, prediction = sample("accuracy", seed)
    expected = accuracy_score(truth.argmax(axis=1), prediction.argmax(axis=1))
    assert accuracy.score(truth, prediction) == pytest.approx(expected)


@quick
@given(seed=SEEDS, classes=st.integers(2, 5))
def test_log_loss_is_scikit_learns(seed, classes):
    from sklearn.metrics import log_loss as reference

    draws = np.random.default_rng(seed)
    labels, prediction = draws.integers(classes, size=20), draws.dirichlet(np.full(classes, 0.3), 20)
    expected = reference(labels, np.clip(prediction, 1e-15, 1), labels=range(classes))
    assert log_loss.score(np.eye(classes)[labels], prediction) == pytest.approx(expected, rel=1e-9)
    truth, chance = (labels == 0)[:, None], prediction[:, :1]
    clipped = np.clip(chance, 1e-15, 1 - 1e-15)
    assert log_loss.score(truth, chance) == pytest.approx(reference(truth, clipped, labels=[0, 1]), rel=1e-9)


def test_log_loss_clips_like_kaggle_and_rescales_rows():
    assert log_loss.score(column(1, 1), column(0, -3)) == pytest.approx(-np.log(1e-15))
    assert log_loss.score(column(0), column(0)) == pytest.approx(0, abs=1e-14)
    truth = np.array([[1, 0, 0], [0, 1, 0]])
    assert log_loss.score(truth, np.array([[2, 1, 1], [0, 0, 5]])) == pytest.approx((np.log(2) - np.log(1e-15)) / 2)
    with pytest.raises(ValueError, match=r"sum above 0, got 1 rows that do not \(first: \[1\]\)"):
        log_loss.keep(truth, np.array([[1, 1, 1], [0, 0, 0]]))


@pytest.mark.parametrize("truth", [np.ones((2, 3)), np.zeros((2, 3)), np.array([[2, 0], [0, 1]]), np.ones((2, 1))])
def test_classes_must_be_one_hot(truth):
    with pytest.raises(ValueError, match=r"accuracy: expected (one-hot truth|truth of 0 and 1)"):
        accuracy.keep(truth, np.full(truth.shape, 0.3))


@pytest.mark.parametrize("name", METRICS)
def test_bad_arrays_are_refused_with_their_rows(name):
    metric = METRICS[name]
    truth, prediction = sample(name, 0)
    prediction = prediction.astype(float)
    with pytest.raises(ValueError, match=r"expected truth and prediction of one shape .* got \(12, .*\(11, "):
        metric.keep(truth, prediction[:-1])
    prediction[[2, 7]] = np.nan
    with pytest.raises(ValueError, match=r"in the prediction of 2 rows \(first: \[2, 7\]\); fill"):
        metric.keep(truth, prediction)


@pytest.mark.parametrize("name", METRICS)
def test_no_rows_and_no_weight_have_no_score(name):
    metric = METRICS[name]
    kept = metric.keep(*sample(name, 0))
    with pytest.raises(UndefinedScore, match="expected rows"):
        metric.combine(kept, metric.choose(kept), np.zeros(len(kept)))
    with pytest.raises(UndefinedScore, match="expected rows"):
        metric.combine(kept[:0], metric.choose(kept[:0]), None)


def test_metrics_are_listed_by_the_name_they_carry():
    assert all(metric.name == name for name, metric in METRICS.items())
    assert rounded(smape).name in METRICS


def test_metrics_load_without_heavy_libraries():
    heavy = "{'cv2', 'scipy', 'sklearn', 'torch'}"
    code = f"import sys, pipelines.metrics, pipelines.scoring; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
