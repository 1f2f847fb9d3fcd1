"""What single Tabular Playground months make of their columns, and the traps that their toys carry."""

from __future__ import annotations

import functools
import string
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competitions.tps_tabular.months import (
    apr_2021,
    apr_2022,
    aug_2022,
    dec_2021,
    feb_2022,
    jul_2021,
    mar_2022,
    may_2022,
    sep_2021,
)
from folds.plan import FoldPlan
from folds.split import make_folds
from pipelines.contract import Targets
from tests.learning import FolderOut, predict

TEXT = pd.StringDtype("pyarrow")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The train and test table of a month's toy, made once."""

    @functools.cache
    def loaded(competition_name, module):
        root = tmp_path_factory.mktemp(competition_name)
        module.competition.toy(root)
        return module.competition.load(root)

    return lambda module: loaded(module.__name__.split(".")[-1], module)


def pooled_score(competition, train, plan, folder):
    """The score over all folds of a plan, with the learner of the toy."""
    learner = replace(competition.experiments["toy"], rounds=40)
    targets, folds = Targets(competition.targets, competition.truth, competition.metric), make_folds(train, plan)
    kept = []
    for fold in range(len(folds)):
        learn, valid = (train.iloc[rows] for rows in folds.split(fold, train.index))
        model = learner.fit(learn, valid, targets, FolderOut(folder / f"{plan.kind}{fold}"))
        kept.append(competition.metric.keep(targets.values(valid), predict(learner, model, valid)))
    everything = np.concatenate(kept)
    return competition.metric.combine(everything, competition.metric.choose(everything), None)


def coded(codes, **floats):
    """Rows of may-2022 with these codes; floats that are not given are 0."""
    names = ["f_00", "f_01", "f_02", "f_05", "f_21", "f_22", "f_26"]
    table = pd.DataFrame({name: np.float32(floats.get(name, 0.0)) for name in names}, index=range(len(codes)))
    ids = pd.Index([str(number) for number in range(len(codes))], name="id")
    return table.assign(f_27=pd.array(codes, TEXT)).set_index(ids)


def test_may_2022_splits_the_code_into_letters():
    made = may_2022.features(coded(["ABABDADBAB", "TTTTTTTTTT"]))
    assert "f_27" not in made
    letters = made[[f"ch{place}" for place in range(10)]]
    assert letters.to_numpy().tolist() == [[0, 1, 0, 1, 3, 0, 3, 1, 0, 1], [19] * 10]
    assert made["unique_characters"].tolist() == [3, 1]


@given(st.lists(st.text(string.ascii_uppercase, min_size=10, max_size=10), min_size=1, max_size=20))
def test_may_2022_counts_different_letters(codes):
    assert may_2022.features(coded(codes))["unique_characters"].tolist() == [len(set(code)) for code in codes]


@pytest.mark.parametrize(
    ("floats", "name", "expected"),
    [
        ({"f_02": 3.0, "f_21": 2.3}, "i_02_21", 1),
        ({"f_02": 3.0, "f_21": 2.1}, "i_02_21", 0),
        ({"f_02": -3.0, "f_21": -2.4}, "i_02_21", -1),
        ({"f_05": 5.2}, "i_05_22", 1),
        ({"f_22": -5.5}, "i_05_22", -1),
        ({"f_00": 2.0, "f_01": 2.0, "f_26": 1.1}, "i_00_01_26", 1),
        ({"f_00": -2.0, "f_01": -2.0, "f_26": -0.9}, "i_00_01_26", 0),
    ],
)
def test_may_2022_sums_are_ternary(floats, name, expected):
    assert may_2022.features(coded(["AAAAAAAAAA"], **floats))[name].tolist() == [expected]


@pytest.mark.parametrize("code", ["ABABDADBA", "abABDADBAB", "ÄBABDADBAB", None])
def test_may_2022_refuses_a_code_that_is_not_ten_letters(code):
    with pytest.raises(ValueError, match="f_27: expected 10 letters A to Z") as refused:
        may_2022.features(coded(["ABABDADBAB", code]))
    assert "ids 1" in str(refused.value)


