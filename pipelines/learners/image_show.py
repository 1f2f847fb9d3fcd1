"""Images as a fitted image learner sees them, and what in them speaks for its outputs."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from pipelines.explain.seam import Asked, Panel, Shown
from pipelines.learners.image_model import ImageModel
from pipelines.training.heat import heat_maps
from pipelines.training.joined import Inputs, Joined

STRENGTH = 0.75  # of the colour where the heat is highest
NOTHING = "the network has no features that lie over the image"


def show_images(model: ImageModel, inputs: Inputs, asked: Asked) -> list[Shown]:
    """Each row's image as the network saw it, and beside it a heat map for each output asked about."""
    seen = inputs.images if isinstance(inputs, Joined) else inputs  # columns beside them stay at their means
    pictures, images = pictures_of(seen), model.normalise(seen)
    panels = [[Panel("what the network saw", picture)] for picture in pictures]
    note = ""
    for turn in range(max(map(len, asked.towards), default=0)):
        places = [place for place, each in enumerate(asked.towards) if len(each) > turn]
        turned = [asked.towards[place][turn] for place in places]
        outputs, signs = np.array([(each.output, -1 if each.against else 1) for each in turned]).T
        maps = heat_maps(model.network, images[places], outputs, signs)
        if maps is None:
            note = NOTHING
            break
        for place, each, heat in zip(places, turned, maps, strict=True):
            title = each.label if heat.any() else f"{each.label}: nothing"
            panels[place].append(Panel(title, overlay(pictures[place], heat)))
    return [Shown(each, note) for each in panels]


def pictures_of(inputs: torch.Tensor) -> np.ndarray:
    """Inputs (rows, height, width, channels) as colours, uint8 (rows, height, width, 3)."""
    pixels = inputs.numpy()
    return np.repeat(pixels[..., :1], 3, axis=3) if pixels.shape[3] < 3 else pixels[..., :3]


def overlay(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A picture (height, width, 3) in gray under its heat (height, width) in 0..1, as colours; uint8."""
    gray = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    levels = (heat * 255).round().astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    share = STRENGTH * heat[..., None]
    return np.asarray((gray * (1 - share) + colours * share).round().astype(np.uint8))
