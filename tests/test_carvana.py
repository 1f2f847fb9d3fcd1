"""carvana_masks: files as Kaggle ships them, what is refused, and a toy that neither gray nor place solves."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from competitions.carvana_masks.load import FILES, FILES_HQ, LOOSE
from competitions.registry import find_competition
from folds.split import make_folds
from folds.verify import verify
from pipelines.contents import Contents
from pipelines.fingerprint import table_fingerprint
from pipelines.kaggle.unpack import prepare
from pipelines.metrics.masks import dice
from submissions.rle import decode
from tests.packing import packed, quiet
from tests.toys import toy_files

competition = find_competition("carvana_masks")
raw = toy_files(competition)[0]
ANGLES = 16


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Path:
    """The files of a few cars; not to be changed."""
    folder = tmp_path_factory.mktemp("few")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("competitions.carvana_masks.toy.CARS", 2)
        patch.setattr("competitions.carvana_masks.toy.TEST_CARS", 1)
        competition.toy(folder)
    return folder


@pytest.fixture
def root(few, tmp_path) -> Path:
    return Path(shutil.copytree(few, tmp_path / "files"))


def load(root: Path):
    return competition.load(root)


# -- files


def test_toy_files_are_laid_out_like_kaggles(raw):
    masks, sample = pd.read_csv(raw / "train_masks.csv"), pd.read_csv(raw / "sample_submission.csv")
    assert list(masks) == list(sample) == ["img", "rle_mask"]
    assert (sample["rle_mask"] == "1 1").all()
    assert sample["img"].is_monotonic_increasing
    assert len(masks) % ANGLES == len(sample) % ANGLES == 0
    assert masks["img"].str.fullmatch("[0-9a-f]{12}_(0[1-9]|1[0-6]).jpg").all()
    cars = pd.read_csv(raw / "metadata.csv")
    assert list(cars) == ["id", "year", "make", "model", "trim1", "trim2"]
    assert {*cars["id"]} == {name[:12] for name in [*masks["img"], *sample["img"]]}
    assert {path.name for path in raw.iterdir()} == {*FILES, *FILES_HQ}
    first = masks["img"][0]
    with Image.open(raw / "train_masks" / first.replace(".jpg", "_mask.gif")) as mask:
        assert (mask.format, mask.mode, getattr(mask, "n_frames", 1)) == ("GIF", "P", 1)
        assert mask.getpalette()[:6] == [0, 0, 0, 255, 255, 255]
        assert np.array_equal(np.asarray(mask), decode(masks["rle_mask"][0], mask.size[::-1], "rows"))
    with Image.open(raw / "train" / first) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", mask.size)


def test_rows_are_views_of_cars_with_masks_and_areas(raw, capsys):
    train, test = load(raw)
    facts = ["year", "make", "model", "trim1", "trim2"]
    assert list(train) == ["image", "car", *facts, "mask", "area"]
    assert list(test) == ["image", "car", *facts]
    known = pd.read_csv(raw / "metadata.csv").set_index("id")
    for name in ("year", "make", "model"):
        assert train[name].tolist() == known.loc[train["car"], name].tolist()
    assert train["trim2"].isna().sum() == test["make"].isna().sum() == test["year"].isna().sum() == ANGLES
    assert train.index.name == test.index.name == "img"
    assert not {*train["car"]} & {*test["car"]}
    assert (train.groupby("car").size() == ANGLES).all()
    row = train.iloc[5]
    assert row["image"] == raw / "train" / train.index[5]
    assert row["area"] == pytest.approx(competition.truth(train[["mask"]].iloc[5:6]).mean())
    assert test.at[LOOSE, "image"] == raw / LOOSE
    assert f"{raw / LOOSE} replaces the corrupt {raw / 'test' / LOOSE}" in capsys.readouterr().err
    assert competition.shape(test) == (128, 192)


def test_no_car_is_in_two_folds_and_areas_are_spread(raw):
    train, _ = load(raw)
    folds = make_folds(train, competition.plan)
    assert verify(folds, train, competition.plan) == []
    for fold in range(5):
        trained, valid = folds.split(fold, train.index)
        assert not {*train["car"].iloc[trained]} & {*train["car"].iloc[valid]}
        assert train["area"].iloc[valid].mean() == pytest.approx(train["area"].mean(), rel=0.1)


def test_kaggles_own_archives_give_the_same_tables(few, tmp_path):
    root = tmp_path / competition.slug
    root.mkdir()
    inner = {f"{name}.zip": packed("zip", {name: (few / name).read_bytes()}) for name in FILES if name.endswith(".csv")}
    inner[LOOSE] = (few / LOOSE).read_bytes()
    for name in ("train", "train_masks", "test"):
        inner[f"{name}.zip"] = packed(
            "zip", {f"{name}/{path.name}": path.read_bytes() for path in (few / name).iterdir()}
        )
    (root / f"{competition.slug}.zip").write_bytes(packed("zip", inner))
    prepare(root, competition.files, lambda line: None, quiet)
    contents = Contents(tmp_path / "contents.json")
    for table, unpacked in zip(load(few), load(root), strict=True):
        assert table_fingerprint(table, contents) == table_fingerprint(unpacked, contents)


def test_a_truncated_archive_is_named_and_leaves_nothing(few, tmp_path):
    root = tmp_path / "files"
    root.mkdir()
    for name in (name for name in FILES if "." in name):
        shutil.copy(few / name, root / name)
    whole = packed("zip", {f"train/{path.name}": path.read_bytes() for path in list((few / "train").iterdir())[:20]})
    (root / "train.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"train\.zip: expected a whole archive, got a damaged one"):
        prepare(root, competition.files, lambda line: None, quiet)
    assert not (root / "train").exists()


def test_better_images_are_another_name_of_the_same_competition(root):
    better = find_competition("carvana_masks/hq")
    assert better.slug == competition.slug
    for side in ("train", "test"):
        shutil.rmtree(root / side)  # what is not wanted need not be there
    train, test = better.load(root)
    assert train["image"].iloc[0].parent == root / "train_hq"
    assert test.at[LOOSE, "image"].parent == root / "test_hq"
    shutil.rmtree(root / "train_hq")
    with pytest.raises(FileNotFoundError, match="expected train_hq"):
        better.load(root)


def test_images_and_masks_that_the_table_does_not_list_are_said(root, capsys):
    lines = (root / "train_masks.csv").read_text().splitlines()
    (root / "train_masks.csv").write_text("\n".join(lines[:-1]) + "\n")
    train, _ = load(root)
    assert len(train) == 2 * ANGLES - 1
    assert "1 masks are not in train_masks.csv and left out (" in capsys.readouterr().err


def test_the_corrupt_image_may_be_missing_and_what_macos_adds_is_no_mask(root):
    (root / "test" / LOOSE).unlink()
    (root / "train_masks" / "._0123456789ab_01_mask.gif").write_bytes(b"")
    (root / "train" / "._0123456789ab_01.jpg").write_bytes(b"")
    _, test = load(root)
    assert test.at[LOOSE, "image"] == root / LOOSE


# -- bad input


def spoil(root: Path, how: str) -> None:
    image = min((root / "train").iterdir())
    mask = root / "train_masks" / f"{image.stem}_mask.gif"
    table = root / "train_masks.csv"
    if how == "image without mask":
        mask.unlink()
    elif how == "mask without image":
        shutil.copy(mask, mask.with_name("0123456789ab_01_mask.gif"))
    elif how == "listed but not there":
        table.write_text(table.read_text() + "0123456789ab_01.jpg,1 1\n")
    elif how == "another size":
        Image.frombytes("P", (100, 50), bytes(5000)).save(mask)
    elif how == "broken code":
        table.write_text(table.read_text().replace(f"{image.name},", f"{image.name},7 ", 1))
    elif how == "no test image":
        min((root / "test").iterdir()).unlink()
    elif how == "odd name":
        image.rename(image.with_name("car.jpg"))
        table.write_text(table.read_text().replace(image.name, "car.jpg", 1))
    elif how == "unknown car":
        lines = (root / "metadata.csv").read_text().splitlines()
        (root / "metadata.csv").write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    elif how == "no loose image":
        (root / LOOSE).unlink()


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("image without mask", r"a mask .*NAME_mask\.gif for every image, got none for 1 \(.*_01\.jpg\)"),
        ("mask without image", r"an image in .*train for every mask .* got none for 1 \(0123456789ab_01_mask\.gif\)"),
        (
            "listed but not there",
            r"a file in .*train for every img of train_masks\.csv, got none for 1 \(0123456789ab_01",
        ),
        ("another size", r"a mask as large as its image .*_01\.jpg, 192x128, got 100x50 in .*_mask\.gif"),
        ("broken code", r"train_masks\.csv: expected runs 'start length' for .*_01\.jpg, got run"),
        ("no test image", r"a file in .*test for every img of sample_submission\.csv, got none for 1"),
        ("odd name", r"train_masks\.csv: expected names like 29bb3ece3180_11\.jpg, got 1 others \(car\.jpg\)"),
        ("unknown car", r"a row in .*metadata\.csv for every car, got none for 1 \([0-9a-f]{12}\)"),
        ("no loose image", r"expected 29bb3ece3180_11\.jpg .*in this tree"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(root, how, expected):
    spoil(root, how)
    with pytest.raises((ValueError, FileNotFoundError), match=expected):
        load(root)


# -- the toy


def test_neither_gray_nor_place_solves_the_toy(raw):
    train, _ = load(raw)
    truth = competition.truth(train[["mask"]])
    grays = np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in train["image"]])
    for levels in (grays, 255 - grays):
        kept = dice.keep(truth, levels)
        assert dice.combine(kept, dice.choose(kept), None) < 0.85
    kept = dice.keep(truth, np.broadcast_to(truth.mean(axis=0, dtype=np.float32), truth.shape))
    assert 0.7 < dice.combine(kept, dice.choose(kept), None) < 0.90
