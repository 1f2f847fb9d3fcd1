"""What tests of training share: rows as tensors, small networks, and a fit that is ready for its first step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipelines.budget import Clock
from pipelines.metrics import METRICS
from pipelines.report import Report
from pipelines.runfolder import FoldFolder, RunFolder
from pipelines.training.device import choose_precision
from pipelines.training.fit import Training
from pipelines.training.losses import BinaryLoss
from pipelines.training.optimisers import average_weights, make_optimiser
from pipelines.training.settings import NetworkSettings

torch.set_num_threads(1)  # two threads on two busy cores wait for each other, and are no faster on a toy


@dataclass(frozen=True)
class Rows:
    """Rows in memory as batches, shuffled anew each epoch."""

    inputs: torch.Tensor
    targets: torch.Tensor
    batch: int
    rank: int = 0
    ranks: int = 1

    def __len__(self) -> int:
        return len(self.inputs) // self.batch

    def epoch(self, number: int, start: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.from_numpy(np.random.default_rng(number).permutation(len(self.inputs)))
        for step in range(start, len(self)):
            rows = order[step * self.batch : (step + 1) * self.batch].chunk(self.ranks)[self.rank]
            yield self.inputs[rows], self.targets[rows]


def draw_rows(rows: int = 48, batch: int = 8, **others: int) -> Rows:
    """Rows of six numbers with a yes/no target that a line tells apart."""
    inputs = torch.from_numpy(np.random.default_rng(0).normal(size=(rows, 6)).astype(np.float32))
    return Rows(inputs, (inputs[:, :1] + inputs[:, 1:2] > 0).float(), batch, **others)


def plain_network(seed: int = 0, drop: float = 0.0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Dropout(drop), torch.nn.Linear(8, 1))


def normed_network(drop: float = 0.3) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Dropout(drop), torch.nn.Linear(8, 1)
    )


def folder_at(root: Path, seconds: float | None = None) -> FoldFolder:
    """A fit's folder, ready; seconds: its time budget."""
    out = RunFolder(root).fit(0, 0, Report(quiet=True))
    out.prepare()
    return out if seconds is None else replace(out, clock=Clock(time.time() + seconds))


def start(
    out: Any, network: torch.nn.Module | None = None, rows: Any = None, judged: bool = False, **chosen: Any
) -> Training:
    """A fit before its first step."""
    settings = NetworkSettings(**{"epochs": 3, "device": "cpu", "precision": "fp32", "rate": 0.01, **chosen})
    network = plain_network() if network is None else network
    return Training(
        network=network,
        loss=BinaryLoss(smoothing=settings.smoothing),
        optimiser=make_optimiser(network, settings),
        batches=draw_rows() if rows is None else rows,
        settings=settings,
        precision=choose_precision(settings.device, settings.precision),
        out=out,
        metric=METRICS["auc"],
        judge=judge if judged else None,
        averaged=average_weights(network, settings),
    )


def judge(network: torch.nn.Module) -> float:
    """The AUC of a network on rows of its own."""
    rows = Rows(*(side[32:] for side in (draw_rows().inputs, draw_rows().targets)), 16)
    network.eval()
    with torch.no_grad():
        return METRICS["auc"].score(rows.targets.numpy(), network(rows.inputs).sigmoid().numpy())


def weights_of(network: torch.nn.Module) -> np.ndarray:
    """All weights and buffers of a network, one after the other."""
    return np.concatenate([value.detach().double().numpy().ravel() for value in network.state_dict().values()])
