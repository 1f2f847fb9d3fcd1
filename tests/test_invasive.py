"""invasive_species: photos by number, labels in a CSV, and a toy that only texture solves."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from competitions.invasive_species.load import FILES
from competitions.registry import find_competition
from pipelines.contents import Contents
from pipelines.fingerprint import table_fingerprint
from pipelines.kaggle.unpack import prepare
from tests.packing import packed, quiet
from tests.toys import first_fold, gain, shuffle, toy_files

competition = find_competition("invasive_species")
ROWS, TEST_ROWS = 320, 60
raw, root = toy_files(competition)


def test_toy_files_are_laid_out_like_kaggles(raw):
    labels, sample = pd.read_csv(raw / "train_labels.csv"), pd.read_csv(raw / "sample_submission.csv")
    assert list(labels) == list(sample) == ["name", "invasive"]
    assert labels["name"].tolist() == list(range(1, ROWS + 1))
    assert sample["name"].tolist() == list(range(1, TEST_ROWS + 1))
    assert (sample["invasive"] == 0.5).all()
    assert 0.5 < labels["invasive"].mean() < 0.7
    assert {path.name for path in raw.iterdir()} == {*FILES}
    with Image.open(raw / "train" / "7.jpg") as photo:
        assert (photo.format, photo.mode) == ("JPEG", "RGB")
        assert photo.width * 3 == photo.height * 4
        assert photo.getexif()[0x0132].startswith("2017:03:28")


def test_rows_are_photos_and_ids_repeat_between_train_and_test(raw):
    train, test = competition.load(raw)
    assert list(train) == ["image", "invasive"]
    assert list(test) == ["image"]
    assert train.index.name == test.index.name == "name"
    assert train.index.tolist() == [str(number) for number in range(1, ROWS + 1)]
    assert set(test.index) < set(train.index)
    assert train.loc["12", "image"] == raw / "train" / "12.jpg"
    assert test.loc["12", "image"] == raw / "test" / "12.jpg"
    assert all(isinstance(path, Path) and path.is_file() for path in [*train["image"], *test["image"]])


def test_kaggles_own_archives_give_the_same_tables(raw, tmp_path):
    root, plain = tmp_path / "invasive-species-monitoring", tmp_path / "plain"
    root.mkdir()
    inner = {}
    for name, side in zip(FILES[2:], FILES[:2], strict=True):  # the first dozen of each
        (plain / side).mkdir(parents=True)
        (plain / name).write_text("".join((raw / name).read_text().splitlines(keepends=True)[:13]))
        inner[f"{name}.zip"] = packed("zip", {name: (plain / name).read_bytes()})
        photos = {f"{side}/{number}.jpg": (raw / side / f"{number}.jpg").read_bytes() for number in range(1, 13)}
        for place, content in photos.items():
            (plain / place).write_bytes(content)
        inner[f"{side}.7z"] = packed("7z", photos)
    (root / "invasive-species-monitoring.zip").write_bytes(packed("zip", inner))
    prepare(root, competition.files, lambda line: None, quiet)
    contents = Contents(tmp_path / "contents.json")
    for table, unpacked in zip(competition.load(plain), competition.load(root), strict=True):
        assert table_fingerprint(table, contents) == table_fingerprint(unpacked, contents)


def test_what_is_incomplete_is_refused_by_name(root):
    (root / "train" / "300.jpg").unlink()
    (root / "train" / "12.jpg").unlink()
    with pytest.raises(ValueError, match=r"a photo .*train/NAME\.jpg .* got none for 2 \(name 12, 300\)"):
        competition.load(root)
    shutil.copy(root / "test" / "1.jpg", root / "train" / "12.jpg")
    shutil.copy(root / "test" / "1.jpg", root / "train" / "300.jpg")
    shutil.copy(root / "test" / "1.jpg", root / "test" / "99.jpg")
    with pytest.raises(ValueError, match=r"a row in sample_submission\.csv .* got none for 1 \(photo 99\.jpg\)"):
        competition.load(root)


def test_a_missing_folder_shows_the_tree(root):
    shutil.rmtree(root / "test")
    with pytest.raises(FileNotFoundError, match=r"(?s)expected test .*invasive-species-monitoring/data") as caught:
        competition.load(root)
    assert "train_labels.csv" in str(caught.value)


def test_a_zipped_folder_is_no_folder(root):
    shutil.make_archive(str(root / "test"), "zip", root / "test")
    shutil.rmtree(root / "test")
    with pytest.raises(ValueError, match=r"expected a folder test .* got test\.zip: unpack it"):
        competition.load(root)


@pytest.mark.parametrize(
    ("old", "wrong", "expected"),
    [
        ("\n5,", "\n5.jpg,", r"train_labels\.csv: expected every name without \.jpg, got 5\.jpg: drop \.jpg"),
        ("\n5,", "\n4,", "expected every name .* got 1 twice: 4"),
        ("\n5,", "\n05,", r"a photo .* got none for 1 \(name 05\)"),
        ("name,", "id,", "expected column name in"),
        (",invasive", ",label", "expected column invasive in"),
    ],
)
def test_wrong_labels_are_refused(root, old, wrong, expected):
    labels = root / "train_labels.csv"
    labels.write_text(labels.read_text().replace(old, wrong, 1))
    with pytest.raises(ValueError, match=expected):
        competition.load(root)


def test_a_label_that_is_neither_is_refused(raw):
    train = competition.load(raw)[0][["invasive"]].copy()
    train.iloc[4] = 2
    with pytest.raises(ValueError, match=r"'invasive': expected one of 0, 1 .* 5: 2"):
        competition.truth(train)


def linear_gain(root: Path) -> float:
    """AUC above 0.5 of a linear model on 8 x 8 mean colours, the better of two penalties, cross-validated."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, _ = competition.load(root)
    colours = np.stack(
        [cv2.resize(cv2.imread(str(path)), (8, 8), interpolation=cv2.INTER_AREA).ravel() for path in train["image"]]
    )
    scores = []
    for strength in (0.01, 0.1):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=3000))
        values = cross_val_predict(model, colours / 255, train["invasive"], cv=5, method="predict_proba")
        scores.append(roc_auc_score(train["invasive"], values[:, 1]))
    return max(scores) - 0.5


def test_the_network_learns_texture_and_no_noise(podium, root, tmp_path):
    learned = first_fold(podium, competition.name, root)
    above, error = gain(learned)
    assert above > max(0.3, 5 * error)
    assert linear_gain(root) < above / 2
    written = pd.read_csv(tmp_path / learned["submission"], dtype=str)
    assert list(written) == ["name", "invasive"]
    assert written["name"].tolist() == [str(number) for number in range(1, TEST_ROWS + 1)]
    assert written["invasive"].astype(float).between(0, 1).all()
    shuffle(root / "train_labels.csv", "invasive")
    above, error = gain(first_fold(podium, competition.name, root, "--epochs", "3"))
    assert above < 3 * error
