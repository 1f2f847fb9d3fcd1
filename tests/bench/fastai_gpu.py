"""fastai's own training on photos, in its environment: FOLDER MODEL BATCH WORKERS -> images per second as JSON."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

from fastai.vision import all as fastai

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    folder, model, batch, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    loaders = fastai.ImageDataLoaders.from_path_func(
        folder,
        sorted(folder.rglob("*.jpg")),
        lambda path: path.parent.name,
        valid_pct=0,
        item_tfms=fastai.RandomResizedCrop(224, min_scale=0.08),
        batch_tfms=[*fastai.aug_transforms(max_warp=0), fastai.Normalize.from_stats(*fastai.imagenet_stats)],
        bs=batch,
        num_workers=workers,
    )
    learner = fastai.vision_learner(loaders, model, pretrained=False, metrics=[]).to_bf16()
    with learner.no_bar(), learner.no_logging():
        learner.fit(1)  # warms up
        start = time.perf_counter()
        learner.fit(1)
        fastai.torch.cuda.synchronize()
    print(json.dumps(len(loaders.train) * batch / (time.perf_counter() - start)))
