"""Read back what wandb wrote offline: its log is cut into blocks as LevelDB cuts its own, its records are protobuf."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

START = b":W&B"
BLOCK, HEAD = 32768, 7  # bytes; a chunk's head: checksum (4), length (2), kind (1)
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4  # a whole record, or the parts of one that spans blocks


@dataclass
class Written:
    """All that the folders of one W&B run hold, in the order in which `wandb sync` sends them."""

    about: Any = None  # the run record
    settings: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: list[Any] = field(default_factory=list)
    axes: dict[str, str] = field(default_factory=dict)
    exits: list[int] = field(default_factory=list)

    def steps(self) -> list[int]:
        return [row["_step"] for row in self.history]

    def curve(self, name: str, axis: str = "step") -> list[tuple[float, float]]:
        return [(row[axis], row[name]) for row in self.history if name in row]


def read_folders(wandb: Path) -> dict[str, Written]:
    """The W&B runs under a wandb folder, by id."""
    found: dict[str, Written] = {}
    for path in sorted(wandb.glob("offline-run-*/*.wandb")):  # the folder's name begins with its time
        written = found.setdefault(path.stem.removeprefix("run-"), Written())
        for record in records(path.read_bytes()):
            take(written, record)
    return found


def take(written: Written, record: Record) -> None:
    kind = record.WhichOneof("record_type")
    if kind == "run":
        written.about = record.run
        written.settings |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
    elif kind == "history":
        written.history.append({named(item): json.loads(item.value_json) for item in record.history.item})
    elif kind == "summary":
        written.summary |= {named(item): json.loads(item.value_json) for item in record.summary.update}
    elif kind == "artifact":
        written.artifacts.append(record.artifact)
    elif kind == "metric":
        written.axes[record.metric.name] = record.metric.step_metric
    elif kind == "exit":
        written.exits.append(record.exit.exit_code)


def named(item: Any) -> str:
    return item.key or "/".join(item.nested_key)


def records(content: bytes) -> Iterator[Record]:
    """The records of a log; what a kill tore off at its end is left out."""
    assert content[:4] == START
    place, parts = 7, b""
    while place + HEAD <= len(content):
        if BLOCK - place % BLOCK < HEAD:  # no head fits into the rest of a block
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + HEAD])
        chunk = content[place + HEAD : place + HEAD + length]
        place += HEAD + length
        if not kind or len(chunk) < length:
            return
        parts = chunk if kind in (FULL, FIRST) else parts + chunk
        if kind in (FULL, LAST):
            yield Record.FromString(parts)
