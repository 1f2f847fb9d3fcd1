"""One optimiser step: forward and backward in as many pieces as memory allows, clip, update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from pipelines.training.device import Precision, free_memory, memory_ran_out
from pipelines.training.joined import Inputs
from pipelines.training.settings import NetworkSettings

Compared = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # (outputs, targets) -> mean loss


class Stepper:
    """Takes steps of one network; `pieces` and `scaler` are what a checkpoint must keep of it."""

    def __init__(
        self,
        network: torch.nn.Module,
        loss: Compared,
        optimiser: torch.optim.Optimizer,
        settings: NetworkSettings,
        precision: Precision,
        say: Callable[[str], None],
    ) -> None:
        self.loss, self.optimiser, self.settings, self.precision, self.say = loss, optimiser, settings, precision, say
        self.scaler = precision.scaler()
        self.pieces = settings.accumulate
        self.peaks = [group["lr"] for group in optimiser.param_groups]
        self.parameters = [weight for group in optimiser.param_groups for weight in group["params"]]
        self.forward = _forward(network, settings)

    def take(self, inputs: Inputs, targets: torch.Tensor, share: float, seed: int) -> torch.Tensor:
        """One step at this share of the peak rates, its random draws from seed; the loss, still on the device."""
        for group, peak in zip(self.optimiser.param_groups, self.peaks, strict=True):
            group["lr"] = peak * share
        loss = self._gradients(inputs, targets, seed)
        if self.settings.clip:
            self.scaler.unscale_(self.optimiser)
            torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return loss

    def _gradients(self, inputs: Inputs, targets: torch.Tensor, seed: int) -> torch.Tensor:
        """The mean loss and its gradients, in more pieces where memory runs out."""
        while True:
            # Each step draws from a seed of its own (dropout): resumed or cut in pieces anew, it draws the same.
            torch.manual_seed(seed)
            try:
                return self._backward(inputs, targets)
            except RuntimeError as error:
                if not memory_ran_out(error):
                    raise
                self._halve(len(inputs), error)
            self.optimiser.zero_grad(set_to_none=True)
            free_memory()  # not in the handler: there the error still holds what did not fit

    def _backward(self, inputs: Inputs, targets: torch.Tensor) -> torch.Tensor:
        """Gradients of the whole batch's mean loss, piece by piece."""
        self.optimiser.zero_grad(set_to_none=True)
        if self.pieces == 1:
            with self.precision.autocast():
                loss = self.loss(self.forward(inputs), targets)
            self.scaler.scale(loss).backward()
            return loss.detach()
        total = torch.zeros((), device=inputs.device)
        count = min(self.pieces, len(inputs))
        pieces: Sequence[Inputs] = inputs.tensor_split(count)
        parts = zip(pieces, targets.tensor_split(count), strict=True)
        for number, (some, their) in enumerate(parts, 1):
            with self._synced(number == count):
                with self.precision.autocast():
                    loss = self.loss(self.forward(some), their) * (len(some) / len(inputs))
                self.scaler.scale(loss).backward()
            total += loss.detach()
        return total

    def _synced(self, last: bool) -> AbstractContextManager[Any]:
        """Several processes add up their gradients once a step, with the last piece."""
        if isinstance(self.forward, DistributedDataParallel) and not last:
            return self.forward.no_sync()
        return nullcontext()

    def _halve(self, rows: int, error: RuntimeError) -> None:
        """After running out of memory: twice the pieces from now on; the batch stays as large as it was."""
        alone = not isinstance(self.forward, DistributedDataParallel)
        if not alone or self.pieces >= rows:
            how = "set a smaller --size or --model, or --checkpointing" if alone else "set --accumulate 2 or more"
            raise ValueError(
                f"expected a step of {rows} rows in {self.pieces} pieces to fit the memory of "
                f"{self.precision.device}, got: {str(error).splitlines()[0]}; {how}"
            ) from None
        self.pieces = min(rows, self.pieces * 2)
        self.say(f"out of memory: batches of {rows} rows are computed in {self.pieces} pieces from now on")


def _forward(network: torch.nn.Module, settings: NetworkSettings) -> Callable[[Inputs], torch.Tensor]:
    """What a step calls: the network, compiled and joined with other processes' where that is asked for."""
    forward: Any = torch.compile(network) if settings.compile else network
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        device = next(network.parameters()).device
        forward = DistributedDataParallel(
            forward,
            device_ids=[device] if device.type == "cuda" else None,
            find_unused_parameters=True,  # EfficientNet encoders of segmentation-models-pytorch keep an idle head
        )
    return forward  # type: ignore[no-any-return]  # compile and DDP give callables like the network
