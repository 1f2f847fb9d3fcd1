"""A small convolutional network for 28 x 28 digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def digit_network(outputs: int, seed: int, widths: tuple[int, ...] = (16, 32, 64)) -> torch.nn.Module:
    """Pairs of convolutions of these channels, the map halved after each pair; (n, 1, 28, 28) -> (n, outputs)."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    channels = 1
    for width in widths:
        for inner in (channels, width):
            layers += [nn.Conv2d(inner, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.25), nn.Linear(channels, outputs))
