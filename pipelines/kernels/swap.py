"""A larger test set under other ids, made of the visible one's rows and files: what the scoring run swaps in."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.contract import Competition
from pipelines.faults import text_of
from pipelines.loading import SAMPLE
from pipelines.reading import find_file, opened
from submissions.place import placed
from submissions.sample import read_sample


@dataclass(frozen=True)
class Swap:
    """A swapped test set: the competition's files under their names, and which visible row each row repeats."""

    files: Mapping[str, Path]
    sources: Mapping[str, str]  # id in it -> visible id


def swap_test(competition: Competition, root: Path, folder: Path, rows: int) -> Swap:
    """Write the test files anew with so many rows; other files are left to root."""
    sample = find_file(root, SAMPLE, slug=competition.slug, files=competition.files)
    visible = read_sample(sample).texts
    sources = dict(zip(other_ids(visible, rows), _around(visible, rows), strict=True))
    files = {SAMPLE: repeat_rows(sample, folder / SAMPLE, sources)}
    for name in competition.files:
        if "test" not in Path(name).stem.lower():
            continue
        found = find_file(root, name, slug=competition.slug, files=competition.files)
        remade = repeat_files if found.is_dir() else repeat_rows
        files[name] = remade(found, folder / name, sources)
    return Swap(files, sources)


def repeat_rows(path: Path, target: Path, sources: Mapping[str, str]) -> Path:
    """A CSV whose rows of visible ids, told by the first column that holds them, are repeated under the other ids."""
    with opened(path) as stream, text_of(stream) as lines:
        header, *table = [row for row in csv.reader(lines) if row]
    visible = {*sources.values()}
    place = next((at for at in range(len(header)) if any(row[at] in visible for row in table)), None)
    target.parent.mkdir(parents=True, exist_ok=True)
    if place is not None:
        known = {row[place]: row for row in table}
        table = [[*known[old][:place], id, *known[old][place + 1 :]] for id, old in sources.items() if old in known]
    with placed(target) as stream:
        for row in [header, *table]:
            stream.write(_line(row))
    return target


def repeat_files(path: Path, target: Path, sources: Mapping[str, str]) -> Path:
    """A folder whose files named after visible ids are there under the other ids."""
    target.mkdir(parents=True)
    named: dict[str, Path] = {}
    for file in path.rglob("*"):
        named |= {file.name: file, file.stem: file} if file.is_file() else {}
    for id, old in sources.items():
        if old in named:
            ending = "" if named[old].name == old else named[old].suffix
            place = target / named[old].parent.relative_to(path) / f"{id}{ending}"
            place.parent.mkdir(parents=True, exist_ok=True)
            _written(named[old], place, id)
    return target


def other_ids(visible: Sequence[str], count: int) -> list[str]:
    """So many ids of the visible ones' kind that are none of them: numbers count on, texts are drawn anew."""
    used = {*visible}
    if all(id.isdigit() for id in visible):
        first, width = max(map(int, visible)) + 1, min(map(len, visible))
        return [str(number).zfill(width) for number in range(first, first + count)]
    stems = [id.rpartition(".")[0] or id for id in visible]
    draw = _drawer("".join(stems))
    found: list[str] = []
    for number, old in enumerate(_around(visible, count)):
        stem = old.rpartition(".")[0] or old
        fresh = next(text for text in draw(stem, number) if text + old[len(stem) :] not in used)
        found.append(fresh + old[len(stem) :])
        used.add(found[-1])
    return found


def _drawer(letters: str) -> Callable[[str, int], Iterator[str]]:
    """Draws texts like one: each letter replaced by one of its kind, of those that occur where they are hexadecimal."""
    hexadecimal = all(letter in string.hexdigits or not letter.isalnum() for letter in letters)
    kinds = (string.digits, string.ascii_lowercase, string.ascii_uppercase)

    def draw(text: str, number: int) -> Iterator[str]:
        for attempt in range(1_000_000):
            numbers = hashlib.shake_128(f"{text} {number} {attempt}".encode()).digest(len(text))
            yield "".join(_letter(letter, n) for letter, n in zip(text, numbers, strict=True))

    def _letter(letter: str, number: int) -> str:
        if hexadecimal and letter.isalnum():
            return "0123456789abcdef"[number % 16]
        kind = next((kind for kind in kinds if letter in kind), letter)
        return kind[number % len(kind)]

    return draw


def _around(visible: Sequence[str], count: int) -> list[str]:
    return [visible[number % len(visible)] for number in range(count)]


def _line(row: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _written(file: Path, place: Path, id: str) -> None:
    """The same file; of a JPEG the same picture in other bytes, so that nothing is known by its content."""
    if file.suffix.lower() in (".jpg", ".jpeg"):
        with file.open("rb") as stream:
            start, rest = stream.read(2), stream.read()
        words = id.encode()[:1000]
        comment = b"\xff\xfe" + (len(words) + 2).to_bytes(2, "big") + words  # a segment that decoders pass over
        place.write_bytes(start + (comment if start == b"\xff\xd8" else b"") + rest)
        return
    try:
        os.link(file, place)
    except OSError:  # another disk, or one without links
        shutil.copyfile(file, place)
