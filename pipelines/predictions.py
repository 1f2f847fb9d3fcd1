"""Predictions on disk: ids and values in parquet, carrying the fingerprints of what made them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contract import Ids, Values
from submissions.place import replacing

FLAT = 64  # values per row that get a column each; wider ones share one list column


@dataclass(frozen=True)
class Predictions:
    """Arrays of one row per id, by name, and the marks that travel with them."""

    ids: Ids
    arrays: Mapping[str, np.ndarray]
    marks: Mapping[str, str]


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write atomically; the same content gives the same bytes."""
    columns: dict[str, pa.Array] = {str(predictions.ids.name): pa.array(predictions.ids.astype(str), pa.string())}
    shapes = {}
    for name, array in predictions.arrays.items():
        flat = np.ascontiguousarray(array).reshape(len(array), -1)
        shapes[name] = array.shape[1:]
        columns.update(_columns(name, flat))
    marks = {**predictions.marks, "shapes": json.dumps(shapes)}
    table = pa.table(columns).replace_schema_metadata({f"podium.{key}": value for key, value in marks.items()})
    with replacing(path) as draft:
        pq.write_table(table, draft, compression="zstd")


def read_predictions(path: Path) -> Predictions:
    """Read what write_predictions wrote."""
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(
            f"{path}: expected predictions, got {error}; remove it and run the same command again"
        ) from None
    stored = table.schema.metadata or {}
    marks = {key.decode()[7:]: value.decode() for key, value in stored.items() if key.startswith(b"podium.")}
    shapes = json.loads(marks.pop("shapes"))
    ids = pd.Index(table.column(0).to_pandas(), name=table.column_names[0], dtype=pd.StringDtype("pyarrow"))
    arrays = {name: _array(table, name, tuple(shape)) for name, shape in shapes.items()}
    return Predictions(ids, arrays, marks)


def collect(chunks: Iterable[tuple[Ids, Values]]) -> tuple[Ids, Values]:
    """All chunks as one."""
    ids, values = zip(*chunks, strict=True)
    return (ids[0].append(list(ids[1:])) if len(ids) > 1 else ids[0]), np.concatenate(values)


def _columns(name: str, flat: np.ndarray) -> dict[str, pa.Array]:
    width = flat.shape[1]
    if width == 1:
        return {name: pa.array(flat[:, 0])}
    if width <= FLAT:
        return {f"{name}_{number}": pa.array(np.ascontiguousarray(flat[:, number])) for number in range(width)}
    return {name: pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), width)}


def _array(table: pa.Table, name: str, shape: tuple[int, ...]) -> np.ndarray:
    width = int(np.prod(shape))
    if 1 < width <= FLAT:
        flat = np.stack([table.column(f"{name}_{number}").to_numpy() for number in range(width)], axis=1)
    elif width == 1:
        flat = table.column(name).to_numpy()[:, None]
    else:
        flat = table.column(name).combine_chunks().flatten().to_numpy()
    return flat.reshape(len(table), *shape)
