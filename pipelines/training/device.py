"""Where to compute and in which number format, chosen by the device; and what running out of its memory looks like."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from pipelines.training.crew import started

OUT_OF_MEMORY = (
    "out of memory",  # CUDA and MPS
    "ALLOC_FAILED",  # cuBLAS and cuDNN, whose workspaces are not PyTorch's own
    "can't allocate memory",  # the CPU
)


@dataclass(frozen=True)
class Precision:
    """A device and the format of its arithmetic."""

    device: torch.device
    name: str  # fp32, bf16 or fp16

    def __str__(self) -> str:
        card = f" ({torch.cuda.get_device_name(self.device)})" if self.device.type == "cuda" else ""
        return f"{self.device}{card} in {self.name}"

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which a network computes in this format."""
        if self.name == "fp32":
            return nullcontext()
        kind = torch.bfloat16 if self.name == "bf16" else torch.float16
        return torch.autocast(self.device.type, dtype=kind)

    def scaler(self) -> torch.amp.GradScaler:
        """fp16 needs its losses scaled; the others get one that does nothing."""
        return torch.amp.GradScaler(self.device.type, enabled=self.name == "fp16")


def choose_precision(device: str, precision: str) -> Precision:
    """bf16 on Ampere and newer and on CPUs with matrix units for it, fp16 on older cards, else fp32, unless told."""
    chosen = choose_device(device)
    return Precision(chosen, best_format(chosen) if precision == "auto" else precision)


def choose_device(device: str) -> torch.device:
    """The first of the devices that a setting names; under torchrun each process has the card of its number."""
    first = device.split(",")[0].strip()
    if first == "auto":
        first = best_device()
    if first == "cuda" and "LOCAL_RANK" in os.environ:
        first = f"cuda:{os.environ['LOCAL_RANK']}"
    elif first.startswith("cuda:") and started():
        raise ValueError(
            f"--device: expected auto or cuda under torchrun, where each process has its card, got {first}"
        )
    try:
        chosen = torch.device(first)
    except RuntimeError:
        raise ValueError(f"--device: expected auto, cpu, cuda, cuda:NUMBER or mps, got {first!r}") from None
    cards = torch.cuda.device_count()
    if chosen.type == "cuda" and (chosen.index or 0) >= cards:
        raise ValueError(f"--device: expected a device of this machine, got {first}; it has {cards} CUDA cards")
    if chosen.type == "cuda":
        card, capability = torch.cuda.get_device_name(chosen), torch.cuda.get_device_capability(chosen)
        check_card(card, capability, torch.cuda.get_arch_list())
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("--device: expected a device of this machine, got mps; PyTorch finds no Apple GPU here")
    return chosen


def check_card(card: str, capability: tuple[int, int], built: Sequence[str]) -> None:
    """Refuse a card that is older than all that this PyTorch was built for (sm_75, sm_80, ...)."""
    oldest = min((int(re.sub(r"\D", "", each)) for each in built if each.startswith("sm_")), default=0)
    if 10 * capability[0] + capability[1] < oldest:
        raise ValueError(
            f"--device: expected a card that this PyTorch {torch.__version__} has code for, sm_{oldest} or newer, got "
            f"{card}, sm_{capability[0]}{capability[1]}; install a PyTorch built for an older CUDA, or use --device cpu"
        )


def best_device() -> str:
    """The fastest device that this machine has."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def best_format(device: torch.device) -> str:
    """What a device computes fastest without losing a network's accuracy."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
    if device.type == "cpu" and torch.cpu._is_amx_tile_supported():  # elsewhere bf16 is slower than fp32 on a CPU
        return "bf16"
    return "fp32"


def memory_ran_out(error: RuntimeError) -> bool:
    """Whether an error means that the device's memory did not hold what was computed."""
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in OUT_OF_MEMORY)


def free_memory() -> None:
    """Give back what PyTorch keeps for itself, so that a smaller piece finds room in one block."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
