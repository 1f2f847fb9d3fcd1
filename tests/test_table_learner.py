"""Every engine through TableLearner: it learns, repeats itself to the byte, stops early, and looks where it may."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.encoders import TargetMean
from pipelines.learners.constant import ConstantLearner
from pipelines.learners.engines.engine import Watch
from pipelines.learners.table import TableLearner
from pipelines.metrics import METRICS
from tests.learning import TOYS, FolderOut, binary_toy, draw_columns, predict, regression_toy, several_toy

ENGINES = ["lightgbm", "xgboost", "catboost", "histgb", "linear"]
BOOSTERS = ENGINES[:-1]


def small(model: str, **settings) -> TableLearner:
    return TableLearner(model=model, **{"rounds": 40, "patience": 0, "rate": 0.2, "threads": 1, **settings})


@pytest.mark.parametrize("toy", TOYS)
@pytest.mark.parametrize("model", ENGINES)
def test_it_beats_the_constant_and_is_the_same_when_loaded(model, toy, tmp_path):
    toy = TOYS[toy]()
    train, valid = toy.sides
    learner, out = small(model, task=toy.task), FolderOut(tmp_path)
    fitted = learner.fit(train, None, toy.targets, out)
    prediction, truth = predict(learner, fitted, valid), toy.targets.values(valid)
    constant = ConstantLearner()
    baseline = predict(constant, constant.fit(train, None, toy.targets, FolderOut(tmp_path / "baseline")), valid)
    metric = METRICS[toy.metric]
    assert prediction.shape == truth.shape
    assert np.isfinite(prediction).all()
    away, baseline_away = (abs(metric.score(truth, each) - metric.best) for each in (prediction, baseline))
    assert away < baseline_away / 2
    loaded = learner.load(out)
    np.testing.assert_array_equal(predict(learner, loaded, valid), prediction)
    assert loaded.found == fitted.found == ({} if model == "linear" else {"rounds": 40})


@pytest.mark.parametrize("model", ENGINES)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(model, tmp_path):
    toy = binary_toy()
    train, valid = toy.sides
    learner = small(model, subsample=0.7, columns=0.6, patience=10)
    outs = [FolderOut(tmp_path / str(number)) for number in range(3)]
    for out, seed in zip(outs, (1, 1, 2), strict=True):
        replace(learner, seed=seed).fit(train, valid, toy.targets, out)
    assert outs[0].files() == outs[1].files()
    if model != "linear":  # a convex problem has one solution
        assert outs[0].files() != outs[2].files()


def test_another_process_writes_the_same_bytes(tmp_path):
    program = f"""
from pathlib import Path
from tests.test_table_learner import fit_some
fit_some(Path({str(tmp_path / "there")!r}))
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    fit_some(tmp_path / "here")
    for model in ("catboost", "histgb", "linear"):
        assert FolderOut(tmp_path / "there" / model).files() == FolderOut(tmp_path / "here" / model).files()


def fit_some(folder: Path) -> None:
    """Fits of the engines whose own files hold times or memory addresses."""
    toy = binary_toy()
    for model in ("catboost", "histgb", "linear"):
        small(model, rounds=10).fit(*toy.sides, toy.targets, FolderOut(folder / model))


