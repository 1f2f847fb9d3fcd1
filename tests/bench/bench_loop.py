"""The training loop beside a bare PyTorch one: same network, same resident tensors, same steps."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from pipelines.metrics import METRICS
from pipelines.report import Report
from pipelines.runfolder import RunFolder
from pipelines.training.device import choose_precision
from pipelines.training.fit import Training
from pipelines.training.loop import train
from pipelines.training.losses import BinaryLoss
from pipelines.training.networks import Backbone
from pipelines.training.optimisers import make_optimiser
from pipelines.training.settings import NetworkSettings
from tests.bench.harness import Result, paired

MODEL, SIDE, BATCH, STEPS, EPOCHS = "resnet18", 32, 32, 100, 2  # a checkpoint an epoch costs 0.1 s of 6.7 s, flushed
SETTINGS = NetworkSettings(
    epochs=EPOCHS, batch=BATCH, schedule="constant", warmup=0.0, channels_last=False, precision="fp32", device="cpu"
)


@dataclass(frozen=True)
class Resident:
    """Batches that are in memory already."""

    inputs: torch.Tensor
    targets: torch.Tensor

    def __len__(self) -> int:
        return len(self.inputs) // BATCH

    def epoch(self, number: int, start: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The batches, always in the same order."""
        yield from list(zip(self.inputs.split(BATCH), self.targets.split(BATCH), strict=True))[start:]


def resident() -> Resident:
    """Random images and yes/no targets."""
    torch.manual_seed(0)
    rows = STEPS * BATCH
    return Resident(torch.randn(rows, 3, SIDE, SIDE), torch.randint(0, 2, (rows, 1)).float())


def network() -> torch.nn.Module:
    """A random network, the same each time."""
    return Backbone(model=MODEL, outputs=1).build("none", 0)


def ours(batches: Resident) -> float:
    """Seconds of a training by the loop, its logs and checkpoints written."""
    with tempfile.TemporaryDirectory() as folder:
        out = RunFolder(Path(folder)).fit(0, 0, Report(quiet=True))
        out.prepare()
        made = network()
        training = Training(
            network=made,
            loss=BinaryLoss(),
            optimiser=make_optimiser(made, SETTINGS),
            batches=batches,
            settings=SETTINGS,
            precision=choose_precision("cpu", "fp32"),
            out=out,
            metric=METRICS["auc"],
        )
        start = time.perf_counter()
        train(training)
        return time.perf_counter() - start


def theirs(batches: Resident) -> float:
    """Seconds of the same training in a bare loop, which writes its network at each epoch's end."""
    made = network()
    optimiser = make_optimiser(made, SETTINGS)
    loss = torch.nn.BCEWithLogitsLoss()
    made.train()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        for epoch in range(EPOCHS):
            total = 0.0
            for inputs, targets in batches.epoch(epoch, 0):
                optimiser.zero_grad(set_to_none=True)
                value = loss(made(inputs), targets)
                value.backward()
                optimiser.step()
                total += value.item()
            torch.save({"network": made.state_dict(), "optimiser": optimiser.state_dict()}, Path(folder) / "last.pt")
        return time.perf_counter() - start


def results() -> Iterator[Result]:
    """Seconds of the loop as a share of the bare one's."""
    batches = resident()
    ours(batches), theirs(batches)  # the first pass of each warms up
    ratio, spread, raw = paired(lambda: ours(batches), lambda: theirs(batches))
    mine, other = (sum(column) / len(column) for column in zip(*raw, strict=True))
    note = f"ours {mine:.1f} s, bare loop {other:.1f} s, {EPOCHS} epochs of {STEPS} steps of {BATCH}"
    yield Result("loop_overhead", ratio, "x", "<=1.03", spread, note)
