"""fastai's own training on photos, in its environment: FOLDER MODEL BATCH WORKERS -> images per second as JSON."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

from fastai.vision import all as fastai

from tests.bench.image_peers import fastai_made

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    folder, model, batch, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    loaders = fastai_made(folder, batch, workers, "cuda")
    learner = fastai.vision_learner(loaders, model, pretrained=False, metrics=[])
    ampere = fastai.torch.cuda.get_device_capability() >= (8, 0)  # older cards only imitate bf16
    learner = learner.to_channelslast(amp_mode=fastai.AMPMode.BF16 if ampere else fastai.AMPMode.FP16)
    with learner.no_bar(), learner.no_logging():
        learner.fit(1)  # warms up
        fastai.torch.cuda.synchronize()
        start = time.perf_counter()
        learner.fit(1)
        fastai.torch.cuda.synchronize()
    print(json.dumps([len(loaders.train) * batch / (time.perf_counter() - start)]))
