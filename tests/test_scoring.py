"""OOF scores: pooling, choices of other folds, standard errors against known ones, comparisons of two runs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contract import Metric
from pipelines.metrics import auc, binary_accuracy, log_loss, mae, r2, rmse
from pipelines.metrics.terms import column_means
from pipelines.scoring import Entries, compare, honest_choices, score_oof

SEEDS = st.integers(0, 2**32 - 1)


def folded(rows: int, folds: int = 5, repeats: int = 1) -> Entries:
    """Every row validates once in each repeat."""
    fold = np.tile(np.arange(rows) % folds, repeats)
    return Entries(np.tile(np.arange(rows), repeats), fold, np.repeat(np.arange(repeats), rows), rows)


def dice() -> Metric:
    """Mean Dice of 8-bit maps from two histograms per row, foreground and background: kept (rows, 2, 256)."""

    def keep(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        rows = [
            [np.bincount(levels[mask == side], minlength=256) for side in (1, 0)]
            for mask, levels in zip(truth, prediction, strict=True)
        ]
        return np.array(rows).reshape(-1, 2, 256)

    def combine(kept: np.ndarray, choice: np.ndarray | None, weights: np.ndarray | None) -> float:
        above = np.arange(256) >= np.reshape(choice, (-1, 1))
        hits, false = (kept * above[:, None]).sum(axis=2).T
        size = kept[:, 0].sum(axis=1) + hits + false
        return float(column_means(np.where(size > 0, 2 * hits / np.maximum(size, 1), 1)[:, None], weights)[0])

    def choose(kept: np.ndarray) -> np.ndarray:
        if not len(kept):
            return np.array([128])
        scores = [combine(kept, np.array([level]), None) for level in range(256)]
        return np.array([np.argmax(scores)])

    return Metric(name="dice", higher_is_better=True, best=1.0, keep=keep, combine=combine, choose=choose)


def masks(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    truth = draws.integers(2, size=(rows, 50))
    return truth, np.clip(truth * 60 + draws.normal(100, 30, truth.shape), 0, 255).astype(np.uint8)


def rank_sample(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    truth = (draws.random(rows) < 0.3).astype(int)[:, None]
    return truth, draws.normal(size=(rows, 1)) + 1.2 * truth


def test_folds_are_pooled_then_repeats_averaged():
    draws = np.random.default_rng(1)
    truth, prediction = draws.normal(size=(40, 1)), draws.normal(size=(80, 1))
    entries = folded(40, folds=4, repeats=2)
    score = score_oof(rmse, rmse.keep(np.tile(truth, (2, 1)), prediction), entries)
    each = [np.sqrt(np.mean((truth - part) ** 2)) for part in (prediction[:40], prediction[40:])]
    assert score.value == pytest.approx(np.mean(each))
    first = np.sqrt(np.mean((truth - prediction[:40])[np.arange(40) % 4 == 0] ** 2))
    assert len(score.fold_scores) == 8
    assert score.fold_scores[0] == pytest.approx(first)
    assert score.fold_spread == pytest.approx(np.std(score.fold_scores, ddof=1))
    assert (score.choice, score.optimistic, score.rows, score.never) == (None, None, 40, 0)


def test_fold_scores_follow_repeat_and_fold_however_entries_lie():
    kept = mae.keep(np.zeros((6, 1)), np.array([[3.0], [0], [1], [2], [4], [5]]))
    fold, repeat = np.array([11, 0, 2, 1, 10, 9]), np.array([1, 0, 0, 0, 1, 1])
    assert score_oof(mae, kept, Entries(np.arange(6), fold, repeat, 6)).fold_scores == (0, 2, 1, 5, 4, 3)


def test_rows_that_never_validate_are_counted_and_not_drawn():
    truth, prediction = rank_sample(100, 0)
    entries = Entries(np.arange(900, 1000), np.arange(100) % 5, np.zeros(100, int), 1000)
    score = score_oof(auc, auc.keep(truth, prediction), entries)
    assert (score.rows, score.never) == (100, 900)
    assert score.se == score_oof(auc, auc.keep(truth, prediction), folded(100)).se


@pytest.mark.parametrize(("metric", "sample"), [(binary_accuracy, rank_sample), (dice(), masks)])
def test_a_fold_uses_the_choice_of_the_other_folds(metric, sample):
    kept = metric.keep(*sample(60, 5))
    entries = folded(60, folds=3)
    score = score_oof(metric, kept, entries)
    expected = [metric.choose(kept[entries.fold != fold]) for fold in range(3)]
    choices = honest_choices(metric, kept, entries)
    np.testing.assert_array_equal(choices, np.array(expected)[entries.fold])
    each = [metric.combine(kept[entries.fold == fold], expected[fold], None) for fold in range(3)]
    assert score.fold_scores == pytest.approx(each)
    assert score.value == pytest.approx(np.mean(each))  # folds of one size, a mean over rows
    np.testing.assert_array_equal(score.choice, metric.choose(kept))
    assert score.optimistic == pytest.approx(metric.combine(kept, metric.choose(kept), None))
    assert score.optimistic >= score.value
    assert 0 < score.se < 0.2


def test_a_choice_never_sees_the_rows_it_judges():
    truth, prediction = rank_sample(50, 2)
    code = np.arange(50) % 5
    parts = [np.flatnonzero((code == first) | (code == second)) for first, second in combinations(range(5), 2)]
    row = np.concatenate(parts)  # leave-groups-out: a row validates in four folds
    entries = Entries(row, np.repeat(np.arange(10), 20), np.zeros(200, int), 50)
    kept = binary_accuracy.keep(truth[row], prediction[row])
    choices = honest_choices(binary_accuracy, kept, entries)
    for fold, part in enumerate(parts):
        turned = kept.copy()
        turned[np.isin(row, part), 0] = 1 - turned[np.isin(row, part), 0]  # other labels for this fold's rows
        again = honest_choices(binary_accuracy, turned, entries)
        np.testing.assert_array_equal(again[entries.fold == fold], choices[entries.fold == fold])
    kept[:, 0] = 1 - kept[:, 0]
    assert (honest_choices(binary_accuracy, kept, entries) != choices).any()


def test_a_choice_is_made_within_its_repeat():
    truth, prediction = rank_sample(50, 2)
    repeats = [binary_accuracy.keep(truth, prediction + shift) for shift in (0, 100)]
    alone = [honest_choices(binary_accuracy, kept, folded(50)) for kept in repeats]
    both = honest_choices(binary_accuracy, np.concatenate(repeats), folded(50, repeats=2))
    np.testing.assert_array_equal(both, np.concatenate(alone))


def test_a_single_fold_gets_the_choice_of_knowing_nothing():
    truth, prediction = rank_sample(30, 3)
    kept = binary_accuracy.keep(truth, prediction)
    score = score_oof(binary_accuracy, kept, folded(30, folds=1))
    assert score.value == binary_accuracy.combine(kept, np.array([0.5]), None)
    assert score.optimistic > score.value
    assert np.isnan(score.fold_spread)


def test_standard_error_of_rmse_is_the_known_one():
    rows, sigma = 4000, 3.0
    error = np.random.default_rng(0).normal(scale=sigma, size=(rows, 1))
    score = score_oof(rmse, rmse.keep(np.zeros((rows, 1)), error), folded(rows))
    assert score.se == pytest.approx(sigma / np.sqrt(2 * rows), rel=0.15)  # of a normal sample's deviation
    assert score.interval == pytest.approx((score.value - 1.96 * score.se, score.value + 1.96 * score.se), rel=1e-4)


@pytest.mark.parametrize(("rows", "seed"), [(500, 0), (3000, 1)])
def test_standard_error_of_auc_is_delongs(rows, seed):
    truth, prediction = rank_sample(rows, seed)
    wins = prediction[truth == 1][:, None] > prediction[truth == 0]  # (positive, negative)
    delong = sum(np.var(wins.mean(axis=1 - side), ddof=1) / wins.shape[side] for side in (0, 1))
    score = score_oof(auc, auc.keep(truth, prediction), folded(rows))
    assert score.se == pytest.approx(np.sqrt(delong), rel=0.2)


def test_intervals_cover_the_truth_as_often_as_they_say():
    draws = np.random.default_rng(0)
    entries, zero = folded(60, folds=3), np.zeros((60, 1))
    kept = [mae.keep(zero, draws.exponential(size=(60, 1))) for _ in range(80)]
    intervals = [score_oof(mae, each, entries).interval for each in kept]
    assert 0.87 <= np.mean([low <= 1 <= high for low, high in intervals]) < 1  # 95 % - 3 standard errors of this share


def test_intervals_over_few_groups_cover_too():
    draws, group = np.random.default_rng(1), np.repeat(np.arange(5), 20)  # as aug-2022's five product codes
    entries = Entries(np.arange(100), group, np.zeros(100, int), 100)
    inside = {"groups": [], "rows": []}
    for _ in range(60):
        error = 5 + draws.normal(size=5)[group] + draws.normal(scale=0.1, size=100)
        kept = mae.keep(np.zeros((100, 1)), error[:, None])
        for over, groups in (("groups", group), ("rows", None)):
            low, high = score_oof(mae, kept, entries, groups).interval
            inside[over].append(low <= 5 <= high)
    assert 0.86 <= np.mean(inside["groups"]) < 1
    assert np.mean(inside["rows"]) < 0.6  # what resampling rows of one group as strangers would claim


def test_standard_error_of_a_mean_over_few_rows_is_the_known_one():
    error = np.array([[1.0], [4], [2], [8], [5]])
    score = score_oof(mae, mae.keep(np.zeros((5, 1)), error), folded(5))
    assert score.se == pytest.approx(np.std(error, ddof=1) / np.sqrt(5), rel=0.07)


@pytest.mark.parametrize("metric", [auc, mae], ids=lambda metric: metric.name)
def test_a_group_of_equal_rows_is_one_row(metric):
    truth, prediction = rank_sample(60, 6)
    alone = score_oof(metric, metric.keep(truth, prediction), folded(60))
    kept = metric.keep(np.tile(truth, (4, 1)), np.tile(prediction, (4, 1)))
    together = score_oof(metric, kept, folded(240), np.tile(np.arange(60), 4))
    assert (together.value, together.se) == pytest.approx((alone.value, alone.se), rel=1e-9)


@settings(deadline=None, max_examples=10)
@given(seed=SEEDS)
def test_a_row_that_validates_twice_is_resampled_as_one(seed):
    truth, prediction = rank_sample(40, seed)
    truth[:2] = [[0], [1]]
    kept = auc.keep(truth, prediction)
    once, twice = folded(40), folded(40, repeats=2)
    assert score_oof(auc, np.tile(kept, (2, 1)), twice).se == pytest.approx(score_oof(auc, kept, once).se)


def test_groups_may_be_of_any_type_and_mean_the_same():
    truth, prediction = rank_sample(90, 4)
    kept, numbers = auc.keep(truth, prediction), np.arange(90) // 6
    texts = np.array([f"car {number}" for number in numbers], dtype=object)
    score = score_oof(auc, kept, folded(90), numbers)
    assert score == score_oof(auc, kept, folded(90), texts)
    assert score.se != score_oof(auc, kept, folded(90)).se
    assert score != score_oof(auc, kept, folded(90), numbers, seed=1)


def test_an_interval_stays_within_the_best_score():
    truth, prediction = rank_sample(60, 0)
    assert score_oof(auc, auc.keep(truth, prediction + 3 * truth), folded(60)).interval[1] <= 1
    spiky = np.append(np.zeros(19), 5.0)[:, None]
    assert score_oof(mae, mae.keep(np.zeros((20, 1)), spiky), folded(20)).interval[0] == 0


def test_a_fold_without_a_score_is_nan_and_the_pool_still_counts():
    truth, prediction = rank_sample(60, 0)
    order = np.argsort(truth[:, 0], kind="stable")
    entries = Entries(np.arange(60), np.arange(60) // 20, np.zeros(60, int), 60)
    score = score_oof(auc, auc.keep(truth[order], prediction[order]), entries)
    assert np.isnan(score.fold_scores[0])
    assert score.value == pytest.approx(auc.score(truth, prediction))
    assert score.se > 0


def test_too_few_to_tell_is_nan():
    kept = auc.keep(*rank_sample(30, 0))
    assert np.isnan(score_oof(auc, kept, folded(30), np.zeros(30)).se)  # one group
    rare = kept.copy()
    rare[:, 0] = np.arange(30) == 7  # a third of all draws miss the one positive row
    score = score_oof(auc, rare, folded(30))
    assert np.isnan(score.se)
    assert np.isnan(score.interval).all()


def test_one_class_over_all_folds_says_so():
    with pytest.raises(ValueError, match="auc: expected rows of both classes, got 0 positive and 10 negative"):
        score_oof(auc, auc.keep(np.zeros((10, 1)), np.ones((10, 1))), folded(10))


@pytest.mark.parametrize("metric", [auc, rmse, r2, log_loss, binary_accuracy], ids=lambda metric: metric.name)
def test_the_same_run_is_inside_the_noise_of_itself(metric):
    kept = metric.keep(*rank_sample(80, 1))
    same = compare(metric, kept, kept, folded(80))
    assert (same.difference, same.se, same.better, same.verdict) == (0, 0, 0.5, "inside the noise")


@pytest.mark.parametrize(("metric", "sign"), [(auc, 1), (rmse, -1)])
def test_a_much_better_run_is_real_and_a_slightly_better_one_is_not(metric, sign):
    truth, prediction = rank_sample(400, 2)
    draws = np.random.default_rng(3)
    kept = metric.keep(truth, prediction)
    clear = metric.keep(truth, prediction + draws.normal(scale=2, size=(400, 1)))
    close = metric.keep(truth, prediction + draws.normal(scale=0.01, size=(400, 1)))
    better = compare(metric, kept, clear, folded(400))
    assert sign * better.difference > 0
    assert (better.verdict, better.better) == ("real", 1)
    assert "better in 100% of resamples: real" in str(better)
    worse = compare(metric, clear, kept, folded(400))
    assert (worse.difference, worse.se, worse.better) == (-better.difference, better.se, 0)
    assert worse.interval == pytest.approx([-bound for bound in reversed(better.interval)])
    assert compare(metric, kept, close, folded(400)).verdict == "inside the noise"


def test_pairs_are_resampled_together():
    draws = np.random.default_rng(5)
    truth, zero = draws.normal(size=(500, 1)), np.zeros((500, 1))
    kept, other = mae.keep(truth, zero + 0.5), mae.keep(truth, zero + 0.6)
    pair = compare(mae, kept, other, folded(500))
    differences = (kept - other)[:, 0]
    assert pair.difference == pytest.approx(differences.mean())
    assert pair.se == pytest.approx(np.std(differences, ddof=1) / np.sqrt(500), rel=0.15)
    alone = score_oof(mae, kept, folded(500)).se
    assert pair.se < alone / 3  # what two runs share cancels


@pytest.mark.parametrize(
    ("row", "message"),
    [([0, 1, -1], r"row numbers from 0 to 2, got 1 others \(first: \[-1\]\)"), ([0, 1], r"got lengths \(2, 3, 3\)")],
)
def test_entries_must_name_rows_of_the_table(row, message):
    with pytest.raises(ValueError, match=message):
        Entries(np.array(row), np.zeros(3, int), np.zeros(3, int), 3)


def test_what_does_not_fit_together_is_refused():
    kept = mae.keep(np.zeros((3, 1)), np.ones((3, 1)))
    with pytest.raises(ValueError, match="each of the 4 OOF entries, got 3"):
        score_oof(mae, kept, folded(4))
    with pytest.raises(ValueError, match="each of the 3 rows of the train table, got 2"):
        score_oof(mae, kept, folded(3), np.array([0, 1]))
    with pytest.raises(ValueError, match=r"got none for 1 entries \(first rows: \[1\]\)"):
        score_oof(mae, kept, folded(3), np.array(["a", None, "b"], dtype=object))
