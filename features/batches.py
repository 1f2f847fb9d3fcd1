"""Batches of augmented images for training: the same ones for any number of workers and after any resume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import pandas as pd

from features.ahead import ahead
from features.augment import Augment, sample_seed
from features.images import Images

if TYPE_CHECKING:
    import torch

SLICE = 8  # images a worker makes at a time: enough to hide the hand-over, few enough to share a batch


class Batch(NamedTuple):
    """Rows and their images, uint8 (rows, height, width, channels); masks likewise with one channel, of 255."""

    rows: np.ndarray
    images: torch.Tensor
    masks: torch.Tensor | None


class Task(NamedTuple):
    """The part of a batch that one worker fills."""

    batch: Batch
    first: int
    turns: np.ndarray
    last: bool


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Ready batches of one epoch after the other, made by threads ahead of the training step."""

    images: Images
    ids: pd.Index  # seeds are drawn from ids, so that dropping rows leaves the others' views unchanged
    augment: Augment
    batch: int
    masks: Images | None = None
    seed: int = 0
    workers: int = 2
    shuffle: bool = True
    drop_last: bool = False
    pin: bool = False  # page-locked memory, which a GPU copies from while the CPU goes on

    def __post_init__(self) -> None:
        sizes = {"images": len(self.images), "ids": len(self.ids)}
        sizes |= {} if self.masks is None else {"masks": len(self.masks)}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"expected as many images as ids, got {sizes}")

    def order(self, epoch: int) -> np.ndarray:
        """The rows of an epoch in the order they are given."""
        rows = np.arange(len(self.ids))
        return np.random.default_rng([self.seed, epoch]).permutation(rows) if self.shuffle else rows

    def steps(self, rows: int | None = None) -> int:
        """How many batches an epoch of so many rows has; by default of all rows."""
        rows = len(self.ids) if rows is None else rows
        return rows // self.batch if self.drop_last else -(-rows // self.batch)

    def epoch(self, number: int, rows: np.ndarray | None = None, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step start on; rows: another order or choice, rows may repeat."""
        rows = self.order(number) if rows is None else np.asarray(rows)
        if not len(rows):
            return
        channels = self.images[int(rows[0])].shape[2]
        # A row drawn twice in an epoch is another view the second time.
        turns = pd.Series(rows).groupby(rows).cumcount().to_numpy()
        steps = range(start, self.steps(len(rows)))
        depth = max(2 * self.workers, 2 * -(-self.batch // SLICE))  # tasks in the making: two batches at least
        fill = partial(self._fill, epoch=number, names=self.ids.astype(str).tolist())
        for task in ahead(fill, self._tasks(rows, turns, steps, channels), self.workers, depth):
            if task.last:
                yield task.batch

    def _tasks(self, rows: np.ndarray, turns: np.ndarray, steps: range, channels: int) -> Iterator[Task]:
        """Empty batches, cut into what one worker fills."""
        for step in steps:
            here = slice(step * self.batch, (step + 1) * self.batch)
            batch = self._empty(rows[here], channels)
            for first in range(0, len(batch.rows), SLICE):
                yield Task(batch, first, turns[here], first + SLICE >= len(batch.rows))

    def _empty(self, rows: np.ndarray, channels: int) -> Batch:
        import torch

        shape = (len(rows), *self.augment.size)
        images = torch.empty((*shape, channels), dtype=torch.uint8, pin_memory=self.pin)
        masks = None if self.masks is None else torch.empty((*shape, 1), dtype=torch.uint8, pin_memory=self.pin)
        return Batch(rows, images, masks)

    def _fill(self, task: Task, epoch: int, names: list[str]) -> Task:
        """Make the images of a task in their batch's memory."""
        images = task.batch.images.numpy()
        masks = None if task.batch.masks is None else task.batch.masks.numpy()
        for place in range(task.first, min(task.first + SLICE, len(images))):
            row = int(task.batch.rows[place])
            seed = sample_seed(self.seed, epoch, names[row], int(task.turns[place]))
            try:
                self._make(row, seed, images[place], None if masks is None else masks[place])
            except (cv2.error, TypeError, ValueError) as error:
                raise ValueError(f"image {self.images.name(row)} (id {names[row]}): {error}") from error
        return task

    def _make(self, row: int, seed: int, out: np.ndarray, mask: np.ndarray | None) -> None:
        if mask is None or self.masks is None:
            self.augment(self.images[row], seed, out)
        else:
            mask[:] = self.augment.pair(self.images[row], self.masks[row], seed, out)[1]


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor on a device, the CPU not waiting where that is safe: Apple's copies would read what is freed by then."""
    return tensor.to(device, non_blocking=device.type == "cuda")


class Normalise:
    """Bytes to what the network takes: float32 (n, channels, height, width) on its device, normalised.

    Bytes travel to a GPU, a quarter of the floats' size. mean and std are of values in 0..1, one per channel.
    """

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], device: str = "cpu", channels_last: bool = False
    ) -> None:
        import torch

        self.device, self.channels_last = torch.device(device), channels_last
        levels = np.arange(256, dtype=np.float64)[:, None] / 255
        self._table = ((levels - mean) / std).astype(np.float32)  # (256, channels): a byte has few values
        self._columns = [np.ascontiguousarray(column) for column in self._table.T]
        self._scale = torch.tensor([1 / (255 * each) for each in std], device=self.device).view(-1, 1, 1)
        self._shift = torch.tensor([-low / each for low, each in zip(mean, std, strict=True)], device=self.device)
        self._shift = self._shift.view(-1, 1, 1)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """The network's input for uint8 images (n, height, width, channels)."""
        import torch

        count, height, width, channels = images.shape
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        shape = (count, channels, height, width)
        made = torch.empty(shape, dtype=torch.float32, device=self.device, memory_format=layout)
        if self.device.type == "cpu":
            self._look_up(images.numpy(), made.permute(0, 2, 3, 1).numpy() if self.channels_last else made.numpy())
            return made
        made.copy_(sent(images, self.device).permute(0, 3, 1, 2))
        return made.mul_(self._scale).add_(self._shift)

    def _look_up(self, images: np.ndarray, made: np.ndarray) -> None:
        """Fill made from a table, image by image: torch's passes over a batch take longer, and the workers' cores."""
        for image, out in zip(images, made, strict=True):
            if self.channels_last:
                cv2.LUT(image, self._table[None], dst=out)
                continue
            for plane, column, place in zip(cv2.split(image), self._columns, out, strict=True):
                cv2.LUT(plane, column, dst=place)
