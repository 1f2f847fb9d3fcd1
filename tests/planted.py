"""A generated set of photos with planted copies: same scenes with other objects, blank images, and what copying does.

Photos are dead leaves (patches of all sizes that hide each other, the model with photographs' edges and spectrum) under
texture, light and camera noise. Nothing here knows how copies are found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

KINDS = ("re-encoded", "resized", "cropped", "brighter", "mirrored", "crop, mirror", "crop, brighter", "all at once")
SIDES = ((240, 320), (320, 240), (240, 240), (213, 320), (320, 213), (180, 320))
SCENES = ("leaves", "leaves", "leaves", "leaves", "smooth", "grass", "studio", "night")
SERIES = (2, 3, 5, 8, 20, 60, 200)  # photos of one scene
BLANK = 0.03  # share of distinct images that are near-uniform


@dataclass(frozen=True)
class Photo:
    """One image to be made: of a scene, in a series or alone, and for a copy how it was made."""

    number: int
    scene: int  # photos of one series share it
    origin: int  # the number of the photo it is a copy of, else its own
    kind: str = ""  # of copy
    blank: int = 0  # its number among the near-uniform ones


def plan_set(count: int, seed: int) -> list[Photo]:
    """What the images will be: a fifth copies, a third of the others in series, some near-uniform."""
    draw = np.random.default_rng(seed)
    distinct = count - count // 5
    photos: list[Photo] = []
    blanks = 0
    while len(photos) < distinct:
        most = distinct - len(photos)
        size = int(min(draw.choice(SERIES), most)) if len(photos) < distinct / 3 else 1
        scene, plain = len(photos), size == 1 and draw.random() < BLANK * 1.5
        blanks += plain
        photos += [Photo(scene + place, scene, scene + place, blank=blanks * plain) for place in range(size)]
    for number in range(distinct, count):
        origin = photos[int(draw.integers(distinct))]
        kinds = [kind for kind in KINDS if not (origin.blank and ("bright" in kind or "all" in kind))]
        kind = kinds[number % len(kinds)]  # nothing tells a brighter blank from another blank
        photos.append(Photo(number, origin.scene, origin.number, kind, origin.blank))
    return photos


def write_set(folder: Path, count: int, seed: int) -> tuple[list[Path], list[Photo]]:
    """Write the images as JPEG files; their paths and what they are, in an order that says nothing."""
    photos = plan_set(count, seed)
    order = np.random.default_rng([seed, 1]).permutation(count)
    photos = [photos[place] for place in order]
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{place:05}.jpg" for place in range(count)]

    def write(place: int) -> None:
        pixels, quality = make(photos[place], seed)
        cv2.imwrite(str(paths[place]), pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(count)))
    return paths, photos


def make(photo: Photo, seed: int) -> tuple[np.ndarray, int]:
    """The pixels of one image, uint8 (height, width, 3), and the JPEG quality it is written with."""
    pixels = take(photo, seed)
    if not photo.kind:
        return pixels, int(np.random.default_rng([seed, 3, photo.number]).integers(85, 98))
    draw = np.random.default_rng([seed, 3, photo.number])
    stored = cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1], cv2.IMREAD_COLOR)
    for change in CHANGES[photo.kind]:
        stored = change(stored, draw)
    low = 25 if photo.kind == "re-encoded" else 60
    return stored, int(draw.integers(low, 96))


def take(photo: Photo, seed: int) -> np.ndarray:
    """The original photo of an origin: its scene, its own objects if it is one of a series, light and noise."""
    draw = np.random.default_rng([seed, 2, photo.origin])
    if photo.blank:
        return blank(photo, seed)
    canvas = scene(seed, photo.scene)
    height, width = canvas.shape[0] * 9 // 10, canvas.shape[1] * 9 // 10
    held = photo.scene % 2  # by hand: the frame moves by up to 5 % of a side
    top, left = (draw.integers(0, side // 20) if held else side // 40 for side in canvas.shape[:2])
    frame = canvas[top : top + height, left : left + width].astype(np.float32)
    for _ in range(draw.integers(1, 4)):
        place(frame, draw)
    frame *= 1 + draw.normal(0, 0.02)
    frame += draw.uniform(1, 5) * draw.standard_normal((*frame.shape[:2], 1), np.float32)
    return frame.clip(0, 255).astype(np.uint8)


@lru_cache(64)
def scene(seed: int, number: int) -> np.ndarray:
    """The background that a series shares, a tenth larger than its photos; uint8 (height, width, 3)."""
    draw = np.random.default_rng([seed, 4, number])
    height, width = (side * 10 // 9 for side in SIDES[draw.integers(len(SIDES))])
    name = SCENES[draw.integers(len(SCENES))]
    if name == "studio":
        return np.full((height, width, 3), draw.uniform(225, 252, 3), np.uint8)
    light = waves(draw, (height, width, 1), 4 if name == "smooth" else 6) * draw.uniform(25, 45)
    tint = waves(draw, (height, width, 3), 3) * draw.uniform(3, 12)
    pixels = shade(draw).clip(60, 190).astype(np.float32) + light + tint
    if name in ("leaves", "night"):
        leaves(pixels, draw, int(draw.integers(60, 300)))
    grain = {"smooth": 2, "grass": draw.uniform(20, 45)}.get(name, draw.uniform(3, 14))
    pixels += grain * waves(draw, (height, width, 1), 110)
    if name == "night":
        pixels = pixels * 0.18 + 6
    return pixels.clip(0, 255).astype(np.uint8)


def shade(draw: np.random.Generator) -> np.ndarray:
    """A colour, (3,): of any lightness, most of them muted."""
    return (draw.uniform(10, 245) + draw.normal(0, draw.choice([10, 40]), 3)).clip(0, 255)


def leaves(pixels: np.ndarray, draw: np.random.Generator, count: int) -> None:
    """Patches of all sizes that hide each other, each of a colour of the scene's."""
    height, width = pixels.shape[:2]
    palette = [shade(draw) for _ in range(6)]
    radii = np.minimum(0.015 / np.sqrt(draw.uniform(0.001, 1, count)), 0.4) * height  # numbers fall as 1/r^3
    for radius in radii:
        colour = (palette[draw.integers(6)] + draw.normal(0, 12, 3)).clip(0, 255)
        blob(pixels, draw, (draw.uniform(0, width), draw.uniform(0, height)), float(radius), colour)


