"""Where in an image a network sees what speaks for one of its outputs: Grad-CAM, and the same on tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from pipelines.training.device import free_memory, memory_ran_out
from pipelines.training.views import resized

PIECE = 4  # images whose activations are held at a time
POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)  # they only coarsen a map

Read: TypeAlias = Callable[[torch.Tensor], torch.Tensor]  # features, or their gradient -> (rows, channels, h, w)
Noted: TypeAlias = list[tuple[nn.Module, torch.Tensor]]  # modules in the order they finished, and their outputs


@dataclass(frozen=True, eq=False)
class Features:
    """What a module gave out, and how it lies over the image."""

    tensor: torch.Tensor
    read: Read

    def heat(self, gradient: torch.Tensor) -> torch.Tensor:
        """What speaks for an output, (rows, 1, h, w), by the gradient of that output.

        Before an average pooling the gradient is the same at all places, and this is Grad-CAM; before anything else
        a mean over places, as Grad-CAM takes it, would light up places that the output does not depend on.
        """
        terms = self.read(self.tensor.detach()).float() * self.read(gradient).float()
        return terms.sum(dim=1, keepdim=True).clamp_min(0)


def heat_maps(
    network: nn.Module, images: torch.Tensor, outputs: np.ndarray, signs: np.ndarray | None = None
) -> np.ndarray | None:
    """Heat (rows, height, width) in 0..1 of normalised images, each for the output of its number, or against it where
    its sign is -1; 0: nothing speaks for it. None for a network without features that lie over the image. The network
    is left as it was.
    """
    signs = np.ones(len(outputs), int) if signs is None else signs
    asked = torch.as_tensor(np.stack([outputs, signs], axis=1), device=images.device)
    maps = []
    for start in range(0, len(images), PIECE):
        here = slice(start, start + PIECE)
        piece = _in_memory(network, images[here], asked[here])
        if piece is None:
            return None
        maps.append(piece)
    heat = torch.cat(maps)
    highest = heat.amax(dim=(1, 2), keepdim=True)
    return np.asarray((heat / torch.where(highest > 0, highest, 1)).cpu().numpy())


def _in_memory(network: nn.Module, images: torch.Tensor, asked: torch.Tensor) -> torch.Tensor | None:
    """The heat, computed half by half where memory does not hold it at once."""
    try:
        return _heat(network, images, asked)
    except RuntimeError as error:
        if len(images) == 1 or not memory_ran_out(error):
            raise
    free_memory()
    halves = [_in_memory(network, *half) for half in zip(images.tensor_split(2), asked.tensor_split(2), strict=True)]
    return None if any(half is None for half in halves) else torch.cat([half for half in halves if half is not None])


def _heat(network: nn.Module, images: torch.Tensor, asked: torch.Tensor) -> torch.Tensor | None:
    """Heat (rows, height, width) of asked outputs and signs (rows, 2): by the last features with a gradient.

    A transformer's class token alone reads the last block, whose other tokens then have no gradient: the block before.
    """
    size = (images.shape[-2], images.shape[-1])
    with still(network), torch.enable_grad():
        values, noted = _noted(network, images)
        chosen = (values.float().flatten(1).gather(1, asked[:, :1]) * asked[:, 1:]).sum()
        found = spatial(noted, len(images), size, getattr(network, "num_prefix_tokens", 0))
        for features in found:
            (gradient,) = torch.autograd.grad(chosen, features.tensor, retain_graph=True, allow_unused=True)
            if gradient is not None and bool(features.read(gradient).any()):
                return resized(features.heat(gradient), size)[:, 0]
    return torch.zeros(len(images), *size, device=images.device) if found else None


@contextmanager
def still(network: nn.Module) -> Iterator[None]:
    """Evaluation mode; each module's own mode comes back."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _noted(network: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, Noted]:
    """The network's outputs, and those of all modules in it."""
    noted: Noted = []
    inner = [module for module in network.modules() if module is not network]
    hooks = [module.register_forward_hook(partial(_note, noted)) for module in inner]
    try:
        # Through the inputs gradients reach features of frozen weights too; a copy may be changed in place.
        values: torch.Tensor = network(images.detach().requires_grad_().clone())
    finally:
        for hook in hooks:
            hook.remove()
    return values, noted


def _note(noted: Noted, module: nn.Module, _: Any, output: Any) -> None:
    if isinstance(output, torch.Tensor) and output.requires_grad:
        noted.append((module, output))


def spatial(noted: Noted, rows: int, size: tuple[int, int], prefix: int) -> list[Features]:
    """The features that lie over images of a size, the last first; prefix: tokens that stand for no place."""
    pooled = [output for module, output in noted if isinstance(module, POOLS)]
    found: list[Features] = []
    for module, output in reversed(noted):
        if len(output) != rows or any(output is each for each in pooled):
            continue
        features = None
        if output.ndim == 4:
            features = as_map(output, size)
        elif output.ndim == 3 and any(True for _ in module.children()):  # blocks: what is within is half a thought
            features = as_tokens(output, size, prefix)
        if features is not None and (not found or _alike(features.tensor, found[0].tensor)):
            found.append(features)
    return found


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether features are of one making: maps, or tokens of one number and width."""
    return one.ndim == other.ndim and (one.ndim == 4 or one.shape == other.shape)


def as_map(output: torch.Tensor, size: tuple[int, int]) -> Features | None:
    """Features (rows, channels, h, w) or (rows, h, w, channels), told apart by the image's proportions."""
    if _proportional(output.shape[2:], size):
        return Features(output, lambda features: features)
    if _proportional(output.shape[1:3], size):
        return Features(output, lambda features: features.permute(0, 3, 1, 2))
    return None


def as_tokens(output: torch.Tensor, size: tuple[int, int], prefix: int) -> Features | None:
    """Features (rows, tokens, channels): a token a place, row by row, behind the prefix."""
    for skip in (prefix, 0):
        count = output.shape[1] - skip
        high = round(math.sqrt(max(0, count) * size[0] / size[1]))
        if high and count % high == 0 and _proportional((high, count // high), size):
            return Features(output, partial(_laid_out, skip=skip, high=high))
    return None


def _laid_out(tokens: torch.Tensor, skip: int, high: int) -> torch.Tensor:
    laid: torch.Tensor = tokens[:, skip:].transpose(1, 2).unflatten(2, (high, -1))
    return laid


def _proportional(grid: Any, size: tuple[int, int]) -> bool:
    """Whether a grid of more than one place has an image's proportions, but for rounding to whole places."""
    high, wide = int(grid[0]), int(grid[1])
    inside = high * wide > 1 and high <= size[0] and wide <= size[1]
    return inside and abs(high * size[1] - wide * size[0]) < max(size)