def test_dec_2021_brings_angles_and_shades_into_range():
    table = pd.DataFrame(
        {
            "Aspect": np.array([-33, 45, 407], np.int16),
            "Hillshade_9am": np.array([-4, 200, 301], np.int16),
            "Hillshade_Noon": np.array([0, 255, 256], np.int16),
            "Hillshade_3pm": np.array([1, 2, 3], np.uint8),
            dec_2021.AWAY: np.array([30, 0, 200], np.uint8),
            dec_2021.DOWN: np.array([-40, 0, 200], np.int16),
        }
    )
    made = dec_2021.features(table)
    assert made["Aspect"].tolist() == [327, 45, 47]
    assert made["Hillshade_9am"].tolist() == [0, 200, 255]
    assert made["Hillshade_Noon"].tolist() == [0, 255, 255]
    assert made["Manhattan_To_Hydrology"].tolist() == [70, 0, 400]
    assert made["Euclid_To_Hydrology"].tolist() == pytest.approx([50, 0, 282.8427], abs=1e-3)


def test_dec_2021_lives_with_a_class_of_one_row(tables, tmp_path):
    train, _ = tables(dec_2021)
    competition = dec_2021.competition
    assert train["Cover_Type"].tolist().count(5) == 1
    assert {name for name in train if train[name].nunique() == 1} == {"Soil_Type7", "Soil_Type15"}
    folds = make_folds(train, competition.plan)
    assert any("5 (1)" in note for note in folds.notes)
    (only,) = train.index[train["Cover_Type"] == 5]
    fold = next(fold for fold in range(len(folds)) if only in train.index[folds.split(fold, train.index)[1]])
    learn, valid = (train.iloc[rows] for rows in folds.split(fold, train.index))
    learner = replace(competition.experiments["toy"], rounds=5)
    targets = Targets(competition.targets, competition.truth, competition.metric)
    values = predict(learner, learner.fit(learn, valid, targets, FolderOut(tmp_path)), valid)
    assert values.shape == (len(valid), 7)
    assert not values[:, 4].any()


def test_aug_2022_validates_on_products_that_training_has_not_seen(tables):
    train, test = tables(aug_2022)
    assert set(train["product_code"]) == set("ABCDE")
    assert set(test["product_code"]) == set("FGHI")
    folds = make_folds(train, aug_2022.competition.plan)
    left = [frozenset(train["product_code"].iloc[folds.split(fold, train.index)[1]]) for fold in range(len(folds))]
    assert len(left) == len(set(left)) == 10
    assert {len(pair) for pair in left} == {2}


def test_aug_2022_looks_at_few_columns_and_fills_measurement_17(tables):
    train, test = tables(aug_2022)
    learner = aug_2022.competition.learner
    made = learner.features(train)
    assert made["loading"].iloc[0] == pytest.approx(np.log(train["loading"].iloc[0]))
    assert (made["empty_3"] == train["measurement_3"].isna()).all()
    assert (made["area"] == train["attribute_2"].astype(int) * train["attribute_3"].astype(int)).all()
    assert set(made) - set(learner.drop) == {
        *("loading", "attribute_0", "measurement_0", "measurement_1", "measurement_2", "measurement_17"),
        *("empty_3", "empty_5", "area", "mean_3_to_16"),
    }
    (imputer,) = learner.encoders
    fitted = imputer.fit(made, np.empty(0))
    assert made["measurement_17"].isna().any()
    assert not fitted.apply(made)["measurement_17"].isna().any()
    assert (
        not fitted.apply(learner.features(test))["measurement_17"].isna().any()
    )  # products it has no line of its own for


def test_feb_2022_copies_share_a_number_and_a_side(tables, tmp_path):
    train, test = tables(feb_2022)
    histogram = [name for name in train if name.startswith("A")]
    assert (train.groupby("copy")[histogram].nunique() == 1).all(axis=None)
    assert train["copy"].nunique() == len(train[histogram].drop_duplicates()) < 0.7 * len(train)
    assert set(train["copy"]) & set(test["copy"])
    honest = pooled_score(feb_2022.competition, train, feb_2022.competition.plan, tmp_path)
    flattering = pooled_score(feb_2022.competition, train, FoldPlan(kind="stratified", stratify="target"), tmp_path)
    assert flattering > honest + 0.03  # the same learner, the same rows: the copies alone


def test_jul_2021_shuffled_and_blocked_folds_flatter(tables, tmp_path):
    train, test = tables(jul_2021)
    assert train.index[-1] == test.index[0]
    competition = jul_2021.competition
    forward = pooled_score(competition, train, competition.plan, tmp_path)
    shuffled = pooled_score(competition, train, FoldPlan(kind="random"), tmp_path)
    blocked = pooled_score(competition, train, FoldPlan(kind="blocked", time="time"), tmp_path)
    assert shuffled < 0.95 * min(blocked, forward)


def test_jul_2021_knows_the_clock_and_no_month(tables):
    train, _ = tables(jul_2021)
    made = jul_2021.features(train.iloc[:2])
    assert made["hour"].tolist() == [18, 23]
    assert made["weekday"].tolist() == [2, 2]  # 2010-03-10 was a Wednesday
    assert set(made) - set(train) == {"hour", "hour_sin", "hour_cos", "weekday"}


