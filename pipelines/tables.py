"""Whether a train and a test table belong together, and one type for the columns they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from pipelines.columns import TEXT, WHOLE
from pipelines.contract import Ids, Table
from pipelines.faults import shorten

FLOAT, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def check_tables(train: Table, test: Table, targets: Sequence[str], id: str, *, train_only: Sequence[str] = ()) -> None:
    """Refuse tables that are not one competition's: unique ids, targets in train only, the same columns of one kind.

    Columns in `train_only` (a fold or group column) may be missing in test.
    """
    for name, table in (("train", train), ("test", test)):
        check_rows(name, table, id)
    check_columns(train, test, targets, train_only)
    for target in targets:
        holes = train.index[train[target].isna()]
        if len(holes):
            raise ValueError(
                f"train: expected a {target!r} in every row, got none in {len(holes)} rows ({id} {shorten(holes)}): "
                "drop these rows in load or fill them in"
            )
    for column in test.columns:
        check_kinds(column, train[column], test[column])


def check_rows(name: str, table: Table, id: str) -> None:
    """Refuse a table that is empty, indexed by something else or repeats an id."""
    if not len(table):
        raise ValueError(f"{name}: expected rows, got none: is the file complete, does load drop them?")
    if table.index.name != id:
        raise ValueError(f"{name}: expected an index named {id!r}, got {table.index.name!r}: read it with read_table")
    if not table.index.is_unique:
        twice = table.index[table.index.duplicated()].unique()
        raise ValueError(
            f"{name}: expected every {id} once, got {len(twice)} repeated ({shorten(twice)}): drop all but one"
        )


def check_columns(train: Table, test: Table, targets: Sequence[str], train_only: Sequence[str]) -> None:
    """Refuse targets that are missing in train or present in test, and columns or an order that differ."""
    if absent := [target for target in targets if target not in train]:
        raise ValueError(
            f"train: expected target {shorten(absent)}, got columns {shorten(train.columns)}: is it the test file?"
        )
    if given := [target for target in targets if target in test]:
        raise ValueError(
            f"test: expected no target, got {shorten(given)}: is it the train file? Drop it in load if not"
        )
    expected = [column for column in train.columns if column not in {*targets, *train_only}]
    got = [column for column in test.columns if column not in train_only]
    missing = [column for column in expected if column not in test]
    extra = [column for column in got if column not in train]
    if missing or extra:
        raise ValueError(
            f"test: expected the columns of train without targets, got missing: {shorten(missing) or 'none'}; "
            f"extra: {shorten(extra) or 'none'}: are both files of this competition?"
        )
    if got != expected:
        place = next(place for place, (one, other) in enumerate(zip(expected, got, strict=True)) if one != other)
        raise ValueError(
            f"test: expected the columns in train's order, got {got[place]!r} instead of {expected[place]!r} as column "
            f"{place + 1}: if the files are right, reorder in load with test[train.columns.drop(targets)]"
        )


def check_kinds(name: str, train: pd.Series, test: pd.Series) -> None:
    """Refuse a column of numbers in one table that is none in the other; one without a value fits any."""
    kinds = (kind_of(train), kind_of(test))
    if kinds[0] == kinds[1] or train.isna().all() or test.isna().all():
        return
    odd = test if kinds[0] == "number" else train
    unread = odd.notna() & pd.to_numeric(odd, errors="coerce").isna() if {*kinds} == {"number", "text"} else odd.notna()
    shown = [f"{cell!r} ({id})" for id, cell in odd[unread if unread.any() else odd.notna()].head(3).items()]
    raise ValueError(
        f"column {name!r}: expected one kind in both tables, got {kinds[0]} in train and {kinds[1]} in test, such as "
        f"{', '.join(shown)}: mend these cells, or read the column as text in both"
    )


def kind_of(cells: pd.Series) -> str:
    """In a word, what a column holds: number, text, time or reference."""
    kind = cells.dtype.categories.dtype if isinstance(cells.dtype, pd.CategoricalDtype) else cells.dtype
    if types.is_numeric_dtype(kind):
        return "number"
    if types.is_datetime64_any_dtype(kind) or types.is_timedelta64_dtype(kind):
        return "time"
    if isinstance(kind, pd.StringDtype):
        return "text"
    first = next(iter(cells.dropna()), "")
    return "text" if isinstance(first, str) else "reference"


def align_types(train: Table, test: Table) -> tuple[Table, Table]:
    """Both tables with one type per shared column, wide enough for either's values."""
    shared = [name for name in train.columns if name in test and train[name].dtype != test[name].dtype]
    kinds = {name: common_type(train[name], test[name]) for name in shared}
    coarse = [name for name in shared if {train[name].dtype, test[name].dtype} == {FLOAT, DOUBLE}]
    return cast(train, kinds, coarse), cast(test, kinds, coarse)


