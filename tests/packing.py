"""Archives for tests: as Kaggle ships them, and as it never would."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import py7zr

from pipelines.kaggle.unpack import prepare

NEEDED = ("train", "test", "train_labels.csv", "sample_submission.csv")
PHOTOS = {number: random.Random(number).randbytes(200) for number in range(1, 9)}
LABELS = b"name,invasive\n" + b"".join(b"%d,%d\n" % (number, number % 2) for number in PHOTOS)
MAKERS = ("zip", "7z")


def quiet(items, total, what) -> Iterator:
    return iter(items)


def unpack(root: Path, needed=NEEDED) -> list[str]:
    said: list[str] = []
    prepare(root, needed, said.append, quiet)
    return said


def packed(kind: str, files: Mapping[str, bytes], password: str | None = None) -> bytes:
    """An archive of these files; names that its library would not write are written all the same."""
    made = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return made.getvalue()
    with py7zr.SevenZipFile(made, "w", password=password) as archive:
        for name, content in files.items():
            archive.writestr(content, "plain")
            archive.header.files_info.files[-1]["filename"] = name
    return made.getvalue()


def photos(prefix: str = "") -> dict[str, bytes]:
    return {f"{prefix}{number}.jpg": content for number, content in PHOTOS.items()}


def kaggle_download() -> bytes:
    """invasive-species-monitoring.zip: 7z archives of photos, zipped CSVs."""
    inner = {
        "sample_submission.csv.zip": packed("zip", {"sample_submission.csv": b"name,invasive\n1,0.5\n"}),
        "test.7z": packed("7z", photos("test/")),
        "train.7z": packed("7z", photos("train/")),
        "train_labels.csv.zip": packed("zip", {"train_labels.csv": LABELS, "__MACOSX/._train_labels.csv": b"fork"}),
    }
    return packed("zip", inner)


def contents(root: Path) -> dict[str, bytes]:
    """Every file under root."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