def test_sep_2021_counts_empty_cells(tables):
    train, _ = tables(sep_2021)
    rows = train.drop(columns="claim")
    made = sep_2021.features(rows)
    assert (made["empty"] == rows.isna().sum(axis=1)).all()
    assert made["empty"].max() > 5
    claimed = train["claim"].groupby(made["empty"] > 0).mean()
    assert claimed[True] > claimed[False] + 0.2


def test_apr_2021_reads_names_cabins_and_tickets():
    rows = [
        ("Oconnor, Frankie", "209245", "C12239", 2, 1, 40.0),
        ("Braund, Mr. Owen", "STON/O 2. 310128", None, 0, 0, 8.0),
        (None, "LINE", "G6", 1, 0, None),
        ("Kramer, James", None, None, 0, 0, 13.0),
    ]
    table = pd.DataFrame(rows, columns=["Name", "Ticket", "Cabin", "SibSp", "Parch", "Fare"])
    table = table.astype({"Name": TEXT, "Ticket": TEXT, "Cabin": TEXT, "SibSp": np.uint8, "Parch": np.uint8})
    made = apr_2021.features(table)
    assert made["title"].fillna("-").tolist() == ["-", "Mr", "-", "-"]
    assert made["deck"].fillna("-").tolist() == ["C", "-", "G", "-"]
    assert made["ticket_kind"].fillna("-").tolist() == ["", "STONO2", "LINE", "-"]
    assert made["ticket_number"].fillna(-1).tolist() == [209245, 310128, -1, -1]
    assert made["family"].tolist() == [4, 1, 2, 1]
    assert made["fare_each"].fillna(-1).tolist() == [10, 8, -1, 13]
    assert not {"Name", "Ticket", "Cabin"} & set(made)


def test_apr_2022_sums_up_the_steps_of_each_sequence(tmp_path):
    apr_2022.competition.toy(tmp_path)
    steps = pd.read_csv(tmp_path / "train.csv")
    steps.sample(frac=1, random_state=0).to_csv(tmp_path / "shuffled.csv", index=False)
    made = apr_2022.sequences(tmp_path / "shuffled.csv")
    own = steps[steps["sequence"] == 7]["sensor_02"].to_numpy()
    row = made.loc["7"]
    assert row["sensor_02_mean"] == pytest.approx(own.mean(), rel=1e-5)
    assert row["sensor_02_std"] == pytest.approx(own.std(ddof=1), rel=1e-5)
    assert row["sensor_02_max"] == pytest.approx(own.max(), rel=1e-5)
    assert row["sensor_02_jump"] == pytest.approx(np.abs(np.diff(own)).mean(), rel=1e-5)
    assert row["subject"] == steps["subject"][steps["sequence"] == 7].iloc[0]


def test_apr_2022_wants_a_state_for_each_sequence(tmp_path):
    apr_2022.competition.toy(tmp_path)
    path = tmp_path / "train_labels.csv"
    labels = pd.read_csv(path)
    labels.sample(frac=1, random_state=0).to_csv(path, index=False)
    train, _ = apr_2022.competition.load(tmp_path)
    assert train["state"].tolist() == labels["state"].tolist()  # joined by id, not by place
    labels.drop(index=[3, 5]).to_csv(path, index=False)
    with pytest.raises(ValueError, match="got none for 3, 5"):
        apr_2022.competition.load(tmp_path)
    labels.to_csv(path, index=False)
    steps = pd.read_csv(tmp_path / "train.csv")
    steps[~steps["sequence"].isin([3, 5])].to_csv(tmp_path / "train.csv", index=False)  # as of half a download
    with pytest.raises(ValueError, match=r"steps of each sequence .*, got none for [35], [35]"):
        apr_2022.competition.load(tmp_path)


def test_mar_2022_names_roads_and_working_days():
    table = pd.DataFrame(
        {"time": ["1991-09-28 08:20:00", "1991-09-30 00:00:00"], "x": [0, 2], "y": [1, 3], "direction": ["NB", "SW"]}
    ).astype({"time": TEXT, "direction": TEXT, "x": np.uint8, "y": np.uint8})
    made = mar_2022.features(mar_2022.mark(table))
    assert made["road"].tolist() == ["0 1 NB", "2 3 SW"]
    assert made["minute"].tolist() == [500, 0]
    assert made["working"].tolist() == [0, 1]  # a Saturday and a Monday
