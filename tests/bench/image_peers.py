"""One image loader in a process of its own: `python image_peers.py KIND FOLDER` prints two epochs' images/s as JSON.

Imports nothing of this project: fastai lives in an environment of its own (`make bench-peers`). All do the same:
224-pixel random-resized crop, flip, affine and colour jitter of the same ranges, batches of 32, two workers, and what
arrives is float32, normalised and contiguous.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

SIDE, BATCH, WORKERS = 224, 32, 2
SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)
ROTATE, ZOOM, SHIFT, SHEAR, JITTER = 15, 0.1, 0.1, 5, 0.4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def timm_loader(folder: Path) -> Callable[[], Iterable[Any]]:
    """timm's create_loader on this machine's CPU."""
    loader = timm_made(folder)
    return lambda: (images for images, _ in loader)


def timm_made(folder: Path, side: int = SIDE, batch: int = BATCH, workers: int = WORKERS, device: str = "cpu") -> Any:
    """timm's create_loader with its prefetcher, the faster of its two ways, and torchvision's affine added."""
    import torch
    from timm.data import ImageDataset, create_loader
    from torchvision import transforms

    dataset = ImageDataset(str(folder))
    loader = create_loader(
        dataset,
        (3, side, side),
        batch,
        is_training=True,
        num_workers=workers,
        scale=SCALE,
        ratio=RATIO,
        hflip=0.5,
        color_jitter=JITTER,
        interpolation="bilinear",
        mean=MEAN,
        std=STD,
        device=torch.device(device),
        persistent_workers=True,
    )
    affine = transforms.RandomAffine(
        ROTATE,
        translate=(SHIFT, SHIFT),
        scale=(1 - ZOOM, 1 + ZOOM),
        shear=SHEAR,
        interpolation=transforms.InterpolationMode.BILINEAR,
    )
    dataset.transform.transforms.insert(2, affine)
    return loader


def fastai_loader(folder: Path) -> Callable[[], Iterable[Any]]:
    """fastai's ImageDataLoaders on this machine's CPU."""
    from fastai.vision import all as fastai

    loaders = fastai_made(folder)
    return lambda: (images.as_subclass(fastai.Tensor) for images, _ in loaders.train)


def fastai_made(folder: Path, batch: int = BATCH, workers: int = WORKERS, device: str = "cpu") -> Any:
    """fastai's ImageDataLoaders with its batch transforms; it has no shift and shear of its own: rotation and zoom."""
    from fastai.vision import all as fastai

    moves = fastai.setup_aug_tfms(
        [
            fastai.Flip(),
            fastai.Rotate(ROTATE, p=1),
            fastai.Zoom(1 - ZOOM, 1 + ZOOM, p=1),
            fastai.Brightness(JITTER, p=1),
            fastai.Contrast(JITTER, p=1),
            fastai.Saturation(JITTER, p=1),
        ]
    )
    return fastai.ImageDataLoaders.from_path_func(
        folder,
        sorted(folder.rglob("*.jpg")),
        lambda path: path.parent.name,
        valid_pct=0,
        seed=0,
        item_tfms=fastai.RandomResizedCrop(SIDE, min_scale=SCALE[0], ratio=RATIO),
        batch_tfms=[*moves, fastai.Normalize.from_stats(MEAN, STD)],
        bs=batch,
        num_workers=workers,
        device=device,
    )


def plain_loader(folder: Path) -> Callable[[], Iterable[Any]]:
    """A torch DataLoader over OpenCV and albumentations, seeded per sample."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    import albumentations
    import cv2
    import torch
    from albumentations.pytorch import ToTensorV2

    files = [str(path) for path in sorted(folder.rglob("*.jpg"))]
    jitter = (1 - JITTER, 1 + JITTER)
    steps = albumentations.Compose(
        [
            albumentations.RandomResizedCrop((SIDE, SIDE), scale=SCALE, ratio=RATIO),
            albumentations.HorizontalFlip(p=0.5),
            albumentations.Affine(
                scale=(1 - ZOOM, 1 + ZOOM),
                keep_ratio=True,
                rotate=(-ROTATE, ROTATE),
                translate_percent=(-SHIFT, SHIFT),
                shear={"x": (-SHEAR, SHEAR), "y": (0, 0)},
                p=1,
            ),
            albumentations.ColorJitter(jitter, jitter, jitter, (0, 0), p=1),
            albumentations.Normalize(MEAN, STD),
            ToTensorV2(),
        ]
    )

    class Photos(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, row: int) -> Any:
            steps.set_random_seed(row)
            return steps(image=cv2.cvtColor(cv2.imread(files[row]), cv2.COLOR_BGR2RGB))["image"]

    return lambda: torch.utils.data.DataLoader(Photos(), BATCH, shuffle=True, num_workers=WORKERS, drop_last=True)


def rate(batches: Iterable[Any]) -> float:
    """Images per second until the last batch is there, each checked to be what a network takes."""
    start, count = time.perf_counter(), 0
    for images in batches:
        assert tuple(images.shape[1:]) == (3, SIDE, SIDE)
        assert str(images.dtype) == "torch.float32"
        assert images.is_contiguous()
        count += len(images)
    return count / (time.perf_counter() - start)


LOADERS = {"timm": timm_loader, "fastai": fastai_loader, "plain": plain_loader}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    epoch = LOADERS[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps([rate(epoch()), rate(epoch())]))
