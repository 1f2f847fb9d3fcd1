"""Everything training needs to go on, in one safetensors file; nothing is unpickled."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from submissions.place import replacing


@dataclass
class Snapshot:
    """Named tensors, and numbers that JSON can hold."""

    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)

    def add(self, prefix: str, tensors: dict[str, torch.Tensor]) -> None:
        """Put tensors under prefix."""
        self.tensors.update({f"{prefix}.{name}": tensor for name, tensor in tensors.items()})

    def part(self, prefix: str) -> dict[str, torch.Tensor]:
        """The tensors under prefix."""
        return {
            name[len(prefix) + 1 :]: tensor for name, tensor in self.tensors.items() if name.startswith(f"{prefix}.")
        }

    def save(self, path: Path) -> None:
        """Write atomically; tensors that share memory are written apart."""
        own = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in self.tensors.items()}
        with replacing(path) as draft:
            save_file(own, draft, metadata={"state": json.dumps(self.state)})


def load_snapshot(path: Path) -> Snapshot:
    """What save wrote; a torn file is an error that names it."""
    try:
        with safe_open(path, framework="pt") as stored:
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  # not a mapping
            state = json.loads((stored.metadata() or {}).get("state", "{}"))
    except (SafetensorError, ValueError, OSError) as error:
        raise ValueError(f"{path}: expected a checkpoint, got {error}; start the run over with --fresh") from None
    return Snapshot(tensors, state)


def optimiser_snapshot(optimiser: torch.optim.Optimizer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """An optimiser's state as named tensors and plain numbers."""
    tensors, numbers = {}, {}
    for number, entries in optimiser.state_dict()["state"].items():
        for name, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{number}.{name}"] = value
            elif value is not None:
                numbers[f"{number}.{name}"] = value
    return tensors, numbers


def restore_optimiser(
    optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor], numbers: dict[str, Any]
) -> None:
    """Give an optimiser back the state that optimiser_snapshot took."""
    whole = optimiser.state_dict()
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for key, value in [*tensors.items(), *numbers.items()]:
        number, name = key.split(".", 1)
        weight = weights[int(number)]
        if isinstance(value, torch.Tensor) and value.shape == weight.shape:
            # Fused optimisers walk through memory: a state must lie there as its weight does (channels_last).
            value = torch.empty_like(weight, dtype=value.dtype, requires_grad=False).copy_(value)
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({**whole, "state": state})
