"""The pictures of a run: every name in its folder, which is replaced as a whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.holding import alone
from pipelines.runfolder import RunFolder


@dataclass(frozen=True)
class Pictures:
    """A folder of pictures and the page that shows them."""

    root: Path

    @property
    def page(self) -> Path:
        """All pictures with what they show."""
        return self.root / "index.html"

    @property
    def errors(self) -> Path:
        """The rows that were predicted worst."""
        return self.root / "worst.csv"

    def picture(self, name: str) -> Path:
        """One picture."""
        return self.root / f"{name}.png"


def rate_plot(folder: RunFolder) -> Path:
    """The curve that `podium find-rate` draws, beside the run of the same settings."""
    return folder.root.with_name(f"find-rate-{folder.name}.png")


@contextmanager
def drawing(folder: RunFolder) -> Iterator[Pictures]:
    """A folder to draw in; it takes the place of the run's pictures once all of them are there."""
    draft, old = folder.root / ".pictures", folder.root / ".pictures.old"
    busy = f"{folder.root}: expected nobody else to draw, got another process; wait for it"
    with alone(folder.root / ".drawing", busy):
        remove(draft, old)  # what a kill left
        draft.mkdir()
        try:
            yield Pictures(draft)
            if folder.pictures.exists():
                folder.pictures.rename(old)
            draft.rename(folder.pictures)
        finally:
            remove(draft, old)


def remove(*folders: Path) -> None:
    """Delete what there is of these folders."""
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)
