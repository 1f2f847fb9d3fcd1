"""Near-duplicate images of a competition: found once per set of images, written as groups, reported and drawn."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from folds.audit import Audit, Finding
from folds.store import Folds
from folds.twins_report import conflicts, report_twins
from pipelines.contract import Competition, Table
from pipelines.groupfile import GROUP, ID, SIDE, TEST, TRAIN, write_groups
from pipelines.loading import Tables
from pipelines.report import Report
from pipelines.runfolder import read_json, write_json
from pipelines.twins_sheet import Sheet, Tile

FILE = "twins.csv"  # in the folder of the folds; a plan may name it, none takes it by itself
METHOD = 1  # goes up when other pairs would be found, so that what is remembered is found anew


def has_images(tables: Tables) -> bool:
    """Whether every row of both tables refers to an image file."""
    return all(
        "image" in table and len(table) and all(isinstance(cell, Path) for cell in table["image"])
        for table in (tables.train, tables.test)
    )


def audit_twins(
    competition: Competition, tables: Tables, folds: Folds, folder: Path, cache: Path, report: Report
) -> Audit:
    """What near-duplicate images mean for these folds; groups go to a CSV and to pictures in the folder."""
    train = tables.train.loc[folds.ids]
    both = find_groups(tables, folder, cache, report)
    groups = _sides(both, tables, folds)
    file = folder / FILE
    write_groups(file, _as_table(both, tables))
    found = Audit(tuple(report_twins(groups, train, competition.targets, folds, str(file))))
    marked = conflicts(groups[0], train, competition.targets)
    tiles = [*_tiles(train, groups[0], competition, folds), *_tiles(tables.test, groups[1], competition, None)]
    sheet = Sheet(tiles, set(marked.tolist()))
    for page in sheet.draw(file.with_suffix("")):
        report.line(f"near-duplicates: {page}")
    if sheet.left_out:
        report.line(f"near-duplicates: {sheet.left_out:,} more groups are in {file}, not drawn")
    return found


def recall_twins(competition: Competition, tables: Tables, folds: Folds, folder: Path, way: str) -> Audit:
    """What an earlier audit found among the same images, without a search; else a note of the way to look for them."""
    if not has_images(tables):
        return Audit(())
    remembered = _remembered(tables, folder) if any(folder.glob("twins-*.json")) else None
    if remembered is not None and remembered.exists():
        groups = _sides(np.array(read_json(remembered)["groups"], dtype=np.int64), tables, folds)
        train = tables.train.loc[folds.ids]
        return Audit(tuple(report_twins(groups, train, competition.targets, folds, str(folder / FILE))))
    if folds.groups is not None:  # somebody has thought of what belongs together
        return Audit(())
    text = f"near-duplicate images have not been looked for: {way} does, once"
    return Audit((Finding(kind="twins", serious=False, text=text),))


def find_groups(tables: Tables, folder: Path, cache: Path, report: Report) -> np.ndarray:
    """The group of each train row, then of each test row, -1 for none; asked again of the same images, it is read."""
    remembered = _remembered(tables, folder)
    if remembered.exists():
        return np.array(read_json(remembered)["groups"], dtype=np.int64)
    groups = _search([*tables.train["image"], *tables.test["image"]], cache, report)
    write_json(remembered, {"groups": groups.tolist()})
    return groups


def _remembered(tables: Tables, folder: Path) -> Path:
    """The file of what a search among these images found."""
    paths = [*tables.train["image"], *tables.test["image"]]
    asked = hashlib.sha256("".join([f"{METHOD}\n", *tables.contents.hashes(paths)]).encode()).hexdigest()
    return folder / f"twins-{asked[:12]}.json"


def _sides(both: np.ndarray, tables: Tables, folds: Folds) -> tuple[np.ndarray, np.ndarray]:
    """The groups of the folds' rows, and those of the test rows."""
    count = len(tables.train)
    return both[:count][tables.train.index.get_indexer(folds.ids)], both[count:]


def _search(paths: list[Path], cache: Path, report: Report) -> np.ndarray:
    from features.cache import Cache
    from features.thumbnails import THUMBNAIL, blurred, thumbnails
    from folds.twins import find_twins

    images = Cache(folder=cache, steps=report.steps, say=report.line).images(paths, THUMBNAIL)
    return find_twins(thumbnails(images, report.steps), blurred, report.steps)


def _as_table(groups: np.ndarray, tables: Tables) -> pd.DataFrame:
    """The rows that are in a group, group by group."""
    ids = [*tables.train.index, *tables.test.index]
    sides = [TRAIN] * len(tables.train) + [TEST] * len(tables.test)
    rows = pd.DataFrame({ID: ids, GROUP: groups, SIDE: sides})
    return rows[rows[GROUP] >= 0].sort_values(GROUP, kind="stable")


def _tiles(table: Table, groups: np.ndarray, competition: Competition, folds: Folds | None) -> list[Tile]:
    """What is drawn of each row in a group."""
    tiles = []
    for row in np.flatnonzero(groups >= 0):
        if folds is None:
            lines = [TEST]
        else:
            valid = folds.validates(int(row))
            lines = [f"{TRAIN}, fold {', '.join(map(str, valid)) or 'none'}"]
            lines += [f"{name} {_cell(table[name].iloc[row])}" for name in competition.targets]
        tiles.append(Tile(int(groups[row]), table["image"].iloc[row], [str(table.index[row]), *lines]))
    return tiles


def _cell(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value)