def blob(
    pixels: np.ndarray, draw: np.random.Generator, at: tuple[float, float], radius: float, colour: np.ndarray
) -> None:
    """A filled ellipse or a polygon."""
    if draw.random() < 0.5:
        box = (at, (2 * radius, 2 * radius * draw.uniform(0.3, 1)), draw.uniform(0, 180))
        cv2.ellipse(pixels, box, colour.tolist(), -1, cv2.LINE_AA)
        return
    angles = np.sort(draw.uniform(0, 2 * np.pi, draw.integers(3, 7)))
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius + at
    cv2.fillPoly(pixels, [corners.round().astype(np.int32)], colour.tolist(), cv2.LINE_AA)


def place(frame: np.ndarray, draw: np.random.Generator) -> None:
    """Put an object of 7 to 35 % of the height into a photo, in two tones, well apart from what it covers."""
    height, width = frame.shape[:2]
    radius = draw.uniform(0.035, 0.175) * height
    at = (draw.uniform(0.1, 0.9) * width, draw.uniform(0.1, 0.9) * height)
    behind = frame[int(at[1]), int(at[0])]
    colour = shade(draw)
    while np.abs(colour - behind).mean() < 35:
        colour = shade(draw)
    for part in range(4):
        shift = draw.normal(0, 0.5 if part else 0, 2) * radius
        spot = (float(at[0] + shift[0]), float(at[1] + shift[1]))
        blob(frame, draw, spot, radius * (1 if not part else 0.5), (colour + draw.normal(0, 12, 3)).clip(0, 255))


