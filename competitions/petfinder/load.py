"""Read petfinder-pawpularity-score's raw files: twelve yes/no columns and a score a row, photos named by Id."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipelines.contract import Table
from pipelines.faults import shorten
from pipelines.photos import named_photos, photos_of
from pipelines.reading import find_file, read_table

SLUG = "petfinder-pawpularity-score"
FILES = ("train", "test", "train.csv", "test.csv", "sample_submission.csv")
TARGET, LOW, HIGH = "Pawpularity", 1, 100
MARKS = (
    "Subject Focus",  # the page about the data calls it Focus, the files do not
    "Eyes",
    "Face",
    "Near",
    "Action",
    "Accessory",
    "Group",
    "Collage",
    "Human",
    "Occlusion",
    "Info",
    "Blur",
)


def load(root: Path) -> tuple[Table, Table]:
    """Photos, marks and scores of train, photos and marks of test."""
    train = read(root, "train.csv", (TARGET,))
    check_scores(train[TARGET], "train.csv")
    test = read(root, "test.csv", ())
    train.insert(0, "image", photos_of(train.index, find("train", root), "train.csv"))
    test.insert(0, "image", photos_of(test.index, find("test", root), "test.csv"))
    return train, test


def load_test(root: Path) -> Table:
    """The test rows alone, as they are scored: no photo is looked for."""
    test = read(root, "test.csv", ())
    test.insert(0, "image", named_photos(test.index, root / "test"))
    return test


def read(root: Path, name: str, targets: tuple[str, ...]) -> Table:
    """One file's rows; its columns are exactly those of Kaggle's files, each mark 0 or 1."""
    path = find(name, root)
    table = read_table(path, "Id", exact=targets)
    expected = [*MARKS, *targets]
    if {*expected} != {*table.columns}:
        lacking, extra = [each for each in expected if each not in table], sorted({*table.columns} - {*expected})
        hint = "rename Focus to Subject Focus" if "Focus" in extra else "is it the file of another competition?"
        raise ValueError(
            f"{path}: expected the columns Id, {', '.join(expected)}, got missing: {shorten(lacking) or 'none'}; "
            f"extra: {shorten(extra) or 'none'}: {hint}"
        )
    for mark in MARKS:
        wrong = table.index[~table[mark].isin([0, 1])]
        if len(wrong):
            raise ValueError(
                f"{path}: expected 0 or 1 in {mark!r}, got others in {len(wrong)} rows (Id {shorten(list(wrong), 3)}), "
                f"first {table.loc[wrong[0], mark]!r}: download it again"
            )
    return table[expected].copy()


def check_scores(scores: pd.Series, name: str) -> None:
    """Refuse scores that are no numbers from 1 to 100, naming their rows."""
    wrong = scores.index[~pd.to_numeric(scores, errors="coerce").between(LOW, HIGH)]
    if len(wrong):
        raise ValueError(
            f"{name}: expected {TARGET} from {LOW} to {HIGH} in every row, got others in {len(wrong)} rows "
            f"(Id {shorten(list(wrong), 3)}), first {scores[wrong[0]]!r}: correct or drop these rows"
        )


def find(name: str, root: Path) -> Path:
    """One of the competition's files or folders."""
    return find_file(root, name, slug=SLUG, files=FILES)
