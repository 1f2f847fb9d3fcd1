"""Read petfinder-pawpularity-score's raw files: twelve yes/no columns and a score a row, photos named by Id."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipelines.cells import check_cells, check_columns
from pipelines.contract import Table
from pipelines.photos import named_photos, photos_of
from pipelines.reading import find_file, read_table

SLUG = "petfinder-pawpularity-score"
FILES = ("train", "test", "train.csv", "test.csv", "sample_submission.csv")
TARGET, LOW, HIGH = "Pawpularity", 1, 100
# The page about the data calls the first one Focus, the files do not.
MARKS = (
    *("Subject Focus", "Eyes", "Face", "Near", "Action", "Accessory"),
    *("Group", "Collage", "Human", "Occlusion", "Info", "Blur"),
)


def load(root: Path) -> tuple[Table, Table]:
    """Photos, marks and scores of train, photos and marks of test."""
    train, test = read(root, "train.csv", TARGET), read(root, "test.csv")
    train.insert(0, "image", photos_of(train.index, find("train", root), "train.csv"))
    test.insert(0, "image", photos_of(test.index, find("test", root), "test.csv"))
    return train, test


def load_test(root: Path) -> Table:
    """The test rows alone, as they are scored: nothing is judged, an error would cost the whole submission."""
    test = read_table(find("test.csv", root), "Id")
    test.insert(0, "image", named_photos(test.index, root / "test"))
    return test


def read(root: Path, name: str, *targets: str) -> Table:
    """One file's rows; its columns are exactly those of Kaggle's files."""
    path = find(name, root)
    table = read_table(path, "Id", exact=targets)
    focus = ("rename Focus to Subject Focus",) if "Focus" in table else ()
    check_columns(path, table, [*MARKS, *targets], *focus)
    for mark in MARKS:
        check_cells(path, table[mark], table[mark].isin([0, 1]), "0 or 1")
    for target in targets:
        numbers = pd.to_numeric(table[target], errors="coerce")
        check_cells(path, table[target], numbers.between(LOW, HIGH), f"a score from {LOW} to {HIGH}")
    return table[[*MARKS, *targets]].copy()


def find(name: str, root: Path) -> Path:
    """One of the competition's files or folders."""
    return find_file(root, name, slug=SLUG, files=FILES)
