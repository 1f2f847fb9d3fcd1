"""Optimisers with weight decay on weights only and slower layers below, as timm groups them, and means of weights."""

from __future__ import annotations

import torch
from timm.optim._param_groups import param_groups_layer_decay, param_groups_weight_decay
from timm.utils.model_ema import ModelEmaV3

from pipelines.training.settings import NetworkSettings

MOMENTUM = 0.9  # of SGD


def make_optimiser(network: torch.nn.Module, settings: NetworkSettings) -> torch.optim.Optimizer:
    """The settings's optimiser; each layer's group already has its own peak rate."""
    if settings.layer_decay < 1:
        groups = param_groups_layer_decay(network, settings.decay, layer_decay=settings.layer_decay)
        groups = [{**group, "lr": settings.rate * group.pop("lr_scale")} for group in groups]
    else:
        groups = param_groups_weight_decay(network, settings.decay)
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=settings.rate, momentum=MOMENTUM, nesterov=True)
    fused = next(network.parameters()).device.type in ("cuda", "cpu")
    return torch.optim.AdamW(groups, lr=settings.rate, fused=fused)


def average_weights(network: torch.nn.Module, settings: NetworkSettings) -> ModelEmaV3 | None:
    """A running mean of the network's weights and buffers, or None.

    Its decay grows with the number of steps, so that a short training is not dominated by where it started.
    """
    return ModelEmaV3(network, decay=settings.ema, use_warmup=True, warmup_power=0.75) if settings.ema else None