@pytest.mark.parametrize("model", BOOSTERS)
def test_stopping_early_finds_fewer_rounds_that_refit_to_the_same_trees(model, tmp_path):
    toy = binary_toy()
    train, valid = toy.sides
    noise = np.random.default_rng(0).integers(0, 2, len(train))
    train = train.assign(target=np.where(np.arange(len(train)) % 3 == 0, noise, train["target"]))
    out = FolderOut(tmp_path / "stopped")
    learner = small(model, rounds=300, patience=15)
    fitted = learner.fit(train, valid, toy.targets, out)
    rounds = fitted.found["rounds"]
    assert 1 <= rounds < 250
    assert learner.load(out).found == fitted.found
    assert any(key.startswith("valid_") for line in out.logged() for key in line)
    again = replace(learner, **fitted.found)
    refitted = again.fit(train, None, toy.targets, FolderOut(tmp_path / "refitted"))
    np.testing.assert_allclose(predict(again, refitted, valid), predict(learner, fitted, valid), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("model", BOOSTERS)
def test_progress_and_curves_are_shown_and_logged(model, tmp_path, capfd):
    toy = several_toy()
    out = FolderOut(tmp_path)
    small(model, task=toy.task, rounds=60, patience=60).fit(*toy.sides, toy.targets, out)
    assert out.shown == {f"{model} {name}": 60 for name in toy.names}
    keys = {key for line in out.logged() for key in line}
    for name in toy.names:
        assert any(key.startswith(f"{name}_train_") for key in keys)
        assert any(key.startswith(f"{name}_valid_") for key in keys)
    assert {1, 50, 60} <= {line["step"] for line in out.logged()}
    assert capfd.readouterr() == ("", "")


@settings(max_examples=8, deadline=None)
@given(rows=st.lists(st.integers(0, 199), unique=True, min_size=1), seed=st.integers(0, 99))
def test_with_patience_0_validation_rows_never_change_the_model(rows, seed, tmp_path_factory):
    toy = binary_toy()
    train, valid = toy.sides
    strange = draw_columns(200, seed=seed + 1)
    changed = valid.copy()
    for column in strange:
        changed[column] = strange[column].to_numpy()
    changed.iloc[rows, changed.columns.get_loc("target")] ^= 1
    learner = small("linear", encoders=(TargetMean(("city",)),))
    outs = [FolderOut(tmp_path_factory.mktemp("fold")) for _ in range(2)]
    for out, side in zip(outs, (valid, changed), strict=True):
        learner.fit(train, side, toy.targets, out)
    assert outs[0].files() == outs[1].files()


@pytest.mark.parametrize("model", BOOSTERS)
def test_with_patience_0_no_engine_looks_at_validation_rows(model, tmp_path):
    toy = binary_toy()
    train, valid = toy.sides
    outs = [FolderOut(tmp_path / name) for name in ("with", "without")]
    for out, side in zip(outs, (valid, None), strict=True):
        small(model, rounds=10).fit(train, side, toy.targets, out)
    assert outs[0].files() == outs[1].files()


@pytest.mark.parametrize("model", ENGINES)
def test_missing_cells_and_unseen_categories_are_predicted(model, tmp_path):
    toy = binary_toy()
    train, valid = toy.sides
    learner = small(model)
    fitted = learner.fit(train, None, toy.targets, FolderOut(tmp_path))
    blank = valid.head(3).assign(number_a=np.nan, whole=np.nan, city=["Rome", None, "Lima"])
    prediction = predict(learner, fitted, blank)
    assert np.isfinite(prediction).all()
    unseen, missing = (predict(learner, fitted, valid.assign(city=city)) for city in ("Rome", None))
    np.testing.assert_array_equal(unseen, missing)


@pytest.mark.parametrize("model", ENGINES)
def test_columns_without_a_value_in_training_teach_nothing(model, tmp_path):
    toy = binary_toy()
    train, valid = toy.sides
    blank, later = train.assign(empty=np.float32(np.nan)), valid.assign(empty=np.float32(7))
    for patience in (0, 3):
        learner, out = small(model, rounds=10, patience=patience), FolderOut(tmp_path / str(patience))
        fitted = learner.fit(blank, later, toy.targets, out)
        for each in (fitted, learner.load(out)):
            assert np.isfinite(predict(learner, each, later)).all()


@pytest.mark.parametrize("model", ENGINES)
def test_a_category_no_number_tells_is_learned(model, tmp_path):
    draws = np.random.default_rng(0)
    table = draw_columns(600)[["city"]].assign(noise=draws.normal(size=600))
    table["city"] = draws.permutation(["Bern", "Lima", "Oslo", "Rome", "Nice", "Kyiv"] * 100)
    table["target"] = table["city"].isin(["Lima", "Rome", "Kyiv"]).astype(int)
    toy = replace(binary_toy(), table=table)
    train, valid = toy.sides
    learner = small(model, min_rows=5)
    fitted = learner.fit(train, None, toy.targets, FolderOut(tmp_path))
    assert METRICS["auc"].score(toy.targets.values(valid), predict(learner, fitted, valid)) > 0.99


@pytest.mark.parametrize("model", ["lightgbm", "catboost", "histgb", "linear"])
def test_more_categories_than_an_engine_holds(model, tmp_path, caplog):
    draws = np.random.default_rng(0)
    table = draw_columns(2000).drop(columns="city")
    names = np.array([f"code{number}" for number in range(400)])
    table["code"] = np.concatenate([names, draws.choice(names[:10], 1600)])
    table["target"] = table["code"].isin(names[:5]).astype(int)
    toy = replace(binary_toy(), table=table.sample(frac=1, random_state=0))
    train, valid = toy.sides
    learner = small(model)
    fitted = learner.fit(train, None, toy.targets, FolderOut(tmp_path))
    assert METRICS["auc"].score(toy.targets.values(valid), predict(learner, fitted, valid)) > 0.95
    assert ("takes 255" in caplog.text) == (model == "histgb")


@pytest.mark.parametrize("model", ENGINES)
def test_sample_weights_count(model, tmp_path):
    toy = regression_toy()
    table = toy.table.assign(worth=np.where(toy.table["number_a"] > 0, 1.0, 0.0))
    table.loc[table["worth"] == 0, "target"] = 1000.0  # rows without weight must not matter
    learner = small(model, task=toy.task, weight="worth")
    fitted = learner.fit(table, None, toy.targets, FolderOut(tmp_path))
    assert predict(learner, fitted, toy.table.drop(columns="target")).max() < 50


@pytest.mark.parametrize("model", ENGINES)
def test_a_class_without_a_training_row_gets_no_share(model, tmp_path):
    toy = TOYS["multiclass"]()
    train, valid = toy.sides
    train = train[train["target"] != "middle"]
    learner = small(model, task=toy.task, patience=5)
    prediction = predict(learner, learner.fit(train, valid, toy.targets, FolderOut(tmp_path)), valid)
    assert (prediction[:, 1] == 0).all()
    np.testing.assert_allclose(prediction.sum(axis=1), 1, rtol=1e-5)


def test_engines_wait_until_they_are_used():
    program = "import sys, pipelines.learners.table; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "lightgbm", "sklearn", "xgboost", "catboost", "scipy", "tyro"} & set(loaded)


@pytest.mark.parametrize(("rounds", "points"), [(30, 25), (100, 45), (300, 60), (2000, 90), (20_000, 125)])
def test_a_curve_has_about_as_many_points_however_long_the_fit(rounds, points, tmp_path):
    watch = Watch(FolderOut(tmp_path), rounds, "lightgbm")
    due = [number for number in range(1, rounds + 1) if watch.due(number)]
    assert abs(len(due) - points) <= 1
    assert (due[0], due[-1]) == (1, rounds)
    costly = [number for number in due if watch.due_in_training(number)]
    assert (costly[0], costly[-1]) == (1, rounds)
    assert len(costly) <= len(due) / 3
