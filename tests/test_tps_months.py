"""Every Tabular Playground month: its toy has Kaggle's form, its folds and features keep to the rules, it learns."""

from __future__ import annotations

import functools
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from competitions.registry import find_competition, load_package
from competitions.tps_tabular.spec import competitions, unsupported
from folds.split import make_folds
from folds.verify import verify
from pipelines.contract import Targets
from pipelines.stops import UsageError
from pipelines.tables import align_types, check_sample, check_tables
from submissions.check import check_rows
from submissions.sample import read_sample
from tests.learning import FolderOut, predict

MONTHS = {each.name.split("/")[1]: each for each in competitions}
SALES = "row_id,date,country,store,product"
# Month: the header of train.csv, the first id of train and of test (None: drawn from one run of ids).
FILES = {
    "jan-2021": ("id,cont1..cont14,target", None),
    "feb-2021": ("id,cat0..cat9,cont0..cont13,target", None),
    "mar-2021": ("id,cat0..cat18,cont0..cont10,target", None),
    "apr-2021": ("PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked", ("0", "100000")),
    "may-2021": ("id,feature_0..feature_49,target", ("0", "100000")),
    "jun-2021": ("id,feature_0..feature_74,target", ("0", "200000")),
    "jul-2021": (
        "date_time,deg_C,relative_humidity,absolute_humidity,sensor_1..sensor_5,"
        "target_carbon_monoxide,target_benzene,target_nitrogen_oxides",
        ("2010-03-10 18:00:00", "2011-01-01 00:00:00"),
    ),
    "aug-2021": ("id,f0..f99,loss", ("0", "250000")),
    "sep-2021": ("id,f1..f118,claim", ("0", "957919")),
    "oct-2021": ("id,f0..f284,target", ("0", "1000000")),
    "nov-2021": ("id,f0..f99,target", ("0", "600000")),
    "dec-2021": (
        "Id,Elevation,Aspect,Slope,Horizontal_Distance_To_Hydrology,Vertical_Distance_To_Hydrology,"
        "Horizontal_Distance_To_Roadways,Hillshade_9am,Hillshade_Noon,Hillshade_3pm,Horizontal_Distance_To_Fire_Points,"
        "Wilderness_Area1..Wilderness_Area4,Soil_Type1..Soil_Type40,Cover_Type",
        ("0", "4000000"),
    ),
    "jan-2022": (f"{SALES},num_sold", ("0", "26298")),
    "feb-2022": (None, ("0", "200000")),
    "mar-2022": ("row_id,time,x,y,direction,congestion", ("0", "848835")),
    "apr-2022": ("sequence,subject,step,sensor_00..sensor_12", ("0", "25968")),
    "may-2022": ("id,f_00..f_30,target", ("0", "900000")),
    "aug-2022": (
        "id,product_code,loading,attribute_0..attribute_3,measurement_0..measurement_17,failure",
        ("0", "26570"),
    ),
    "sep-2022": (f"{SALES},num_sold", ("0", "70128")),
}

every_month = pytest.mark.parametrize("month", list(MONTHS))


def spelled(header):
    """A header with its runs (f0..f99) written out."""
    names = []
    for part in header.split(","):
        first, dots, last = part.partition("..")
        names.append(first)
        if dots:
            prefix = first.rstrip("0123456789")
            width = len(first) - len(prefix) if first[len(prefix)] == "0" and len(first) - len(prefix) > 1 else 1
            places = range(int(first[len(prefix) :]) + 1, int(last[len(prefix) :]) + 1)
            names += [f"{prefix}{place:0{width}}" for place in places]
    return names


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """The folder of a month's toy files, written once."""

    @functools.cache
    def written(month):
        root = tmp_path_factory.mktemp(month)
        MONTHS[month].toy(root)
        return root

    return written


@pytest.fixture(scope="module")
def tables(toys):
    """A month's train and test table, loaded once."""
    return functools.cache(lambda month: MONTHS[month].load(toys(month)))


def test_the_months_are_those_of_the_series():
    assert list(MONTHS) == list(FILES)  # in the order of the calendar
    assert {each.slug for each in competitions} == {f"tabular-playground-series-{month}" for month in FILES}
    assert load_package("tps_tabular").competitions == competitions


@pytest.mark.parametrize("month", ["jun-2022", "jul-2022", "oct-2022", "nov-2022"])
def test_months_of_another_shape_say_why_they_are_not_supported(month):
    name = f"tps_tabular/{month}"
    with pytest.raises(UsageError, match="not supported") as refused:
        find_competition(name)
    assert unsupported[name] in str(refused.value)


def test_declaring_the_months_imports_nothing_heavy():
    code = "import competitions.tps_tabular.spec, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"sklearn", "scipy", "lightgbm", "torch"} & {name.split(".")[0] for name in done.stdout.split()}


@every_month
def test_toy_files_have_kaggles_form_and_the_same_bytes_each_time(month, toys, tmp_path):
    competition, root = MONTHS[month], toys(month)
    competition.toy(tmp_path)
    assert sorted(path.name for path in root.iterdir()) == sorted(competition.files)
    for name in competition.files:
        assert (tmp_path / name).read_bytes() == (root / name).read_bytes()
    header, ids = FILES[month]
    first = (root / "train.csv").read_text().splitlines()[0].split(",")
    if header is not None:
        assert first == spelled(header)
    test = (root / "test.csv").read_text().splitlines()
    assert test[0].split(",") == [name for name in first if name not in competition.targets]
    sample = read_sample(root / "sample_submission.csv")
    assert ids is None or (first_id(root / "train.csv"), sample.ids[0]) == ids


def first_id(path):
    return path.read_text().splitlines()[1].split(",")[0]


