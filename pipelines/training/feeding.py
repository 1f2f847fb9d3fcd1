"""Training batches on the device: images normalised, truth beside them, mixed where the settings say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from features.batches import Batch, Batches
from pipelines.training.settings import NetworkSettings


@dataclass(frozen=True)
class Feed:
    """What the loop trains on; each of several processes takes its share of every batch."""

    batches: Batches
    truth: np.ndarray | None  # float32 (rows, ...); None: the masks that come with the images
    normalise: Callable[[torch.Tensor], torch.Tensor]
    settings: NetworkSettings
    chances: np.ndarray | None = None  # of each row to be drawn; None: each row once an epoch
    rank: int = 0
    ranks: int = 1

    def __len__(self) -> int:
        """Steps in an epoch."""
        return self.batches.steps(len(self._rows(0)))

    def epoch(self, number: int, start: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """(inputs, targets) of an epoch's steps from start on, on the device."""
        made = self.batches.epoch(number, self._rows(number), start)
        for step, batch in enumerate(made, start):
            inputs = self.normalise(batch.images)
            targets = self._targets(batch).to(inputs.device, non_blocking=True)
            yield mix(inputs, targets, self.settings, number, step)

    def _targets(self, batch: Batch) -> torch.Tensor:
        if batch.masks is not None:
            return batch.masks.permute(0, 3, 1, 2).float()
        assert self.truth is not None
        return torch.from_numpy(self.truth[batch.rows])

    def _rows(self, epoch: int) -> np.ndarray:
        """This process's rows of an epoch, batch after batch."""
        rows = self.batches.order(epoch)
        if self.chances is not None:
            draws = np.random.default_rng([self.settings.seed, epoch, 1])
            rows = draws.choice(len(rows), size=len(rows), p=self.chances / self.chances.sum())
        if self.ranks == 1:
            return rows
        share = self.batches.batch  # of each process
        whole = rows[: len(rows) // (share * self.ranks) * share * self.ranks]
        return whole.reshape(-1, self.ranks, share)[:, self.rank].ravel()


def balanced(truth: np.ndarray) -> np.ndarray:
    """Chances that make every class (each combination of truth's columns) as frequent as the others."""
    _, kinds, counts = np.unique(truth, axis=0, return_inverse=True, return_counts=True)
    chances: np.ndarray = 1 / counts[kinds.ravel()]
    return chances


def mix(
    inputs: torch.Tensor, targets: torch.Tensor, settings: NetworkSettings, epoch: int, step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch whose rows are mixed with one another: inputs (rows, channels, height, width), targets (rows, ...).

    Targets that are maps as large as the inputs are cut and pasted with them.
    """
    if not settings.mixup and not settings.cutmix:
        return inputs, targets
    draws = np.random.default_rng([settings.seed, epoch, step])
    cut = bool(settings.cutmix) and (not settings.mixup or draws.random() < 0.5)
    alpha = settings.cutmix if cut else settings.mixup
    share = float(draws.beta(alpha, alpha))
    order = torch.from_numpy(draws.permutation(len(inputs))).to(inputs.device)
    if not cut:
        return _blended(inputs, order, share), _blended(targets, order, share)
    top, left, tall, wide = _box(inputs, share, draws)
    box = (..., slice(top, top + tall), slice(left, left + wide))
    pasted = _pasted(inputs, order, box)
    if targets.ndim == inputs.ndim:
        return pasted, _pasted(targets, order, box)
    height, width = inputs.shape[-2:]
    return pasted, _blended(targets, order, 1 - tall * wide / (height * width))


def _blended(rows: torch.Tensor, order: torch.Tensor, share: float) -> torch.Tensor:
    return rows * share + rows[order] * (1 - share)


def _pasted(rows: torch.Tensor, order: torch.Tensor, box: Any) -> torch.Tensor:
    pasted = rows.clone()
    pasted[box] = rows[order][box]
    return pasted


def _box(inputs: torch.Tensor, share: float, draws: np.random.Generator) -> tuple[int, int, int, int]:
    """A box (top, left, height, width) somewhere in the images that leaves about a share of them uncovered."""
    height, width = inputs.shape[-2:]
    tall, wide = round(height * (1 - share) ** 0.5), round(width * (1 - share) ** 0.5)
    return int(draws.integers(0, height - tall + 1)), int(draws.integers(0, width - wide + 1)), tall, wide