def waves(draw: np.random.Generator, shape: tuple[int, int, int], finest: int) -> np.ndarray:
    """A random field of unit spread whose power falls with frequency, up to so many waves a side."""
    total, side = np.zeros(shape, np.float32), finest
    while side >= 2:
        field = draw.standard_normal((side, side, shape[2]), np.float32)
        total += cv2.resize(field, shape[1::-1], interpolation=cv2.INTER_CUBIC).reshape(shape)
        side //= 2
    return total / max(float(total.std()), 1e-6)


def blank(photo: Photo, seed: int) -> np.ndarray:
    """A near-uniform image, black, white or of any colour, with a faint slope and noise; 12 levels from any other."""
    draw = np.random.default_rng([seed, 2, photo.origin])
    shape = (*SIDES[draw.integers(len(SIDES))], 3)
    colour = 12 * np.array(np.unravel_index(photo.blank * 4391 % 22**3 if photo.blank > 1 else 0, (22, 22, 22)))
    slope, noise = draw.uniform(0, 3), draw.uniform(0, 4)
    pixels = colour + slope * waves(draw, shape, 2) + noise * draw.standard_normal(shape, np.float32)
    return pixels.clip(0, 255).astype(np.uint8)


Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def resized(pixels: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """At 0.4 to 1.6 times its size, by any way of interpolating."""
    ratio = draw.uniform(0.4, 1.6)
    how = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[draw.integers(3)]
    return cv2.resize(pixels, None, fx=ratio, fy=ratio, interpolation=how)


def cropped(pixels: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Without up to 10 % of each side in all, cut unevenly."""
    window = []
    for side in pixels.shape[:2]:
        total = draw.uniform(0.02, 0.1) * side
        start = int(draw.uniform(0, 1) * total)
        window.append(slice(start, side - int(total - start)))
    return pixels[window[0], window[1]]


def brighter(pixels: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Brighter or darker by a shift or by a factor, clipped."""
    if draw.random() < 0.5:
        shifted = pixels + draw.choice([-1, 1]) * draw.uniform(10, 45)
    else:
        shifted = pixels * draw.uniform(0.7, 1.35)
    return shifted.clip(0, 255).astype(np.uint8)


def mirrored(pixels: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Left is right."""
    return np.ascontiguousarray(pixels[:, ::-1])


CHANGES: dict[str, tuple[Change, ...]] = {
    "re-encoded": (),
    "resized": (resized,),
    "cropped": (cropped,),
    "brighter": (brighter,),
    "mirrored": (mirrored,),
    "crop, mirror": (cropped, mirrored),
    "crop, brighter": (cropped, brighter),
    "all at once": (cropped, mirrored, brighter, resized),
}


@dataclass(frozen=True)
class Verdict:
    """How well groups match what was planted, in pairs of images; and per kind the share of copies found."""

    recall: float
    precision: float
    kinds: dict[str, float]


def judge(groups: np.ndarray, photos: list[Photo]) -> Verdict:
    """The verdict on the group of each image, -1 for none."""
    place = {photo.number: row for row, photo in enumerate(photos)}
    origins = [photo.origin for photo in photos]
    found = [group for group in groups.tolist() if group >= 0]
    both = [pair for pair in zip(groups.tolist(), origins, strict=True) if pair[0] >= 0]
    hits: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for row, photo in enumerate(photos):
        if photo.kind:
            hits[photo.kind].append(groups[row] >= 0 and groups[row] == groups[place[photo.origin]])
    kinds = {kind: float(np.mean(each)) for kind, each in hits.items() if each}
    return Verdict(_pairs(both) / max(_pairs(origins), 1), _pairs(both) / max(_pairs(found), 1), kinds)


def _pairs(names: Iterable[Hashable]) -> int:
    """The pairs of equal names."""
    return sum(count * (count - 1) // 2 for count in Counter(names).values())
