"""The files every toy writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd


def write(root: Path, train: pd.DataFrame, test: pd.DataFrame, sample: Mapping[str, object]) -> None:
    """train.csv, test.csv and sample_submission.csv: the test ids (its first column) beside the sample's constants."""
    root.mkdir(parents=True, exist_ok=True)
    submission = test.iloc[:, :1].assign(**sample)
    for name, rows in (("train", train), ("test", test), ("sample_submission", submission)):
        save(root / f"{name}.csv", rows)


def save(path: Path, rows: pd.DataFrame) -> None:
    """One CSV, the same bytes on every system."""
    rows.to_csv(path, index=False, lineterminator="\n")
