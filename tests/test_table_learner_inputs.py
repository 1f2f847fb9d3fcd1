"""What TableLearner accepts of tables, features, encoders and settings, and how it refuses the rest."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.encoders import Categories, LinearImputer, TargetMean
from pipelines.learners import table as table_module
from pipelines.learners.table import TableLearner
from pipelines.metrics import METRICS
from tests.learning import FolderOut, binary_toy, predict, regression_toy

ENGINES = ["lightgbm", "xgboost", "catboost", "histgb", "linear"]


def quick(**settings) -> TableLearner:
    return TableLearner(**{"model": "linear", "patience": 0, "threads": 1, "rounds": 20, **settings})


def sums(rows):
    return rows.assign(sum=rows["number_a"] + rows["whole"])


def every_number(rows):
    return rows.assign(every=rows.select_dtypes("number").sum(axis=1))


def centred(rows):
    return rows.assign(number_a=rows["number_a"] - rows["number_a"].mean())


def filtered(rows):
    return rows[rows["number_a"] > 0]


def as_array(rows):
    return rows.to_numpy()


def huge(rows):
    return rows.assign(huge=np.where(rows["number_a"] > 1, 1e39, 0.0))


def dated(rows):
    return rows.assign(day=pd.Timestamp("2022-01-01"))


def nothing(rows):
    return rows[[]]


def fitted(learner, tmp_path, toy=None):
    toy = toy or binary_toy()
    train, valid = toy.sides
    return learner.fit(train, None, toy.targets, FolderOut(tmp_path)), valid


@pytest.mark.parametrize("model", ENGINES)
def test_chunks_change_nothing(model, tmp_path, monkeypatch):
    toy = binary_toy()
    train, valid = toy.sides
    learner = quick(model=model, features=sums, encoders=(TargetMean(("city",)),), patience=5)
    whole = learner.fit(train, valid, toy.targets, FolderOut(tmp_path / "whole"))
    prediction = predict(learner, whole, valid)
    monkeypatch.setattr(table_module, "CHUNK", 37)
    chunked = learner.fit(train, valid, toy.targets, FolderOut(tmp_path / "chunked"))
    assert FolderOut(tmp_path / "whole").files() == FolderOut(tmp_path / "chunked").files()
    np.testing.assert_allclose(predict(learner, chunked, valid), prediction, rtol=1e-12)
    assert len(list(learner.inputs(valid))) == 6


@pytest.mark.parametrize("features", [sums, every_number])
def test_features_are_never_shown_a_target(features, tmp_path):
    toy = regression_toy()
    learner = quick(task=toy.task, features=features)
    model, valid = fitted(learner, tmp_path, toy)
    shifted = valid.assign(target=1e6)
    expected = predict(learner, model, valid.drop(columns="target"))
    np.testing.assert_array_equal(predict(learner, model, shifted), expected)


def test_features_are_made_once_for_all_models(tmp_path):
    calls = []

    def counted(rows):
        calls.append(len(rows))
        return rows

    learner = quick(features=counted)
    model, valid = fitted(learner, tmp_path)
    calls.clear()
    for _, inputs in learner.inputs(valid):
        for _ in range(3):
            model.predict(inputs)
    assert calls == [len(valid)]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (centred, r"centred: expected each row's features to depend on that row only, got a column 'number_a'"),
        (filtered, r"filtered: expected a table of the same \d+ rows .* filter rows in load"),
        (as_array, r"as_array: expected a table of the same \d+ rows in their order, got ndarray"),
        (huge, r"column 'huge': expected numbers of less than 3.4e38, got \d+ that are not, first .* in row row\d+"),
        (dated, r"column 'day': expected numbers, text or categories, got datetime64.*name it in drop"),
        (nothing, r"expected columns to learn from, got none beside the targets"),
    ],
)
def test_features_that_cannot_be_learned_from_are_refused(features, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        fitted(quick(features=features), tmp_path)


def test_other_columns_than_in_training_are_named(tmp_path):
    learner = quick()
    model, valid = fitted(learner, tmp_path)
    with pytest.raises(ValueError, match="the 5 columns of training, got 5: missing whole, unexpected weekday"):
        predict(learner, model, valid.rename(columns={"whole": "weekday"}))
    with pytest.raises(ValueError, match="column 'city': expected text as in training, got int64"):
        predict(learner, model, valid.assign(city=3))
    with pytest.raises(ValueError, match="column 'number_a': expected number as in training"):
        predict(learner, model, valid.assign(number_a="3"))


def test_the_order_of_columns_does_not_matter(tmp_path):
    learner = quick()
    model, valid = fitted(learner, tmp_path)
    np.testing.assert_array_equal(predict(learner, model, valid), predict(learner, model, valid[sorted(valid)[::-1]]))


def test_dropped_columns_are_no_features_and_encoders_still_read_them(tmp_path):
    toy = binary_toy()
    imputer = LinearImputer("number_c", ("number_b",), by="city")
    learner = quick(drop=("city", "whole"), encoders=(imputer,))
    model, valid = fitted(learner, tmp_path, toy)
    assert json.loads((tmp_path / "model.json").read_text())["design"]["names"] == ["number_a", "number_b", "number_c"]
    prediction = predict(learner, model, valid)
    np.testing.assert_array_equal(prediction, predict(learner, model, valid.drop(columns="whole")))
    with pytest.raises(ValueError, match="LinearImputer: expected columns 'city'"):
        predict(learner, model, valid.drop(columns="city"))
    np.testing.assert_array_equal(prediction, predict(learner, learner.load(FolderOut(tmp_path)), valid))


@pytest.mark.parametrize("model", ENGINES)
def test_whole_numbers_can_be_categories(model, tmp_path):
    toy = binary_toy()
    table = toy.table[["number_b", "whole"]].copy()
    table["whole"] = np.random.default_rng(0).integers(0, 8, len(table))
    table["target"] = table["whole"] % 2
    learner = quick(model=model, encoders=(Categories(("whole",)),), rate=0.3, min_rows=5)
    model, valid = fitted(learner, tmp_path, replace(toy, table=table))
    prediction = predict(learner, model, valid)
    assert METRICS["auc"].score(valid[["target"]].to_numpy(), prediction) == 1.0


@pytest.mark.parametrize("kind", ["Int64", "Float32", "boolean", "int8", "bool"])
def test_numbers_of_any_type_are_read(kind, tmp_path):
    toy = binary_toy()
    table = toy.table.assign(whole=(toy.table["whole"] > 2).astype(kind))
    model, valid = fitted(quick(), tmp_path / "one", replace(toy, table=table))
    other, floats = fitted(quick(), tmp_path / "other", replace(toy, table=table.astype({"whole": "float64"})))
    np.testing.assert_array_equal(predict(quick(), model, valid), predict(quick(), other, floats))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"drop": ("wholes",)}, "--drop or --weight: expected columns of number_a, .*, got wholes"),
        ({"weight": "worth"}, "got worth"),
        ({"weight": "city"}, r"--weight city: expected numbers of 0 or more"),
        ({"weight": "number_a"}, r"--weight number_a: .* got \d+ others of 600, first in rows row\d+"),
        ({"encoders": (TargetMean(("town",)),)}, "TargetMean: expected columns 'town', got number_a"),
    ],
)
def test_columns_that_are_not_there_or_not_right_are_named(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        fitted(quick(**settings), tmp_path)


def test_training_rows_that_teach_nothing_are_refused(tmp_path):
    toy = binary_toy()
    with pytest.raises(ValueError, match="expected training rows of two classes or more, got 800 of 1 only"):
        quick().fit(toy.table.assign(target=1), None, toy.targets, FolderOut(tmp_path))
    with pytest.raises(ValueError, match="expected training rows, got none"):
        quick().fit(toy.table.iloc[:0], None, toy.targets, FolderOut(tmp_path))


def test_a_model_that_is_not_there_or_another_learners_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model.json: expected a fitted model, got none; fit"):
        quick().load(FolderOut(tmp_path))
    fitted(quick(encoders=(TargetMean(("city",)), TargetMean(("whole",)))), tmp_path)
    with pytest.raises(ValueError, match="expected a model of 0 encoders, got one of 3"):
        quick().load(FolderOut(tmp_path))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": "forest"}, "--model: expected one of lightgbm, xgboost, catboost, histgb, linear, got 'forest'"),
        ({"rounds": 0}, "--rounds: expected a number at least 1, got 0"),
        ({"patience": -1}, "--patience"),
        ({"rate": 0.0}, "--rate"),
        ({"leaves": 1}, "--leaves"),
        ({"min_rows": 0}, "--min-rows"),
        ({"subsample": 1.5}, "--subsample: expected a number from 1e-09 to 1, got 1.5"),
        ({"columns": 0.0}, "--columns"),
        ({"l1": -1.0}, "--l1"),
        ({"l2": float("nan")}, "--l2"),
        ({"strength": 0.0}, "--strength"),
        ({"threads": -2}, "--threads"),
        ({"seed": 2**31}, "--seed"),
        ({"param": ("max_bin",)}, "--param: expected key=value, got 'max_bin'"),
        ({"param": ("=3",)}, "--param: expected key=value, got '=3'"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        TableLearner(**wrong)


@pytest.mark.parametrize("model", ENGINES)
def test_a_setting_that_the_engine_does_not_know_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match="max_binn"):
        fitted(quick(model=model, param=("max_binn=12",)), tmp_path)


@pytest.mark.parametrize("param", ["max_bin=many", "objective=nosuch"])
def test_a_value_that_lightgbm_refuses_is_an_error_in_words(param, tmp_path):
    with pytest.raises(ValueError, match=r"lightgbm: .*; check --param"):
        fitted(quick(model="lightgbm", param=(param,)), tmp_path)


@pytest.mark.parametrize(
    ("model", "param", "flag"),
    [
        ("lightgbm", "n_estimators=5", "--rounds"),
        ("lightgbm", "early_stopping_round=5", "--patience"),
        ("catboost", "iterations=5", "--rounds"),
        ("xgboost", "num_boost_round=5", "--rounds"),
        ("histgb", "max_iter=5", "--rounds"),
    ],
)
def test_a_setting_with_a_flag_of_its_own_points_to_it(model, param, flag, tmp_path):
    with pytest.raises(ValueError, match=f"use {flag}"):
        fitted(quick(model=model, param=(param,)), tmp_path)


@pytest.mark.parametrize(
    ("model", "param"),
    [
        ("lightgbm", "eta=0.9"),  # an alias wins over the flag it stands for
        ("lightgbm", "interaction_constraints=[[0,1],[2]]"),
        ("xgboost", "gamma=5"),
        ("catboost", "grow_policy=Depthwise"),
        ("histgb", "max_bins=4"),
        ("linear", "C=0.01"),
    ],
)
def test_settings_reach_the_engine(model, param, tmp_path):
    for name, each in (("without", ()), ("with", (param,))):
        fitted(quick(model=model, param=each), tmp_path / name)
    files = [
        {name: each for name, each in FolderOut(tmp_path / folder).files().items() if name != "model.json"}
        for folder in ("without", "with")
    ]
    assert files[0] != files[1]


@pytest.mark.parametrize("model", ["xgboost", "catboost"])
def test_a_missing_package_says_how_to_get_it(model, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, model, raising=False)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_hooks", [])
    with pytest.raises(ValueError, match=rf'--model {model}: .* pip install "podium\[{model}\]"'):
        fitted(quick(model=model), tmp_path)


def test_a_stored_model_of_strange_types_is_never_made(tmp_path):
    import skops.io
    from sklearn.tree import DecisionTreeClassifier

    fitted(quick(), tmp_path)
    tree = DecisionTreeClassifier().fit([[0], [1]], [0, 1])
    tree.callback = np.testing.assert_equal  # a function of strange make
    skops.io.dump(tree, tmp_path / "label0.skops")
    with pytest.raises(ValueError, match=r"label0.skops: expected a model made of numpy.dtype, got .*assert_equal"):
        quick().load(FolderOut(tmp_path))
