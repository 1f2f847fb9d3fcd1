"""The one door to albumentations, whose maintenance has ended at 2.0.8."""

from __future__ import annotations

import os
from typing import Any

from features.recipes import Recipe


def extra_steps(recipe: Recipe) -> Any:
    """What a recipe leaves to albumentations: blur, noise, distortion and dropout, as one composed transform."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else its import asks a package registry for newer versions
    import albumentations

    return albumentations.Compose(
        [
            albumentations.GaussianBlur(blur_limit=(3, 5), p=recipe.blur),
            albumentations.GaussNoise(std_range=(0.02, 0.08), p=recipe.noise),
            albumentations.GridDistortion(distort_limit=0.2, p=recipe.distortion),
            albumentations.CoarseDropout(
                num_holes_range=(1, 8),
                hole_height_range=(0.05, 0.2),
                hole_width_range=(0.05, 0.2),
                p=recipe.dropout,
            ),
        ]
    )
