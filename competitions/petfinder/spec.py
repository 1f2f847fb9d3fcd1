"""petfinder: photos of pets up for adoption, how much are they looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from competitions.petfinder.load import FILES, HIGH, LOW, MARKS, SLUG, TARGET, load, load_test
from folds.plan import FoldPlan
from pipelines.contract import Choice, Competition, Values
from pipelines.learners.frozen.learner import FrozenLearner
from pipelines.learners.image import ImageLearner
from pipelines.learners.tasks import Regression
from pipelines.metrics.clipping import clipped
from pipelines.metrics.errors import rmse
from pipelines.training.losses import RangeLoss
from submissions.rules import Rules

task = Regression()


def encode(values: Values, choice: Choice) -> Mapping[str, np.ndarray]:
    """The scores, cut to the range that they have."""
    return task.encode_value(TARGET)(np.clip(values, LOW, HIGH), choice)


learner = ImageLearner(
    model="swin_tiny_patch4_window7_224",
    size=224,
    augment="medium",
    loss=RangeLoss(low=0, high=HIGH),
    epochs=6,
    batch=32,
    rate=5e-5,
    layer_decay=0.85,
    mixup=0.4,
)

small = replace(learner, model="test_resnet", weights="none")
frozen = FrozenLearner(
    head="svr",
    backbones=("swin_large_patch4_window7_224", "convnext_large", "beit_large_patch16_224"),
    fit_image="squash",
    task=task,
)


def toy(root: Path) -> None:
    """Write the stand-ins; what draws them is imported only for that."""
    from competitions.petfinder.toy import toy as draw

    draw(root)


competition = Competition(
    name="petfinder",
    slug=SLUG,
    id="Id",
    targets=(TARGET,),
    load=load,
    load_test=load_test,
    truth=task.truth,
    plan=FoldPlan(kind="stratified", n=5, stratify=TARGET, bins=14),  # Sturges' rule: 1 + log2 of 9,912 rows
    metric=clipped(rmse, LOW, HIGH),
    learner=learner,
    encode=encode,
    toy=toy,
    rules=Rules(low=LOW, high=HIGH, constant=True),  # the photos of test that show are noise: all may get one score
    experiments={
        "toy": replace(small, size=48, augment="none", epochs=8, rate=3e-3, layer_decay=1.0, mixup=0.0),
        "metadata": replace(learner, columns=MARKS),
        "square": replace(learner, loss=RangeLoss(low=0, high=HIGH, by="square")),
        "frozen": frozen,
        "toy-frozen": replace(frozen, backbones=("test_resnet", "test_efficientnet"), weights="none", size=64),
        "swin-large": replace(learner, model="swin_large_patch4_window7_224", batch=16, rate=2e-5, layer_decay=0.9),
    },
    files=FILES,
    demo_folds=(0, 1),
    code=True,
    hidden_rows=6800,
    why="Ids are random and test is drawn like train, so any row may validate; scores are kept even in 14 bins.",
)
