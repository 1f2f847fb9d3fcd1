"""Training batches on the device: images normalised, truth beside them, mixed where the settings say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from features.batches import Batch, Batches, sent
from pipelines.training.joined import Inputs, Joined
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
    numbers: np.ndarray | None = None  # float32 (rows, columns), scaled: what the network sees beside the images

    def __len__(self) -> int:
        """Steps in an epoch."""
        return self.batches.steps(len(self._rows(0)))

    def epoch(self, number: int, start: int) -> Iterator[tuple[Inputs, torch.Tensor]]:
        """(inputs, targets) of an epoch's steps from start on, on the device."""
        made = self.batches.epoch(number, self._rows(number), start)
        for step, batch in enumerate(made, start):
            inputs = self._inputs(batch)
            yield mix(inputs, self._targets(batch, inputs.device), self.settings, number, step)

    def _inputs(self, batch: Batch) -> Inputs:
        """A batch on the device."""
        images = self.normalise(batch.images)
        if self.numbers is None:
            return images
        return Joined(images, sent(torch.from_numpy(self.numbers[batch.rows]), images.device))

    def _targets(self, batch: Batch, device: torch.device) -> torch.Tensor:
        """What the batch's rows should come to; masks travel as bytes, as images do."""
        if batch.masks is not None:
            return sent(batch.masks, device).permute(0, 3, 1, 2).float() / 255
        assert self.truth is not None
        return sent(torch.from_numpy(self.truth[batch.rows]), device)

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
    inputs: Inputs, targets: torch.Tensor, settings: NetworkSettings, epoch: int, step: int
) -> tuple[Inputs, torch.Tensor]:
    """A batch whose rows are mixed with one another: images (rows, channels, height, width), targets (rows, ...).

    Targets that are maps as large as the inputs are cut and pasted with them.
    """
    if not settings.mixup and not settings.cutmix:
        return inputs, targets
    draws = np.random.default_rng([settings.seed, epoch, step])
    cut = bool(settings.cutmix) and (not settings.mixup or draws.random() < 0.5)
    alpha = settings.cutmix if cut else settings.mixup
    share = float(draws.beta(alpha, alpha))
    order = sent(torch.from_numpy(draws.permutation(len(inputs))), inputs.device)
    images = inputs.images if isinstance(inputs, Joined) else inputs
    if not cut:
        return _beside(_blended(images, order, share), inputs, order, share), _blended(targets, order, share)
    top, left, tall, wide = _box(images, share, draws)
    box = (..., slice(top, top + tall), slice(left, left + wide))
    own = 1 - tall * wide / (images.shape[-2] * images.shape[-1])
    pasted = _beside(_pasted(images, order, box), inputs, order, own)
    whole = targets.ndim == images.ndim
    return pasted, _pasted(targets, order, box) if whole else _blended(targets, order, own)


def _beside(images: torch.Tensor, inputs: Inputs, order: torch.Tensor, share: float) -> Inputs:
    """Mixed images, with the numbers that their rows had mixed alike."""
    return Joined(images, _blended(inputs.numbers, order, share)) if isinstance(inputs, Joined) else images


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
