"""carvana_masks: photos of cars on a turntable, which pixels are the car."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from competitions.carvana_masks.load import FILES, FILES_HQ, SLUG, USUAL, car_of, load
from folds.plan import FoldPlan
from pipelines.contract import Competition
from pipelines.learners.mask import MaskLearner
from pipelines.learners.mask_task import MaskTask, image_size
from pipelines.metrics.masks import dice
from submissions.rules import Masks, Rules

task = MaskTask(column="rle_mask", order="rows")

# Below 512 pixels, bringing even a perfect mask back to 1918 costs more Dice than what parted the 1st from the 100th.
learner = MaskLearner(
    arch="unet",
    encoder="resnet34",
    size="512x768",
    loss="bce_dice",
    augment="light",
    epochs=20,
    batch=8,
    rate=3e-4,
    decay=1e-4,
)


def toy(root: Path) -> None:
    """Write the stand-ins; what draws them is imported only for that."""
    from competitions.carvana_masks.toy import toy as draw

    draw(root)


competition = Competition(
    name="carvana_masks",
    slug=SLUG,
    id="img",
    targets=("mask",),
    load=load,
    truth=task.truth,
    plan=FoldPlan(kind="stratified-group", n=5, group="car", stratify="area", bins=5),
    metric=dice,
    learner=learner,
    encode=task.encode,
    shape=image_size,
    rules=Rules(masks=Masks(shape=USUAL, order="rows", share=(0.13, 0.36), group=car_of)),
    toy=toy,
    experiments={
        "toy": replace(
            learner,
            arch="plain",
            weights="none",
            width=8,
            depth=3,
            size="64x96",
            augment="medium",
            epochs=8,
            batch=8,
            rate=1e-2,
            views="none",
        ),
        "full": replace(learner, size="1280x1918", crop=768, batch=4, border_weight=3.0, epochs=40),
        "large": replace(learner, size="1024x1536", batch=4, border_weight=3.0),
        "linknet": replace(learner, arch="linknet", loss="bce_log_dice"),
        "scratch": replace(learner, arch="plain", weights="none", size="1024x1024", batch=4, border_weight=3.0),
    },
    files=FILES,
    submission="submission.csv.gz",
    demo_folds=(0, 1),
    why="A car's 16 images are one car: it trains or validates whole. Cars large and small are spread evenly.",
)

competitions = (
    competition,
    replace(competition, name="carvana_masks/hq", load=partial(load, quality="_hq"), files=FILES_HQ),
)
featured = ("carvana_masks",)
