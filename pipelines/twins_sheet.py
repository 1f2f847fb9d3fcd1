"""Groups of near-duplicate images drawn side by side, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.runfolder import replacing

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

SIDE, GAP, LINE = 160, 8, 14  # pixels
ACROSS, DOWN = 8, 10  # tiles on a page
MOST = 24  # tiles of a group; of a larger one the first are drawn and the rest counted
PAGES = 50  # more are not looked at
CONFLICT, PLAIN, INK = (200, 0, 0), (210, 210, 210), (0, 0, 0)


@dataclass(frozen=True)
class Tile:
    """One image of a group, and what is written under it."""

    group: int
    image: Path
    lines: Sequence[str]


def draw_groups(tiles: Sequence[Tile], marked: set[int], stem: Path) -> Iterator[Path]:
    """Draw the groups, the marked ones first and framed, to stem-1.png and so on; the pages, older ones deleted."""
    for old in stem.parent.glob(f"{stem.name}-[0-9]*.png"):
        old.unlink()
    ordered = sorted(tiles, key=lambda tile: (tile.group not in marked, tile.group))
    rows = [row for _, group in groupby(ordered, key=lambda tile: tile.group) for row in _rows(list(group))]
    for number, start in enumerate(range(0, min(len(rows), DOWN * PAGES), DOWN), start=1):
        path = stem.with_name(f"{stem.name}-{number}.png")
        page = _page(rows[start : start + DOWN], marked)
        with replacing(path) as draft:
            page.save(draft, "PNG")
        yield path


def _rows(group: list[Tile]) -> list[tuple[str, list[Tile]]]:
    """A group as rows of a page, each with its heading."""
    more = f", the first {MOST} shown" if len(group) > MOST else ""
    heading = f"group {group[0].group}: {len(group)} images{more}"
    shown = group[:MOST]
    rows = [shown[start : start + ACROSS] for start in range(0, len(shown), ACROSS)]
    return [(heading if not number else "", row) for number, row in enumerate(rows)]


def _page(rows: Sequence[tuple[str, list[Tile]]], marked: set[int]) -> Image.Image:
    from PIL import Image, ImageDraw

    most = max(len(tile.lines) for _, row in rows for tile in row)
    height = SIDE + (most + 1) * LINE + 2 * GAP
    width = max(len(row) for _, row in rows) * (SIDE + GAP) + GAP
    page = Image.new("RGB", (max(width, 2 * SIDE), height * len(rows) + GAP), "white")
    pen = ImageDraw.Draw(page)
    for number, (heading, row) in enumerate(rows):
        top, conflict = GAP + number * height, row[0].group in marked
        words = heading + ": CONFLICTING TARGETS" * (conflict and bool(heading))
        pen.text((GAP, top), words, fill=CONFLICT if conflict else INK)
        for place, tile in enumerate(row):
            _draw(page, pen, tile, (GAP + place * (SIDE + GAP), top + LINE), CONFLICT if conflict else PLAIN)
    return page


def _draw(page: Image.Image, pen: ImageDraw.ImageDraw, tile: Tile, at: tuple[int, int], frame: tuple[int, ...]) -> None:
    from PIL import Image

    from features.decode import read
    from features.reading import Reading

    reading = Reading(height=SIDE, width=SIDE, fit="letterbox", bars=(255, 255, 255))
    page.paste(Image.fromarray(read(tile.image, reading)), at)
    pen.rectangle((at[0] - 2, at[1] - 2, at[0] + SIDE + 1, at[1] + SIDE + 1), outline=frame, width=2)
    for number, line in enumerate(tile.lines):
        short = line if len(line) <= 26 else line[:25] + "…"
        pen.text((at[0], at[1] + SIDE + 3 + number * LINE), short, fill=INK)
