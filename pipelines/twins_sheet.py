"""Groups of near-duplicate images drawn side by side, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from submissions.place import replacing

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


@dataclass(frozen=True)
class Block:
    """Tiles of one group that stand in one row, and what is written above them."""

    heading: str
    tiles: Sequence[Tile]
    conflict: bool

    @property
    def width(self) -> int:
        """Pixels, with the gap to the next."""
        return len(self.tiles) * (SIDE + GAP) + 2 * GAP


@dataclass(frozen=True)
class Sheet:
    """Groups to draw, those with conflicting targets first and framed."""

    tiles: Sequence[Tile]
    marked: set[int]

    def draw(self, stem: Path) -> Iterator[Path]:
        """Draw to stem-1.png and so on; the pages, older ones deleted."""
        for old in stem.parent.glob(f"{stem.name}-[0-9]*.png"):
            old.unlink(missing_ok=True)  # another audit may be at it too
        rows = self._rows[: DOWN * PAGES]
        for number, start in enumerate(range(0, len(rows), DOWN), start=1):
            path = stem.with_name(f"{stem.name}-{number}.png")
            page = _page(rows[start : start + DOWN])
            with replacing(path) as draft:
                page.save(draft, "PNG")
            yield path

    @property
    def left_out(self) -> int:
        """Groups beyond the last page."""
        return sum(bool(block.heading) for row in self._rows[DOWN * PAGES :] for block in row)

    @cached_property
    def _rows(self) -> list[list[Block]]:
        """All blocks, as many in a row as have room."""
        ordered = sorted(self.tiles, key=lambda tile: (tile.group not in self.marked, tile.group))
        rows: list[list[Block]] = []
        for group, members in groupby(ordered, key=lambda tile: tile.group):
            for block in _blocks(list(members), group in self.marked):
                room = ACROSS - sum(len(each.tiles) for each in rows[-1]) if rows else 0
                if len(block.tiles) <= room:
                    rows[-1].append(block)
                else:
                    rows.append([block])
        return rows


def _blocks(group: list[Tile], conflict: bool) -> Iterator[Block]:
    """A group as blocks of a page, the first with its heading."""
    more = f", the first {MOST} shown" if len(group) > MOST else ""
    words = f"group {group[0].group}: {len(group)} images{more}{': CONFLICTING TARGETS' * conflict}"
    shown = group[:MOST]
    for start in range(0, len(shown), ACROSS):
        yield Block(words if not start else "", shown[start : start + ACROSS], conflict)


def _page(rows: Sequence[Sequence[Block]]) -> Image.Image:
    from PIL import Image, ImageDraw

    most = max(len(tile.lines) for row in rows for block in row for tile in block.tiles)
    height = SIDE + (most + 1) * LINE + 2 * GAP
    width = max(sum(block.width for block in row) for row in rows)
    page = Image.new("RGB", (max(width, 2 * SIDE), height * len(rows) + GAP), "white")
    pen = ImageDraw.Draw(page)
    for number, row in enumerate(rows):
        left, top = GAP, GAP + number * height
        for block in row:
            colours = (CONFLICT, CONFLICT) if block.conflict else (INK, PLAIN)
            pen.text((left, top), block.heading, fill=colours[0])
            for place, tile in enumerate(block.tiles):
                _draw(page, pen, tile, (left + place * (SIDE + GAP), top + LINE), colours[1])
            left += block.width
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
