"""Read invasive-species-monitoring's raw files: labels by number, photos named by the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipelines.contract import Ids, Table
from pipelines.faults import shorten
from pipelines.reading import find_file, read_table

SLUG = "invasive-species-monitoring"
FILES = ("train", "test", "train_labels.csv", "sample_submission.csv")


def load(root: Path) -> tuple[Table, Table]:
    """Labels and photos of train, photos of test; both count from 1, so an id names a row only within its table."""
    train = read_table(find("train_labels.csv", root), "name", exact=("invasive",))[["invasive"]]
    sample = read_table(find("sample_submission.csv", root), "name", exact=("invasive",))
    photos = photos_of(train.index, root, "train", "train_labels.csv")
    return (
        train.assign(image=photos)[["image", "invasive"]],
        photos_of(sample.index, root, "test", "sample_submission.csv").to_frame(),
    )


def photos_of(ids: Ids, root: Path, name: str, listed: str) -> pd.Series:
    """The photo of each id, which is {id}.jpg in this folder; both must be complete."""
    folder = find(name, root)
    if folder.suffix:
        raise ValueError(f"expected a folder {name} in {root}, got {folder.name}: unpack it there")
    found = {path.name for path in folder.glob("*.jpg")}
    expected = {f"{id}.jpg" for id in ids}
    if {*ids} & found:
        raise ValueError(f"{listed}: expected plain numbers as name, got {shorten(sorted({*ids} & found))}: drop .jpg")
    without = [id for id in ids if f"{id}.jpg" not in found]
    if without:
        raise ValueError(lacking(f"a photo {folder}/NAME.jpg for every name in {listed}", "name", without))
    if extra := sorted(found - expected):
        raise ValueError(lacking(f"a row in {listed} for every photo in {folder}", "photo", extra))
    return pd.Series([folder / f"{id}.jpg" for id in ids], index=ids, name="image", dtype=object)


def lacking(expected: str, what: str, missing: Sequence[str]) -> str:
    """The sentence about what has no counterpart."""
    return (
        f"expected {expected}, got none for {len(missing)} ({what} {shorten(missing)}): "
        "unpack the archives again, or drop what has no counterpart"
    )


def find(name: str, root: Path) -> Path:
    """One of the competition's files or folders."""
    return find_file(root, name, slug=SLUG, files=FILES)