def cast(table: Table, kinds: Mapping[str, Any], coarse: Sequence[str]) -> Table:
    """A table with columns of other types, cast together so that they need not lie apart in memory."""
    changed = [name for name in kinds if table[name].dtype != kinds[name] and name not in coarse]
    if not changed and not coarse:
        return table
    parts = [table.drop(columns=[*changed, *coarse]), rounded(table[coarse])]
    groups = {kind: [name for name in changed if kinds[name] == kind] for kind in map(kinds.get, changed)}
    parts += [table[names].astype(kind) for kind, names in groups.items()]
    return pd.concat(parts, axis=1)[list(table.columns)]


def rounded(cells: pd.DataFrame) -> pd.DataFrame:
    """Fractions as float64, rounded to float32 where reading rounds them: what is equal in two files stays equal."""
    with np.errstate(over="ignore"):  # values beyond float32 are kept as they are
        return cells.where(cells.abs() > WHOLE, cells.astype(FLOAT)).astype(DOUBLE)


def common_type(one: pd.Series, other: pd.Series) -> np.dtype | pd.api.extensions.ExtensionDtype:
    """The type that holds the values of both columns; a column without a value takes the other's."""
    if any(isinstance(cells.dtype, pd.CategoricalDtype) for cells in (one, other)):
        categories = [cells.astype("category").cat.categories for cells in (one, other)]
        return pd.CategoricalDtype(categories[0].append(categories[1]).unique())
    kinds = (kind_of(one), kind_of(other))
    if "number" in kinds and kinds[0] != kinds[1]:
        return one.dtype if kinds[1] == "number" else other.dtype
    if kinds == ("text", "text"):
        return TEXT
    return np.result_type(one.dtype, other.dtype)


def check_classes(cells: pd.Series, classes: Sequence[object]) -> None:
    """Refuse target cells that are none of the classes."""
    strange = cells[~cells.isin(classes)]
    if len(strange):
        raise ValueError(
            f"target {cells.name!r}: expected one of the classes {shorten(classes, 50)}, got {len(strange)} others, "
            f"{shorten(strange.unique())} ({cells.index.name} {shorten(strange.index)}): mend or drop them in load"
        )


def check_sample(test: Ids, sample: Ids, name: str = "sample_submission.csv") -> None:
    """Refuse a sample_submission whose ids are not those of the test table, in whatever order."""
    if sample.equals(test):
        return
    if not sample.is_unique:
        raise ValueError(
            f"{name}: expected every id once, got again {shorten(sample[sample.duplicated()])}: download it anew"
        )
    missing, extra = test.difference(sample, sort=False), sample.difference(test, sort=False)
    if not len(missing) and not len(extra):
        return
    bare = {id.lstrip("0"): id for id in missing.astype(str)}
    lost = [f"{bare[id.lstrip('0')]!r} there is {id!r} here" for id in extra.astype(str) if id.lstrip("0") in bare]
    advice = f"leading zeros differ ({shorten(lost, 2)}): download it again" if lost else "is it another competition's?"
    raise ValueError(
        f"{name}: expected the {len(test)} ids of the test table, got {len(sample)} ids: {len(missing)} missing "
        f"({shorten(missing) or '-'}), {len(extra)} unknown ({shorten(extra) or '-'}): {advice}"
    )
