"""A plain U-Net that starts from nothing, and the padding that lets any network of maps see any size."""

from __future__ import annotations

import torch
from torch.nn import functional


class Block(torch.nn.Sequential):
    """Two 3x3 convolutions, each normalised."""

    def __init__(self, inputs: int, outputs: int) -> None:
        layers: list[torch.nn.Module] = []
        for channels in (inputs, outputs):
            layers.append(torch.nn.Conv2d(channels, outputs, 3, padding=1, bias=False))
            layers += [torch.nn.BatchNorm2d(outputs), torch.nn.ReLU(inplace=True)]
        super().__init__(*layers)


class PlainUnet(torch.nn.Module):
    """Down by halves and up again, each level handed across; images (rows, channels, h, w) to maps (rows, 1, h, w)."""

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        inputs = [channels, *widths[:-1]]
        self.down = torch.nn.ModuleList(Block(*pair) for pair in zip(inputs, widths, strict=True))
        steps = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.lift = torch.nn.ModuleList(torch.nn.ConvTranspose2d(*pair, 2, stride=2) for pair in steps)
        self.up = torch.nn.ModuleList(Block(2 * outputs, outputs) for _, outputs in steps)
        self.head = torch.nn.Conv2d(width, 1, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Raw outputs, one map a row."""
        levels: list[torch.Tensor] = []
        for block in self.down:
            images = block(functional.max_pool2d(images, 2) if levels else images)
            levels.append(images)
        found = levels.pop()
        for lift, block in zip(self.lift, self.up, strict=True):
            found = block(torch.cat([levels.pop(), lift(found)], dim=1))
        maps: torch.Tensor = self.head(found)
        return maps


class Padded(torch.nn.Module):
    """A network of maps that sees images padded by reflection to what it can halve; its maps are cut back."""

    def __init__(self, inner: torch.nn.Module, stride: int) -> None:
        super().__init__()
        self.inner, self.stride = inner, stride

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Raw outputs as large as the images."""
        height, width = images.shape[-2:]
        tall, wide = -height % self.stride, -width % self.stride
        if not (tall or wide):
            maps: torch.Tensor = self.inner(images)
            return maps
        edges = (wide // 2, wide - wide // 2, tall // 2, tall - tall // 2)  # left, right, top, bottom
        seen = self.inner(functional.pad(images, edges, mode="reflect"))
        cut: torch.Tensor = seen[..., edges[2] : edges[2] + height, edges[0] : edges[0] + width]
        return cut
