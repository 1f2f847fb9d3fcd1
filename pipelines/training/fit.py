"""One fit of a network: what is trained, on what, how far it has come, and its checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from timm.utils.model_ema import ModelEmaV3

from pipelines.budget import OutOfTime
from pipelines.contract import Metric, Out
from pipelines.training.checkpoint import Snapshot, load_snapshot, optimiser_snapshot, restore_optimiser
from pipelines.training.crew import agreed, standing
from pipelines.training.device import Precision
from pipelines.training.joined import Inputs
from pipelines.training.rates import Rates
from pipelines.training.settings import NetworkSettings
from pipelines.training.step import Compared, Stepper

CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"
LEAST_SCALE = 2.0**-14  # of fp16's gradients: halved 30 times over from where it starts
SPREAD = 1_000_003  # a prime: seeds of different (seed, epoch, step, process) do not meet


class Batches(Protocol):
    """The training rows as batches on the device, the same for an epoch whenever it is asked for."""

    def __len__(self) -> int:
        """Steps in an epoch."""

    def epoch(self, number: int, start: int) -> Iterator[tuple[Inputs, torch.Tensor]]:
        """(inputs, targets) of an epoch's steps from start on."""


@dataclass(kw_only=True)
class Training:
    """One fit: what is trained, on what, and how far it has come."""

    network: torch.nn.Module
    loss: Compared
    optimiser: torch.optim.Optimizer
    batches: Batches
    settings: NetworkSettings
    precision: Precision
    out: Out
    metric: Metric
    judge: Callable[[torch.nn.Module], float] | None = None  # the score of a network on the validation rows
    averaged: ModelEmaV3 | None = None  # running mean of weights
    epoch: int = 0  # finished ones
    step: int = 0  # taken in the epoch that goes on
    total: float = 0.0  # of these steps' losses
    scores: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rates = Rates(self.settings, self.settings.epochs * len(self.batches))
        self.stepper = Stepper(self.network, self.loss, self.optimiser, self.settings, self.precision, self.out.say)
        self.rank, self.ranks = standing()

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self.out.folder / CHECKPOINT

    @property
    def best_path(self) -> Path:
        """The weights of the best epoch so far."""
        return self.out.folder / BEST

    @property
    def predictor(self) -> torch.nn.Module:
        """The network that predicts: the running mean of weights where there is one."""
        return self.network if self.averaged is None else self.averaged.module

    def rate_of(self, step: int) -> float:
        """The head's learning rate in a step of this epoch, counted from 1."""
        return self.settings.rate * self.rates.share(self.epoch * len(self.batches) + step - 1)

    @property
    def seed(self) -> int:
        """What the next step's draws (dropout) derive from, another one in each process."""
        mixed = self.settings.seed
        for part in (self.epoch, self.step, self.rank):
            mixed = (mixed * SPREAD + part) % 2**63
        return mixed

    @property
    def best_epoch(self) -> int:
        """How many epochs the best score took."""
        return best_of(self.scores, self.metric) + 1

    @property
    def stopped(self) -> bool:
        """Whether patience is at its end."""
        return bool(self.settings.patience and self.scores and self.epoch - self.best_epoch >= self.settings.patience)

    def pausing(self) -> bool:
        """Whether to write a checkpoint now, within an epoch."""
        every = self.settings.save_every
        return bool(every and self.step % every == 0) or (self.ranks == 1 and self.out.out_of_time())

    def heed_time(self) -> None:
        """Stop when the time budget is used up; several processes stop together, on rank 0's word."""
        if agreed(self.out.out_of_time()):
            step = f", step {self.step} of {len(self.batches)}" if self.step else ""
            raise OutOfTime(f"stopped after epoch {self.epoch} of {self.settings.epochs}{step}: the budget is used up")

    def check_scale(self) -> None:
        """Stop where fp16 held no gradients for so long that training has stood still; its loss may be a number."""
        scaler = self.stepper.scaler
        if scaler.is_enabled() and (scale := scaler.get_scale()) < LEAST_SCALE:
            raise ValueError(
                f"{self.out.folder}: expected gradients that fp16 can hold, got none in so many steps that their scale "
                f"fell to {scale:.1g} in epoch {self.epoch + 1}; use --precision fp32, or bf16 on a card that has it, "
                "or lower --rate"
            )

    def save(self) -> None:
        """Write the checkpoint: all that the next step depends on; its random draws derive from epoch and step."""
        if self.rank:
            return
        snapshot = Snapshot(state={"epoch": self.epoch, "step": self.step, "total": self.total, "scores": self.scores})
        snapshot.add("network", self.network.state_dict())
        if self.averaged is not None:
            snapshot.add("averaged", self.averaged.module.state_dict())
        tensors, numbers = optimiser_snapshot(self.optimiser)
        snapshot.add("optimiser", tensors)
        snapshot.state |= {"optimiser": numbers, "rates": self.rates.state(), "pieces": self.stepper.pieces}
        snapshot.state["scaler"] = self.stepper.scaler.state_dict()
        snapshot.save(self.path)

    def restore(self) -> None:
        """Go back to the checkpoint, where there is one; numbers logged after it are dropped."""
        if self.path.exists():
            snapshot = load_snapshot(self.path)
            state = snapshot.state
            self.epoch, self.step, self.total, self.scores = (
                state[name] for name in ("epoch", "step", "total", "scores")
            )
            self.network.load_state_dict(snapshot.part("network"))
            if self.averaged is not None:
                self.averaged.module.load_state_dict(snapshot.part("averaged"))
            restore_optimiser(self.optimiser, snapshot.part("optimiser"), state["optimiser"])
            self.rates.restore(state["rates"])
            self.stepper.pieces = state["pieces"]
            if state["scaler"]:  # empty where another device's format needed none
                self.stepper.scaler.load_state_dict(state["scaler"])
        self.out.rewind(self.epoch + 1)

    def keep_best(self) -> None:
        """Keep the weights that predict best so far, apart from the checkpoint."""
        if not self.rank:
            save_weights(self.predictor, self.best_path)


def best_of(scores: list[float], metric: Metric) -> int:
    """The place of the best score, the first of equals; an undefined one (nan) is the worst."""
    sign = 1 if metric.higher_is_better else -1
    return max(range(len(scores)), key=lambda place: -math.inf if math.isnan(scores[place]) else sign * scores[place])


def save_weights(network: torch.nn.Module, path: Path) -> None:
    """Write a network's weights and buffers."""
    snapshot = Snapshot()
    snapshot.add("network", network.state_dict())
    snapshot.save(path)


def load_weights(network: torch.nn.Module, path: Path) -> None:
    """Give a network the weights that save_weights wrote, or a checkpoint's that predict."""
    snapshot = load_snapshot(path)
    network.load_state_dict(snapshot.part("averaged") or snapshot.part("network"))
