"""Train and test tables that do not belong together are refused, in words; those that do get one type per column."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.reading import read_table
from pipelines.tables import align_types, check_classes, check_sample, check_tables


def table(id="id", **columns) -> pd.DataFrame:
    rows = max((len(cells) for cells in columns.values()), default=0)
    return pd.DataFrame(columns, index=pd.Index([f"r{number}" for number in range(rows)], name=id))


def good() -> tuple[pd.DataFrame, pd.DataFrame]:
    return table(a=[1, 2, 3], b=["x", "y", "x"], target=[0, 1, 1]), table(a=[4, 5], b=["x", "z"])


def refusal(train, test, targets=("target",), **options) -> str:
    with pytest.raises(ValueError, match="expected") as refused:
        check_tables(train, test, targets, "id", **options)
    return str(refused.value)


def test_tables_that_fit_pass():
    check_tables(*good(), ("target",), "id")


def test_repeated_ids_are_named():
    train, test = good()
    assert "train: expected every id once, got 1 repeated (r0)" in refusal(train.iloc[[0, 1, 0, 0]], test)
    assert "test: expected every id once, got 2 repeated (r0, r1)" in refusal(train, test.iloc[[0, 1, 0, 1]])


def test_train_and_test_may_share_ids():
    train, test = good()
    assert set(train.index) & set(test.index)
    check_tables(train, test, ("target",), "id")


def test_an_empty_table_is_named():
    train, test = good()
    assert refusal(train.head(0), test).startswith("train: expected rows, got none")
    assert refusal(train, test.head(0)).startswith("test: expected rows, got none")


def test_an_index_of_another_name_is_refused():
    train, test = good()
    assert "test: expected an index named 'id', got 'name'" in refusal(train, test.rename_axis("name"))


def test_targets_belong_into_train_alone():
    train, test = good()
    assert "train: expected target target, got columns a, b" in refusal(train.drop(columns="target"), test)
    assert "test: expected no target, got target" in refusal(train, test.assign(target=0))


def test_missing_and_extra_columns_are_named():
    train, test = good()
    refused = refusal(train, test.rename(columns={"b": "B"}))
    assert "missing: b" in refused
    assert "extra: B" in refused
    assert "extra: none" in refusal(train, test.drop(columns="a"))


def test_columns_of_train_alone_pass_when_declared():
    train, test = good()
    assert "missing: fold" in refusal(train.assign(fold=0), test)
    check_tables(train.assign(fold=0), test, ("target",), "id", train_only=("fold",))


def test_reordered_columns_are_named():
    train, test = good()
    assert "got 'b' instead of 'a' as column 1" in refusal(train, test[["b", "a"]])


def test_holes_in_the_target_are_named():
    train, test = good()
    refused = refusal(train.assign(target=[None, 1.0, np.nan]), test)
    assert "'target' in every row, got none in 2 rows (id r0, r2)" in refused


@pytest.mark.parametrize("strange", ["train", "test"])
def test_numbers_that_are_text_elsewhere_show_the_first_strange_cells(strange):
    tables = {"train": table(a=[1, 2, 3], target=[0, 1, 1]), "test": table(a=[4, 5])}
    tables[strange] = tables[strange].assign(a=["7", "1,5", *["8"] * (len(tables[strange]) - 2)])
    kinds = {"train": "number", "test": "number", strange: "text"}
    refused = refusal(tables["train"], tables["test"])
    assert f"got {kinds['train']} in train and {kinds['test']} in test, such as '1,5' (r1):" in refused


def test_text_that_could_be_numbers_is_drift_too():
    assert "'4' (r0), '5' (r1)" in refusal(table(a=[1, 2], target=[0, 1]), table(a=["4", "5"]))


def test_times_are_neither_numbers_nor_text():
    train, test = table(a=[1, 2], target=[0, 1]), table(a=pd.to_datetime(["2020-01-01", "2020-01-02"]))
    assert "number in train and time in test" in refusal(train, test)


def test_a_column_without_values_fits_any_kind(tmp_path):
    (tmp_path / "train.csv").write_text("id,city,target\n1,Basel,0\n2,Chur,1\n")
    (tmp_path / "test.csv").write_text("id,city\n3,\n")
    train, test = (read_table(tmp_path / name, "id") for name in ("train.csv", "test.csv"))
    check_tables(train, test, ("target",), "id")
    train, test = align_types(train, test)
    assert train["city"].dtype == test["city"].dtype == "string"
    assert test["city"].tolist() == [pd.NA]


numbers = st.one_of(
    st.lists(st.one_of(st.none(), st.integers(-(2**31), 2**31)), min_size=1),
    st.lists(st.one_of(st.none(), st.floats(width=32, allow_nan=False)), min_size=1),
)


@given(one=numbers, other=numbers)
@settings(max_examples=150, deadline=None)
def test_aligned_numbers_share_a_type_and_keep_their_values(one, other):
    tables = []
    for cells in (one, other):
        whole = all(isinstance(cell, int) for cell in cells)
        kind = np.min_scalar_type(max(cells, key=abs)) if whole and min(cells) >= 0 else None
        tables.append(table(a=np.array(cells, kind or (np.int64 if whole else np.float64))))
    train, test = align_types(*tables)
    assert train["a"].dtype == test["a"].dtype
    for aligned, cells in ((train, one), (test, other)):
        assert [None if pd.isna(cell) else cell for cell in aligned["a"]] == cells


def test_equal_fractions_stay_equal_when_one_table_needed_float64(tmp_path):
    (tmp_path / "train.csv").write_text("id,a\n1,0.1\n2,123456789.5\n3,\n4,1e300\n")
    (tmp_path / "test.csv").write_text("id,a\n1,0.1\n2,\n")
    train, test = align_types(*(read_table(tmp_path / name, "id") for name in ("train.csv", "test.csv")))
    assert train["a"].dtype == test["a"].dtype == np.float64
    assert train["a"].iloc[0] == test["a"].iloc[0]
    assert train["a"].tolist()[1::2] == [123456789.5, 1e300]
    assert train["a"].isna().tolist() == [False, False, True, False]


def test_categories_are_united():
    train, test = table(a=pd.Categorical(["x", "y", None])), table(a=pd.Categorical(["z", "y"]))
    train, test = align_types(train, test)
    assert train["a"].dtype == test["a"].dtype
    assert list(test["a"].cat.categories) == ["x", "y", "z"]
    assert train["a"].dropna().tolist() == ["x", "y"]
    assert test["a"].tolist() == ["z", "y"]
    train, test = align_types(train, table(a=["new", "x"]))
    assert list(train["a"].cat.categories) == ["x", "y", "z", "new"]
    assert test["a"].tolist() == ["new", "x"]


def test_wide_tables_stay_in_one_piece_and_in_order():
    names = [f"c{number}" for number in range(300)]
    train = pd.DataFrame(np.ones((5, 300), np.uint8), columns=names)
    test = pd.concat([train[names[::2]] + np.float32(0.5), train[names[1::2]]], axis=1)[names]
    train, test = align_types(train, test)
    assert (train.dtypes == test.dtypes).all()
    assert list(train.columns) == list(test.columns) == names
    train["more"] = 1  # pandas warns, and a warning fails, where columns lie apart


def test_columns_that_agree_are_left_alone():
    train, test = good()
    aligned = align_types(train, test)
    pd.testing.assert_frame_equal(aligned[0], train)
    pd.testing.assert_frame_equal(aligned[1], test)


def test_unseen_classes_show_the_known():
    cells = pd.Series(["cat", "dgo", "dog", None], index=pd.Index(["a", "b", "c", "d"], name="id"), name="pet")
    with pytest.raises(ValueError, match="expected one of the classes cat, dog, got 2 others") as refused:
        check_classes(cells, ("cat", "dog"))
    assert "dgo" in str(refused.value)
    assert "(id b, d)" in str(refused.value)
    check_classes(cells[:1], ("cat", "dog"))


def test_a_sample_may_have_another_order():
    test = pd.Index(["1", "2", "3"], name="id")
    check_sample(test, test)
    check_sample(test, pd.Index(["3", "1", "2"], name="id"))


@pytest.mark.parametrize(
    ("test", "sample", "words"),
    [
        (["1", "2"], ["7", "8"], "2 missing (1, 2), 2 unknown (7, 8): is it another competition's?"),
        (["1", "2"], ["1"], "expected the 2 ids of the test table, got 1 ids: 1 missing (2), 0 unknown (-)"),
        (["1"], ["1", "2"], "0 missing (-), 1 unknown (2)"),
        (["007", "10"], ["7", "10"], "leading zeros differ ('007' there is '7' here)"),
        (["7", "10"], ["007", "10"], "leading zeros differ ('7' there is '007' here)"),
        (["1", "2"], ["1", "2", "2"], "every id once, got again 2"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(test, sample, words):
    with pytest.raises(ValueError, match=r"sample_submission\.csv: expected") as refused:
        check_sample(pd.Index(test, name="id"), pd.Index(sample, name="id"))
    assert words in str(refused.value)


def test_zeros_that_a_sample_lost_are_found_from_file_to_file(tmp_path):
    (tmp_path / "test.csv").write_text("id,a\n" + "".join(f"{number:05d},1\n" for number in range(20)))
    (tmp_path / "sample.csv").write_text("id,target\n" + "".join(f"{number},0\n" for number in range(20)))
    test, sample = (read_table(tmp_path / name, "id").index for name in ("test.csv", "sample.csv"))
    assert test[7] == "00007"
    with pytest.raises(ValueError, match=r"mine\.csv.*leading zeros differ .*'00001' there is '1' here"):
        check_sample(test, sample, "mine.csv")
