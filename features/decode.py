"""Image files to uint8 pixels: every kind read right, broken ones refused by name."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from features.ahead import Steps, ahead, silent
from features.jpeg import decode_jpeg, header_of
from features.masks import coverage, decode_mask
from features.reading import Reading, Size, resize

ORIENTATION = 0x0112  # EXIF tag: 1 upright, 2 to 4 flipped or upside down, 5 to 8 lying on a side
TURNS: Mapping[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}
UNDONE = {6: 8, 8: 6}  # the other turns undo themselves
GLANCE = Reading(height=1, width=1, fit="margin")  # the cheapest reading that still decodes every block
# What PIL and OpenCV raise on files that are not what they should be; SyntaxError is PIL's for a broken PNG.
UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    struct.error,
    cv2.error,
    Image.DecompressionBombError,
)


class BrokenImages(ValueError):
    """Files that cannot be read as images, and why."""

    def __init__(self, reasons: Mapping[Path, str]) -> None:
        self.reasons = dict(reasons)
        lines = "".join(f"\n  {path}: {reason}" for path, reason in self.reasons.items())
        count = "a broken one" if len(self.reasons) == 1 else f"{len(self.reasons)} broken ones"
        super().__init__(
            f"expected readable image files, got {count}:{lines}\n"
            "replace them, or name them in a list of images to skip (--skip-broken FILE)"
        )


def read(path: Path, reading: Reading) -> np.ndarray:
    """The pixels of an image file, uint8 (height, width, channels)."""
    return decode(path.read_bytes(), reading, path)


def decode(content: bytes, reading: Reading, path: Path) -> np.ndarray:
    """The pixels of an image file's content, uint8 (height, width, channels); path is for the error."""
    with naming(path, content):
        return _decode(content, reading)


def read_mask(path: Path) -> np.ndarray:
    """The pixels of a mask file at its own size, uint8 (height, width) of 0 and 1."""
    content = path.read_bytes()
    with naming(path, content):
        return decode_mask(content)


@contextmanager
def naming(path: Path, content: bytes) -> Iterator[None]:
    """Turns what is raised on content that is not as it should be into an error that names the file."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise BrokenImages({path: f"no known image format, it starts with {content[:12]!r}"}) from error
    except UNREADABLE as error:
        raise BrokenImages({path: str(error) or type(error).__name__}) from error


def shape_of(path: Path, reading: Reading) -> tuple[int, int, int]:
    """The shape its pixels will have, from the file's header alone."""
    with Image.open(path) as image:
        return reading.shape(*_lying(image.size[::-1], _turn_of(image, reading)))


def decode_ahead(paths: Iterable[Path], reading: Reading, workers: int, depth: int = 0) -> Iterator[np.ndarray]:
    """The pixels of files that are read once, in order, decoded by threads ahead of the reader; nothing is kept."""
    return ahead(lambda path: read(path, reading), paths, workers, depth)


def scan(paths: Sequence[Path], workers: int, steps: Steps = silent) -> dict[Path, str]:
    """Why files cannot be read, for all that cannot; every file is decoded, small."""
    try:
        for _ in read_each(lambda path: read(path, GLANCE), paths, workers, steps):
            pass
    except BrokenImages as broken:
        return broken.reasons
    return {}


def read_each(
    work: Callable[[Path], Any], paths: Sequence[Path], workers: int, steps: Steps
) -> Iterator[tuple[Path, Any]]:
    """(path, work(path)) of each file in order; the broken ones are passed over and raised together at the end."""

    def attempt(path: Path) -> tuple[Path, Any, dict[Path, str]]:
        try:
            return path, work(path), {}
        except BrokenImages as broken:
            return path, None, broken.reasons
        except OSError as error:
            return path, None, {path: error.strerror or str(error)}

    reasons: dict[Path, str] = {}
    for path, made, broken in steps(ahead(attempt, paths, workers), len(paths), "reading images"):
        reasons.update(broken)
        if not broken:
            yield path, made
    if reasons:
        raise BrokenImages(reasons)


def _decode(content: bytes, reading: Reading) -> np.ndarray:
    if not content:
        raise ValueError("the file is empty")
    if reading.mask:
        mask = decode_mask(content)[:, :, None]
        return reading.framed(coverage(mask, reading.scaled(*mask.shape[:2]), reading.nearest))
    header = header_of(content)
    if header is None:
        return _decode_other(content, reading)
    turn = _orientation(partial(_exif, header.exif)) if header.exif and reading.orient else 1
    scaled = _lying(reading.scaled(*_lying(header.size, turn)), turn)
    pixels = decode_jpeg(content, header, scaled, reading.channels, reduce=not reading.nearest)
    pixels = resize(pixels, scaled, reading.nearest)
    return _upright(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if reading.channels == 3 else pixels, turn, reading)


def _decode_other(content: bytes, reading: Reading) -> np.ndarray:
    """What is no common JPEG, through PIL."""
    with Image.open(io.BytesIO(content)) as image:
        turn = _turn_of(image, reading)
        scaled = _lying(reading.scaled(*_lying(image.size[::-1], turn)), turn)
        return _upright(resize(_flatten(image, reading), scaled, reading.nearest), turn, reading)


def _upright(pixels: np.ndarray, turn: int, reading: Reading) -> np.ndarray:
    """Resized pixels turned, then cut or padded to their shape."""
    return reading.framed(TURNS[turn](pixels) if turn in TURNS else pixels)


def _lying(size: Size, turn: int) -> Size:
    """A size as it is on the other side of a turn."""
    return size[::-1] if turn > 4 else size


def _turn_of(image: Image.Image, reading: Reading) -> int:
    """The EXIF orientation that is still to be applied to what PIL loads."""
    tag = _orientation(image.getexif)
    if image.format == "TIFF":  # PIL turns these by itself
        return 1 if reading.orient else UNDONE.get(tag, tag)
    return tag if reading.orient else 1


def _orientation(load: Callable[[], Image.Exif]) -> int:
    """The orientation that an image's Exif tags ask for; tags that cannot be read, or mean nothing, ask for none."""
    try:
        tag: int = load().get(ORIENTATION, 1)
    except (SyntaxError, EOFError, LookupError, ValueError, struct.error):
        return 1
    return tag if tag in TURNS else 1


def _exif(segment: bytes) -> Image.Exif:
    tags = Image.Exif()
    tags.load(segment)
    return tags


def _flatten(image: Image.Image, reading: Reading) -> np.ndarray:
    """An image of any mode as 8-bit pixels (h, w, channels), transparency laid on the background."""
    if image.mode.startswith("I"):
        gray = _narrow(np.asarray(image))
        return np.repeat(gray[:, :, None], reading.channels, axis=2)
    if image.mode == "F":
        raise ValueError("its pixels are floats of no stated range; store it with 8 or 16 bits")
    if image.has_transparency_data:
        behind = Image.new("RGBA", image.size, (*reading.background, 255))
        image = Image.alpha_composite(behind, image.convert("RGBA"))
    colours = image.convert("RGB")
    return np.array(colours) if reading.channels == 3 else np.array(colours.convert("L"))[:, :, None]


def _narrow(wide: np.ndarray) -> np.ndarray:
    """16-bit gray as 8-bit: the high byte, as for 16-bit colours; never clipped."""
    if wide.size and not 0 <= wide.min() <= wide.max() <= 0xFFFF:
        raise ValueError(f"its pixels span {wide.min()} to {wide.max()}; expected at most 16 bits, 0 to 65535")
    return (wide.astype(np.uint16) >> 8).astype(np.uint8)
