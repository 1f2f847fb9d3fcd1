"""Read carvana-image-masking-challenge's raw files: cars from 16 angles, and a mask of each training image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.contract import Table
from pipelines.faults import shorten
from pipelines.learners.mask_task import file_size
from pipelines.reading import find_file, read_table
from submissions.runs import find_fault, read_runs

SLUG = "carvana-image-masking-challenge"
LOOSE = "29bb3ece3180_11.jpg"  # shipped beside the archives: test.zip's copy of it is corrupt
FILES = ("train", "train_masks", "test", "train_masks.csv", "sample_submission.csv", "metadata.csv", LOOSE)
FILES_HQ = ("train_hq", "train_masks", "test_hq", *FILES[3:-1])
USUAL = (1280, 1918)  # height and width of every image and mask
FACTS = ("make", "model", "trim1", "trim2")  # texts of metadata.csv, a few of them missing; year is a number
READERS = 8  # threads that read headers: they wait for the disk, not for a core


def load(root: Path, quality: str = "") -> tuple[Table, Table]:
    """Images, cars and what is known of them, masks, areas; quality "_hq" takes images that are less compressed."""
    masks = folder_of("train_masks", root)
    train = images(folder_of(f"train{quality}", root), "train_masks.csv", listed(root, "train_masks.csv"))
    train = described(train, root)
    train = train.assign(mask=[masks / f"{Path(id).stem}_mask.gif" for id in train.index])
    check_pairs(train, masks)
    train = train.assign(area=areas(root, train, check_sizes(train)))
    names, spare = listed(root, "sample_submission.csv"), () if quality else (LOOSE,)
    test = described(images(folder_of(f"test{quality}", root), "sample_submission.csv", names, spare), root)
    return train, test if quality else replaced(test, root)


def listed(root: Path, name: str) -> pd.Index:
    """The image names of a table of Kaggle's."""
    return read_table(find(name, root), "img", text=("rle_mask",)).index


def car_of(name: str) -> str:
    """The car that an image shows: what comes before the angle."""
    return name[: -len("_01.jpg")]


def images(folder: Path, table: str, names: pd.Index, spare: Sequence[str] = ()) -> Table:
    """The image and the car of each name, which is its file's; spare ones may be missing, as they lie elsewhere too."""
    found = {path.name for path in folder.glob("*.jpg")} | {*spare}
    if missing := [name for name in names if name not in found]:
        raise ValueError(lacking(f"a file in {folder} for every img of {table}", missing))
    odd = [name for name in names if name.removesuffix(".jpg")[-3:-2] != "_"]
    if odd:
        raise ValueError(f"{table}: expected names like {LOOSE}, got {len(odd)} others ({shorten(odd)})")
    paths = pd.Series([folder / name for name in names], index=names, dtype=object)
    return pd.DataFrame({"image": paths, "car": pd.Series([*map(car_of, names)], index=names, dtype="string")})


def described(rows: Table, root: Path) -> Table:
    """The rows with what metadata.csv says of their cars."""
    path = find("metadata.csv", root)
    known = read_table(path, "id", text=FACTS, exact=("year",))
    if strange := [*rows.loc[~rows["car"].isin(known.index), "car"].unique()]:
        raise ValueError(lacking(f"a row in {path} for every car", strange))
    facts = known.loc[rows["car"], ["year", *FACTS]]
    return rows.assign(**{name: facts[name].array for name in facts})


def check_pairs(train: Table, masks: Path) -> None:
    """Refuse an image without a mask, and a mask without an image; say which of both train_masks.csv does not list."""
    from features.ahead import to_stderr

    found = {path.name for path in masks.glob("[!.]*.gif")}  # ._*.gif is what macOS adds
    expected = {path.name for path in train["mask"]}
    without = [id for id, path in train["mask"].items() if path.name not in found]
    if without:
        raise ValueError(lacking(f"a mask {masks}/NAME_mask.gif for every image", without))
    folder = train["image"].iloc[0].parent
    beyond = sorted(found - expected)
    if extra := [name for name in beyond if not (folder / f"{name[:-9]}.jpg").exists()]:
        raise ValueError(lacking(f"an image in {folder} for every mask in {masks}", extra))
    if beyond:
        to_stderr(f"carvana_masks: {len(beyond)} masks are not in train_masks.csv and left out ({shorten(beyond)})")


def check_sizes(train: Table) -> list[tuple[int, int]]:
    """Height and width of each row, by the files' headers; those of an image and its mask must agree.

    A file without a header is broken: whoever reads all of it names it, with the others that are.
    """
    from features.ahead import ahead

    sizes = [list(ahead(size_of, train[column], READERS)) for column in ("image", "mask")]
    for image, mask, one, other in zip(train["image"], train["mask"], *sizes, strict=True):
        if one and other and one != other:
            shown = [f"{width}x{height}" for height, width in (one, other)]
            raise ValueError(f"expected a mask as large as its image {image}, {shown[0]}, got {shown[1]} in {mask}")
    usual = next((size for size in chain(*sizes) if size), USUAL)
    return [one or other or usual for one, other in zip(*sizes, strict=True)]


def size_of(path: Path) -> tuple[int, int] | None:
    """Height and width of an image file by its header, None where that cannot be read."""
    from features.decode import UNREADABLE

    try:
        return file_size(path)
    except UNREADABLE:
        return None


def areas(root: Path, train: Table, sizes: Sequence[tuple[int, int]]) -> np.ndarray:
    """The share of each image that train_masks.csv says its mask covers."""
    path = find("train_masks.csv", root)
    codes = read_table(path, "img", text=("rle_mask",)).loc[train.index, "rle_mask"].fillna("").tolist()
    pixels = np.array([height * width for height, width in sizes])
    runs = read_runs(codes, int(pixels.max()))
    if runs.bad.any():
        place = int(np.flatnonzero(runs.bad)[0])
        fault = find_fault(codes[place], int(pixels[place]))
        raise ValueError(
            f"{path}: expected runs 'start length' for {train.index[place]}, got {fault}: download it again"
        )
    shares: np.ndarray = runs.areas / pixels
    return shares


def replaced(test: Table, root: Path) -> Table:
    """The test rows, the one whose image is corrupt with the copy that Kaggle ships loose."""
    if LOOSE not in test.index:
        return test
    from features.ahead import to_stderr

    loose = find(LOOSE, root)
    to_stderr(f"carvana_masks: {loose} replaces the corrupt {test.at[LOOSE, 'image']}")
    paths = test["image"].copy()
    paths[LOOSE] = loose
    return test.assign(image=paths)


def lacking(expected: str, missing: Sequence[str]) -> str:
    """The sentence about what has no counterpart."""
    return (
        f"expected {expected}, got none for {len(missing)} ({shorten(missing)}): "
        "unpack the archives again, or drop what has no counterpart"
    )


def folder_of(name: str, root: Path) -> Path:
    """One of the competition's folders, unpacked."""
    folder = find(name, root)
    if folder.suffix:
        raise ValueError(f"expected a folder {name} in {root}, got {folder.name}: unpack it there")
    return folder


def find(name: str, root: Path) -> Path:
    """One of the competition's files or folders."""
    return find_file(root, name, slug=SLUG, files=FILES)
