"""The page of a run's pictures: plain HTML that needs nothing but the files beside it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.explain.chart import Chart
from pipelines.figures import save_figure
from pipelines.pictures import Pictures
from submissions.place import replacing

SCREEN = 96  # pixels of an inch on a page
STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 1220px; margin: 2em auto;
       padding: 0 1em; }
h1 { font-size: 1.5em; margin-bottom: 0; } h2 { font-size: 1.2em; margin-top: 2em; border-top: 1px solid #ddd;
     padding-top: 1em; }
figure { margin: 0; } figcaption { max-width: 50em; color: #444; margin-bottom: 1em; }
img { max-width: 100%; height: auto; }
p.note { background: #fff3cd; padding: 0.5em 1em; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85em; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2em 0.8em; border-bottom: 1px solid #eee; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }"""


@dataclass
class Page:
    """A page in the making, and the folder its pictures go to."""

    place: Pictures
    title: str
    parts: list[str] = field(default_factory=list)

    def chart(self, chart: Chart) -> None:
        """A chart under its heading, saved beside the page."""
        path = self.place.picture(chart.name)
        save_figure(chart.figure, path)
        width = round(chart.figure.get_figwidth() * SCREEN)
        self.parts.append(
            f"<h2>{html.escape(chart.title)}</h2>\n<figure>\n<figcaption>{html.escape(chart.caption)}</figcaption>\n"
            f'<img src="{html.escape(path.name)}" width="{width}" alt="{html.escape(chart.title)}">\n</figure>'
        )

    def paragraph(self, text: str, note: bool = False) -> None:
        """A sentence or two; a note stands out."""
        mark = ' class="note"' if note else ""
        self.parts.append(f"<p{mark}>{html.escape(text)}</p>")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], file: Path, caption: str) -> None:
        """A table under its heading, with a link to the file that has more of it."""
        head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
        body = "\n".join(
            "<tr>" + "".join(f"<td>{html.escape(_cell(cell))}</td>" for cell in row) + "</tr>" for row in rows
        )
        link = f'<a href="{html.escape(file.name)}">{html.escape(file.name)}</a>'
        self.parts.append(
            f"<h2>The worst rows, listed</h2>\n<p>{html.escape(caption)} {link}</p>\n"
            f'<div class="wide"><table>\n<tr>{head}</tr>\n{body}\n</table></div>'
        )

    def write(self) -> None:
        """Write the page."""
        title = html.escape(self.title)
        text = "\n".join(
            [
                '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width">',
                f"<title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n<h1>{title}</h1>",
                *self.parts,
                "</body>\n</html>\n",
            ]
        )
        with replacing(self.place.page) as draft:
            draft.write_text(text, encoding="utf-8")


def _cell(cell: object) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)
