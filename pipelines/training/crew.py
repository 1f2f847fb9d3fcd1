"""Several processes that train one network together, as torchrun starts them; alone, all of this does nothing.

Rank 0 walks the corridor and writes; the others wait for the fits that it announces and take their part in them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

PATIENCE = timedelta(hours=12)  # the others wait while rank 0 audits, validates and predicts


def started() -> bool:
    """Whether torchrun started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def gathered() -> Iterator[None]:
    """The processes that torchrun started know each other."""
    if not started():
        yield
        return
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    torch.distributed.init_process_group(backend, timeout=PATIENCE)
    # After an error nobody says goodbye: NCCL would wait for the others, who wait for this process's gradients, and
    # torchrun ends them only once it has gone.
    try:
        yield
    except SystemExit as end:
        if not end.code:
            torch.distributed.destroy_process_group()
        raise
    torch.distributed.destroy_process_group()


def standing() -> tuple[int, int]:
    """This process's number and how many there are; (0, 1) alone."""
    if not started():
        return 0, 1
    import torch

    if not torch.distributed.is_initialized():
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def agreed(value: Any) -> Any:
    """Rank 0's value, in all processes; they wait for each other here."""
    if standing() == (0, 1):
        return value
    import torch

    box = [value]
    torch.distributed.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    return box[0]


def mean_of(numbers: torch.Tensor) -> torch.Tensor:
    """The mean of the processes' numbers, in all of them: each saw its share of a batch."""
    _, ranks = standing()
    if ranks == 1:
        return numbers
    import torch

    total = numbers.clone()
    torch.distributed.all_reduce(total)
    return total / ranks


@dataclass(frozen=True)
class Silent:
    """A fit's folder as the helpers of a fit see it: they read what is there and write nothing."""

    folder: Path

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Written by another process."""

    def rewind(self, step: int) -> None:
        """Written by another process."""

    def say(self, text: str) -> None:
        """Said by another process."""

    def steps(self, items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
        """The items."""
        return iter(items)

    def out_of_time(self) -> bool:
        """Asked by another process."""
        return False
