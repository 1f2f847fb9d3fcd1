"""Photos that a table's ids name: each id has its file, each file its id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipelines.contract import Ids
from pipelines.faults import shorten

ENDING = ".jpg"


def photos_of(ids: Ids, folder: Path, listed: str) -> pd.Series:
    """The photo of each id, which is {id}.jpg in this folder; both must be complete. listed: the file of the ids."""
    if folder.suffix:
        raise ValueError(f"expected a folder {folder.stem} in {folder.parent}, got {folder.name}: unpack it there")
    found, what = {path.name for path in folder.glob(f"[!.]*{ENDING}")}, str(ids.name)  # ._*.jpg is what macOS adds
    if {*ids} & found:
        raise ValueError(
            f"{listed}: expected every {what} without {ENDING}, got {shorten(sorted({*ids} & found))}: drop {ENDING}"
        )
    without = [id for id in ids if id + ENDING not in found]
    if without:
        raise ValueError(
            _lacking(f"a photo {folder}/{what.upper()}{ENDING} for every {what} in {listed}", what, without)
        )
    if extra := sorted(found - {id + ENDING for id in ids}):
        raise ValueError(_lacking(f"a row in {listed} for every photo in {folder}", "photo", extra))
    return named_photos(ids, folder)


def named_photos(ids: Ids, folder: Path) -> pd.Series:
    """Where the photo of each id is to lie, whether it does or not."""
    return pd.Series([folder / f"{id}{ENDING}" for id in ids], index=ids, name="image", dtype=object)


def _lacking(expected: str, what: str, missing: Sequence[str]) -> str:
    return (
        f"expected {expected}, got none for {len(missing)} ({what} {shorten(missing)}): "
        "unpack the archives again, or drop what has no counterpart"
    )
