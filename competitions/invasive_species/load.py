"""Read invasive-species-monitoring's raw files: labels by number, photos named by the same numbers."""

from __future__ import annotations

from pathlib import Path

from pipelines.contract import Table
from pipelines.photos import photos_of
from pipelines.reading import find_file, read_table

SLUG = "invasive-species-monitoring"
FILES = ("train", "test", "train_labels.csv", "sample_submission.csv")


def load(root: Path) -> tuple[Table, Table]:
    """Labels and photos of train, photos of test; both count from 1, so an id names a row only within its table."""
    train = read_table(find("train_labels.csv", root), "name", exact=("invasive",))[["invasive"]]
    sample = read_table(find("sample_submission.csv", root), "name", exact=("invasive",))
    photos = photos_of(train.index, find("train", root), "train_labels.csv")
    return (
        train.assign(image=photos)[["image", "invasive"]],
        photos_of(sample.index, find("test", root), "sample_submission.csv").to_frame(),
    )


def find(name: str, root: Path) -> Path:
    """One of the competition's files or folders."""
    return find_file(root, name, slug=SLUG, files=FILES)
