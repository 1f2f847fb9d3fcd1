"""Images by row, whatever they are kept in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from features.decode import read
from features.reading import Reading


class Images(Protocol):
    """Images by row, uint8 (height, width, channels)."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> np.ndarray: ...

    def name(self, row: int) -> str:
        """What an error calls the image: its path, or its id where there is no file."""


class FileImages:
    """Images decoded anew at every use: for what is read once, and for --cache off."""

    def __init__(self, paths: Sequence[Path], reading: Reading) -> None:
        self._paths, self._reading = list(paths), reading

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, row: int) -> np.ndarray:
        return read(self._paths[row], self._reading)

    def name(self, row: int) -> str:
        """The path of the image."""
        return str(self._paths[row])


class HeldImages:
    """Images held in memory: --cache ram, or pixels that never were files."""

    def __init__(self, pixels: Sequence[np.ndarray], names: Sequence[str]) -> None:
        if len(pixels) != len(names):
            raise ValueError(f"expected a name for each image, got {len(pixels)} images and {len(names)} names")
        self._pixels, self._names = [each.view() for each in pixels], list(names)
        for each in self._pixels:
            each.flags.writeable = False  # one reader's change would reach all others

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, row: int) -> np.ndarray:
        return self._pixels[row]

    def name(self, row: int) -> str:
        """The name given to the image."""
        return self._names[row]