@every_month
def test_tables_hold_texts_as_ids_and_targets_in_train_only(month, toys, tables):
    competition, (train, test) = MONTHS[month], tables(month)
    check_tables(train, test, competition.targets, competition.id)
    sample = read_sample(toys(month) / "sample_submission.csv")
    check_sample(test.index, sample.ids)
    assert all(isinstance(id, str) for id in [*train.index, *test.index])
    assert not set(competition.targets) & set(test.columns)
    truth = competition.truth(train[list(competition.targets)])
    assert truth.shape[0] == len(train)
    assert competition.metric.score(truth, truth.astype(float)) == pytest.approx(competition.metric.best, abs=1e-6)


@every_month
def test_folds_keep_groups_whole_and_time_in_order(month, tables):
    plan, (train, _) = MONTHS[month].plan, tables(month)
    folds = make_folds(train, plan)
    assert verify(folds, train, plan) == []
    assert MONTHS[month].why
    for fold in range(len(folds)):
        learn, valid = (train.iloc[rows] for rows in folds.split(fold, train.index))
        if plan.group:
            assert not set(learn[plan.group]) & set(valid[plan.group])
        if plan.time:
            assert learn[plan.time].max() < valid[plan.time].min()


@every_month
def test_a_row_is_loaded_alike_whatever_the_other_rows(month, toys, tables, tmp_path):
    competition = MONTHS[month]
    for name in competition.files:
        rows = pd.read_csv(toys(month) / name, dtype=str, keep_default_na=False)
        kept = rows[competition.id].isin(rows[competition.id].unique()[::3])
        rows[kept].to_csv(tmp_path / name, index=False)
    for part, whole in zip(competition.load(tmp_path), tables(month), strict=True):
        pd.testing.assert_frame_equal(part, whole.loc[part.index], check_dtype=False)


@every_month
def test_features_are_made_row_by_row(month, tables):
    competition, (train, test) = MONTHS[month], tables(month)
    rows = train.drop(columns=list(competition.targets)).iloc[::7]
    features = competition.learner.features
    whole = features(rows)
    pieces = pd.concat([features(rows.iloc[start::3]) for start in range(3)])
    pd.testing.assert_frame_equal(pieces.loc[rows.index], whole, check_dtype=False)
    assert list(features(test).columns) == list(whole.columns)


@every_month
def test_the_learner_beats_the_baseline_and_fits_the_submission(month, toys, tables, tmp_path):
    competition = MONTHS[month]
    train, test = align_types(*tables(month))
    folds = make_folds(train, competition.plan)
    last = len(folds) - 1
    learn, valid = (train.iloc[rows] for rows in folds.split(last, train.index))
    targets = Targets(competition.targets, competition.truth, competition.metric)
    learner = replace(competition.experiments["toy"], rounds=60)
    out = FolderOut(tmp_path / "model")
    model = learner.fit(learn, valid, targets, out)
    prediction, truth = predict(learner, model, valid), targets.values(valid)
    blank = competition.baseline.fit(learn, None, targets, FolderOut(tmp_path / "baseline"))
    knows_nothing = competition.metric.score(truth, predict(competition.baseline, blank, valid))
    assert competition.metric.better(competition.metric.score(truth, prediction), knows_nothing)

    choice = competition.metric.choose(competition.metric.keep(truth, prediction))
    cells = competition.encode(predict(learner, learner.load(out), test), choice)
    check_rows(test.index, cells, read_sample(toys(month) / "sample_submission.csv"), competition.rules)


@pytest.mark.parametrize("month", [name for name in MONTHS if name != "apr-2022" and MONTHS[name].load.__self__.needs])
def test_a_file_without_a_needed_column_is_named_with_that_column(month, toys, tmp_path):
    needed = MONTHS[month].load.__self__.needs[-1]
    for name in MONTHS[month].files:
        pd.read_csv(toys(month) / name).drop(columns=needed, errors="ignore").to_csv(tmp_path / name, index=False)
    with pytest.raises(ValueError, match=needed) as refused:
        MONTHS[month].load(tmp_path)
    assert str(tmp_path / "train.csv") in str(refused.value)


@pytest.mark.parametrize(
    ("month", "column"), [("jan-2022", "date"), ("sep-2022", "date"), ("mar-2022", "time"), ("jul-2021", "date_time")]
)
def test_a_time_written_otherwise_is_named_with_its_file_and_row(month, column, toys, tmp_path):
    for name in MONTHS[month].files:
        rows = pd.read_csv(toys(month) / name, dtype=str)
        if name == "test.csv":
            rows.loc[2, column] = "3/1/2021 0:00"
        rows.to_csv(tmp_path / name, index=False)
    id = pd.read_csv(tmp_path / "test.csv", dtype=str)[MONTHS[month].id][2]
    with pytest.raises(ValueError, match=f"{column}.*: expected times written like 2015-12-31") as refused:
        MONTHS[month].load(tmp_path)
    assert f"{tmp_path / 'test.csv'}, " in str(refused.value)
    assert f"3/1/2021 0:00 ({id})" in str(refused.value)


def test_auc_months_take_any_number_and_label_months_only_labels(toys):
    may, apr = MONTHS["may-2022"], MONTHS["apr-2021"]
    sample = read_sample(toys("may-2022") / "sample_submission.csv")
    check_rows(sample.ids, {"target": np.linspace(-3, 7, len(sample))}, sample, may.rules)
    sample = read_sample(toys("apr-2021") / "sample_submission.csv")
    with pytest.raises(ValueError, match="whole"):
        check_rows(sample.ids, {"Survived": np.linspace(0, 1, len(sample))}, sample, apr.rules)
