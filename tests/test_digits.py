"""digit_recognizer: pixels in CSV files, a network of its own, and no line about it anywhere else."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from competitions.digit_recognizer.load import PIXELS, images
from competitions.registry import find_competition
from features.recipes import recipe_named
from tests.source import ROOT, path_of, sources
from tests.toys import first_fold, gain, shuffle, toy_files

competition = find_competition("digit_recognizer")
raw, root = toy_files(competition)


def test_its_folder_is_the_whole_change():
    own = re.compile(r"digit.recognizer|ImageId|pixel0|mnist", re.IGNORECASE)
    outside = [module for module in sources() if not module.startswith("competitions.digit_recognizer")]
    assert [module for module in outside if own.search(path_of(module).read_text())] == []
    assert not own.search((ROOT / "pyproject.toml").read_text())


def test_toy_files_are_shaped_like_kaggles(raw):
    train, test, sample = (pd.read_csv(raw / f"{name}.csv") for name in ("train", "test", "sample_submission"))
    assert list(train) == ["label", *PIXELS]
    assert list(test) == PIXELS
    assert list(sample) == ["ImageId", "Label"]
    assert sample["ImageId"].tolist() == list(range(1, len(test) + 1))
    assert (sample["Label"] == 0).all()
    assert set(train["label"]) == set(range(10))


def test_rows_count_from_one_and_a_pixel_is_a_byte(raw):
    train, test = competition.load(raw)
    for table in (train, test):
        assert table.index.name == "ImageId"
        assert table.index.tolist() == [str(number) for number in range(1, len(table) + 1)]
        assert table[PIXELS].memory_usage(index=False).sum() == len(table) * 784
    written = pd.read_csv(raw / "train.csv")
    assert (train[PIXELS].to_numpy() == written[PIXELS].to_numpy()).all()
    assert train["label"].tolist() == written["label"].tolist()


def test_pixels_are_laid_out_row_by_row_whatever_the_columns_order(root):
    table = pd.read_csv(root / "test.csv").iloc[:3]
    table.loc[0, "pixel57"] = 201  # row 2, column 1
    table[PIXELS[::-1]].to_csv(root / "test.csv", index=False)
    shown = images(competition.load(root)[1])
    assert len(shown) == 3
    assert shown[0].shape == (28, 28, 1)
    assert shown[0][2, 1, 0] == 201
    assert (shown[2].ravel() == table.iloc[2].to_numpy()).all()
    assert shown.name(2) == "row 3"


def test_digits_are_never_mirrored():
    assert competition.learner.views == "none"
    recipe = recipe_named(competition.learner.augment)
    assert (recipe.flip, recipe.flop) == (0, 0)
    assert recipe.moves


@pytest.mark.parametrize(
    ("file", "column", "cell", "expected"),
    [
        ("train.csv", "pixel5", 256, r"train\.csv: expected whole numbers from 0 to 255 .* pixel5, first in row 3"),
        ("test.csv", "pixel5", -1, r"test\.csv: expected whole numbers from 0 to 255 .* row 3"),
        ("test.csv", "pixel5", 0.5, r"test\.csv: expected whole numbers .* pixel5, first in row 3"),
        ("test.csv", "pixel5", "", r"test\.csv: expected whole numbers .* pixel5, first in row 3"),
        ("test.csv", "pixel5", "ink", r"test\.csv: expected whole numbers .* pixel5, first in row 3"),
        ("train.csv", "more", 1, r"train\.csv: expected columns label, pixel0, .* extra: more"),
        ("test.csv", "label", 1, r"test\.csv: expected columns pixel0, .* extra: label"),
        ("train.csv", "pixel9", None, r"train\.csv: expected columns .* missing: pixel9"),
        ("train.csv", "label", None, "expected column label in"),
    ],
)
def test_what_is_no_pixel_table_is_refused(root, file, column, cell, expected):
    table = pd.read_csv(root / file, nrows=5).astype(object)
    cells = pd.Series(table.get(column, 0), index=table.index, name=column, dtype=object)
    table = table.drop(columns=column, errors="ignore")
    if cell is not None:
        cells[2] = cell
        table = pd.concat([cells, table], axis=1)
    table.to_csv(root / file, index=False)
    with pytest.raises(ValueError, match=expected):
        competition.load(root)


def test_a_label_that_is_no_digit_is_refused(raw):
    train = competition.load(raw)[0][["label"]].copy()
    train.iloc[4] = 10
    with pytest.raises(ValueError, match=r"'label': expected one of 0, 1, .* 5: 10"):
        competition.truth(train)


def test_the_network_learns_digits_and_no_noise(podium, root, tmp_path):
    learned = first_fold(podium, competition.name, root)
    above, error = gain(learned)
    assert above > max(0.5, 10 * error)
    written = pd.read_csv(tmp_path / learned["submission"])
    assert list(written) == ["ImageId", "Label"]
    assert written["ImageId"].tolist() == list(range(1, 251))
    assert set(written["Label"]) <= set(range(10))
    right = written["Label"].to_numpy() == np.array(toy_test_labels())
    assert right.mean() > 0.6  # the test rows are the toy's own, in their order
    shuffle(root / "train.csv", "label")
    above, error = gain(first_fold(podium, competition.name, root, "--epochs", "3"))
    assert above < 3 * error


def toy_test_labels() -> list[int]:
    """What the toy drew for its test rows."""
    from competitions.digit_recognizer.toy import ROWS, TEST_ROWS

    return np.random.default_rng(0).integers(0, 10, ROWS + TEST_ROWS)[ROWS:].tolist()
