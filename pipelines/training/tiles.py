"""Overlapping tiles of large images: each seen by itself, their maps joined without seams."""

from __future__ import annotations

from collections.abc import Callable

import torch

OVERLAP = 0.25  # of a tile's side, at least: what lies near a tile's edge was seen with little around it


def places(length: int, tile: int) -> list[int]:
    """Where tiles of a side begin, evenly spaced, the last one at the end; a side shorter than a tile has one."""
    if length <= tile:
        return [0]
    count = 1 + -(-(length - tile) // max(1, int(tile * (1 - OVERLAP))))
    return [round(place * (length - tile) / (count - 1)) for place in range(count)]


def ramp(length: int) -> torch.Tensor:
    """Weights (length,) that rise from the edges to the middle, nowhere 0."""
    steps = torch.arange(1, length + 1, dtype=torch.float32)
    return torch.minimum(steps, steps.flip(0)) / length


def in_tiles(look: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor, tile: int) -> torch.Tensor:
    """Maps (rows, 1, height, width) of images (rows, channels, height, width), looked at tile by tile."""
    height, width = images.shape[-2:]
    tall, wide = min(tile, height), min(tile, width)
    window = (ramp(tall)[:, None] * ramp(wide)[None, :]).to(images.device)
    total = torch.zeros((len(images), 1, height, width), device=images.device)
    weight = torch.zeros((height, width), device=images.device)
    for top in places(height, tile):
        for left in places(width, tile):
            box = (..., slice(top, top + tall), slice(left, left + wide))
            total[box] += look(images[box]).float() * window
            weight[box] += window
    return total / weight
