"""Blends: greedy and simplex weights, ranks that depend on no other row, and the honest score beside the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from submissions.blend import blend_mean, blend_ranks, blend_weights, same_folds, to_ranks
from submissions.weights import greedy, simplex


def rmse(truth, prediction):
    return float(np.sqrt(((truth - prediction) ** 2).mean()))


def auc(truth, prediction):
    above = prediction[truth == 1][:, None] - prediction[truth == 0][None, :]
    return float(((above > 0) + (above == 0) / 2).mean())


def runs_of(rows=400, noises=(0.5, 0.5, 2.0), seed=0):
    random = np.random.default_rng(seed)
    truth = random.normal(size=rows)
    return truth, {
        f"run {number}": truth + random.normal(scale=noise, size=rows) for number, noise in enumerate(noises)
    }


def folds_of(rows, count=4):
    return [np.arange(rows)[number::count] for number in range(count)]


@pytest.mark.parametrize("fit", [greedy, simplex])
def test_two_equal_runs_share_the_weight_and_a_bad_one_gets_little(fit):
    truth, oof = runs_of()
    blend = blend_weights(oof, truth, rmse, False, folds_of(400), fit)
    weights = list(blend.weights.values())
    assert sum(weights) == pytest.approx(1)
    assert min(weights) >= 0
    assert weights[0] == pytest.approx(0.48, abs=0.08)
    assert weights[1] == pytest.approx(0.48, abs=0.08)
    assert blend.score < min(blend.mean, *blend.single.values())


def test_simplex_finds_the_least_squares_weights():
    truth, oof = runs_of(2000, (0.4, 0.6, 0.8))
    blend = blend_weights(oof, truth, rmse, False, folds_of(2000), simplex)
    runs = np.stack(list(oof.values()), axis=1)
    gram = np.linalg.inv((runs - truth[:, None]).T @ (runs - truth[:, None]))
    exact = gram.sum(axis=0) / gram.sum()
    assert list(blend.weights.values()) == pytest.approx(exact, abs=2e-3)


@pytest.mark.parametrize("fit", [greedy, simplex])
def test_a_score_in_steps_where_higher_is_better(fit):
    random = np.random.default_rng(1)
    truth = random.integers(0, 2, 120)
    oof = {name: truth + random.normal(scale=scale, size=120) for name, scale in (("a", 1.0), ("b", 1.0), ("c", 9.0))}
    blend = blend_weights(oof, truth, auc, True, folds_of(120), fit)
    assert blend.score >= max(*blend.single.values(), blend.mean)
    assert blend.weights["c"] < 0.1


def test_the_honest_score_is_made_by_weights_of_other_folds():
    truth, oof = runs_of()
    folds = folds_of(400)
    blend = blend_weights(oof, truth, rmse, False, folds)
    prediction = np.empty(400)
    for fold in folds:
        others = np.setdiff1d(np.arange(400), fold)
        weights = greedy([run[others] for run in oof.values()], lambda made, rows=others: rmse(truth[rows], made))
        prediction[fold] = sum(weight * run[fold] for weight, run in zip(weights, oof.values(), strict=True))
    assert blend.nested == pytest.approx(rmse(truth, prediction), rel=1e-12)


def test_runs_that_know_nothing_look_good_only_on_their_own_rows():
    random = np.random.default_rng(2)
    truth = random.normal(size=60)
    oof = {f"run {number}": random.normal(size=60) for number in range(30)}
    blend = blend_weights(oof, truth, rmse, False, folds_of(60))
    nothing = float(truth.std())
    assert blend.score < nothing < blend.nested


def test_greedy_keeps_to_one_run_when_all_are_the_same():
    truth, oof = runs_of(noises=(0.5,))
    same = [oof["run 0"], oof["run 0"].copy(), oof["run 0"].copy()]
    assert greedy(same, lambda made: rmse(truth, made)).tolist() == [1, 0, 0]


def test_greedy_starts_with_the_best_run_and_never_does_worse():
    truth, oof = runs_of(noises=(2.0, 0.1))
    assert greedy(list(oof.values()), lambda made: rmse(truth, made), rounds=1).tolist() == [0, 1]


@given(seed=st.integers(0, 1000), count=st.integers(1, 5))
def test_greedy_weights_are_shares_that_never_lose_to_a_single_run(seed, count):
    random = np.random.default_rng(seed)
    truth = random.normal(size=30)
    runs = [truth + random.normal(scale=random.uniform(0.1, 2), size=30) for _ in range(count)]
    weights = greedy(runs, lambda made: rmse(truth, made), rounds=10)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    blended = sum(weight * run for weight, run in zip(weights, runs, strict=True))
    assert rmse(truth, blended) <= min(rmse(truth, run) for run in runs) + 1e-12


def test_columns_of_several_targets_blend_together():
    truth, oof = runs_of()
    wide = {name: np.stack([run, 2 * run], axis=1) for name, run in oof.items()}
    blend = blend_weights(wide, np.stack([truth, 2 * truth], axis=1), rmse, False, folds_of(400))
    assert blend.apply({name: run[:5] for name, run in wide.items()}).shape == (5, 2)


def test_the_blend_is_applied_by_name_and_says_what_it_is_worth():
    truth, oof = runs_of()
    blend = blend_weights(oof, truth, rmse, False, folds_of(400))
    swapped = dict(reversed(oof.items()))
    assert rmse(truth, blend.apply(swapped)) == pytest.approx(blend.score, rel=1e-12)
    assert f"{blend.nested:.5f} with weights from other folds, {blend.score:.5f} on their own rows" in str(blend)
    with pytest.raises(ValueError, match="expected predictions of"):
        blend.apply({"run 0": truth})


def test_the_mean_is_the_mean():
    assert blend_mean([np.array([1.0, 2.0]), np.array([3.0, 6.0])]).tolist() == [2.0, 4.0]


values = st.lists(st.floats(-1e6, 1e6).map(lambda number: round(number, 3)), min_size=1, max_size=20)


@given(oof=values, prediction=values)
def test_ranks_keep_the_order_and_depend_on_no_other_row(oof, prediction):
    oof, prediction = np.array(oof), np.array(prediction)
    ranks = to_ranks(prediction, oof)
    assert ((ranks > 0) & (ranks < 1)).all()
    alone = [to_ranks(prediction[[row]], oof)[0] for row in range(len(prediction))]
    assert ranks.tolist() == alone
    order = np.argsort(prediction, kind="stable")
    assert (np.diff(ranks[order]) >= 0).all()
    inside = (prediction[order] >= oof.min()) & (prediction[order] <= oof.max())
    apart = np.diff(prediction[order]) > 0
    assert (np.diff(ranks[order])[apart & inside[1:] & inside[:-1]] > 0).all()


def test_ranks_of_the_oof_itself_are_its_ranks_and_order_is_kept_beyond_its_ends():
    oof = np.array([3.0, 1.0, 2.0, 2.0])
    assert to_ranks(oof, oof).tolist() == [0.875, 0.125, 0.5, 0.5]
    beyond = to_ranks(np.array([-9.0, 0.0, 1.0, 3.0, 4.0, 99.0]), oof)
    assert (np.diff(beyond) > 0).all()


def test_ranks_of_runs_on_other_scales_weigh_the_same():
    random = np.random.default_rng(3)
    oof = random.random(50)
    blended = blend_ranks([oof, 1000 * oof - 5], [oof, 1000 * oof - 5])
    assert blended == pytest.approx(to_ranks(oof, oof))
    both = np.stack([oof, -oof], axis=1)
    assert to_ranks(both, both)[:, 1] == pytest.approx(1 - to_ranks(oof, oof))


def test_runs_on_other_folds_are_not_blended():
    assert same_folds({"a": "f" * 64, "b": "f" * 64}) == "f" * 64
    with pytest.raises(ValueError, match="got a on ffffffffffff and c on eeeeeeeeeeee; train one of them again"):
        same_folds({"a": "f" * 64, "b": "f" * 64, "c": "e" * 64})


@pytest.mark.parametrize(
    ("oof", "words"),
    [
        ({}, "at least one run"),
        ({"a": np.zeros(3)}, "expected 4 rows in one shape"),
        ({"a": np.zeros(4), "b": np.zeros((4, 2))}, r"'b': \(4, 2\)"),
        ({"a": np.zeros(4), "b": np.array([0, np.nan, 0, np.inf])}, "b: expected finite OOF, got 2 values"),
    ],
)
def test_oof_arrays_must_be_of_the_same_rows_and_finite(oof, words):
    with pytest.raises(ValueError, match=words):
        blend_weights(oof, np.arange(4.0), rmse, False, folds_of(4, 2))


@pytest.mark.parametrize(
    ("folds", "words"),
    [
        ([[0, 1, 2, 3]], "got 1 folds"),
        ([[0, 1], [2]], "1 rows in none"),
        ([[0, 1], [1, 2, 3]], "1 in several"),
        ([[0, 1], [2, 3, 4]], "expected two folds or more that hold each of 4 rows once"),
        ([], "got 0 folds"),
    ],
)
def test_folds_must_hold_every_row_once(folds, words):
    with pytest.raises(ValueError, match=words):
        blend_weights({"a": np.zeros(4)}, np.arange(4.0), rmse, False, [np.array(fold, dtype=int) for fold in folds])


def test_a_score_that_is_not_defined_is_refused():
    truth = np.array([1, 1, 0, 0])
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ValueError, match="got NaN on 2 rows; do they hold one class only"),
    ):
        blend_weights({"a": np.arange(4.0)}, truth, nan_auc, True, [np.array([0, 1]), np.array([2, 3])])


def nan_auc(truth, prediction):
    return float("nan") if len(set(truth.tolist())) == 1 else auc(truth, prediction)
