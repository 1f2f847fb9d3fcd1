"""Wheels for a kernel: of our own code, and of installed pure-Python packages as they are; all byte for byte alike."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from pipelines.kernels.image import plain
from pipelines.kernels.needs import PACKAGES, ROOT
from submissions.place import placed

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: the same files are the same bytes
LOCAL = {
    "RECORD",
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "uv_cache.json",
    "uv_build.json",
}  # say where and by whom
PYTHON = "3.12"  # the image's


def own_wheel(folder: Path, competition: str) -> Path:
    """Our packages as a wheel, of the competitions only the folder of this one."""
    name, version = "podium", _version("podium")
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in own_files(competition)}
    info = f"{name}-{version}.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: podium\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return write_wheel(folder / f"{name}-{version}-py3-none-any.whl", files, info)


def own_files(competition: str) -> Iterator[Path]:
    """The source files that travel."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).parts
            if package != "competitions" or len(parts) == 2 or parts[1] == competition:
                yield path


def repacked(folder: Path, name: str) -> Path:
    """An installed pure-Python distribution as a wheel again."""
    found = metadata.distribution(name)
    label = found.read_text("WHEEL") or ""
    if "Root-Is-Purelib: true" not in label or "-none-any" not in label:
        raise ValueError(
            f"{name} {found.version}: expected a pure-Python package to take along, got one compiled for this machine, "
            f"which Kaggle's image lacks: fetch the one for Kaggle with pip download --no-deps --only-binary=:all: "
            f"--python-version {PYTHON} {name}=={found.version} -d WHEELS, then build with --wheels WHEELS"
        )
    files, info = {}, ""
    for each in found.files or ():
        if each.parts[0] == ".." or "__pycache__" in each.parts or each.name in LOCAL:
            continue
        files[each.as_posix()] = Path(str(found.locate_file(each))).read_bytes()
        info = each.parts[0] if each.parts[0].endswith(".dist-info") else info
    stem = f"{plain(found.name).replace('-', '_')}-{found.version}"
    return write_wheel(folder / f"{stem}-py3-none-any.whl", files, info)


def write_wheel(path: Path, files: Mapping[str, bytes], info: str) -> Path:
    """A wheel of these files, with the record of them that installers want."""
    lines = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in sorted(files.items())]
    record = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with placed(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, content in [*sorted(files.items()), (f"{info}/RECORD", record)]:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


def given_wheels(folder: Path | None) -> dict[str, Path]:
    """The wheels in a folder of the user's, by distribution."""
    if folder is None:
        return {}
    found = {plain(path.name.split("-")[0]): path for path in sorted(folder.glob("*.whl"))}
    if not found:
        raise ValueError(f"--wheels {folder}: expected a folder with wheels (*.whl) in it, got none")
    return found


def take_wheels(folder: Path, names: Sequence[str], given: Mapping[str, Path]) -> list[Path]:
    """A wheel of each distribution in folder: those given, else those installed here."""
    taken = []
    for name in dict.fromkeys([*names, *given]):
        if name in given:
            path = folder / given[name].name
            with placed(path) as stream:
                stream.write(given[name].read_bytes())
            taken.append(path)
        else:
            taken.append(repacked(folder, name))
    return taken


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "0"
