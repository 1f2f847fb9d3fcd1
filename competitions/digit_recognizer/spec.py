"""digit_recognizer: handwritten digits as rows of pixels, with a network of its own."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from competitions.digit_recognizer.load import SIDE, SLUG, images, load
from competitions.digit_recognizer.network import digit_network
from folds.plan import FoldPlan
from pipelines.contract import Competition
from pipelines.learners.frozen.learner import FrozenLearner
from pipelines.learners.image import ImageLearner
from pipelines.learners.tasks import Multiclass
from pipelines.metrics.labels import accuracy
from pipelines.training.losses import ClassLoss
from submissions.rules import Rules

task = Multiclass(classes=tuple(range(10)))

learner = ImageLearner(
    model="digit_network",
    weights="none",
    size=SIDE,
    augment="digits",
    views="none",
    loss=ClassLoss(),
    network=digit_network,
    open_images=images,
    epochs=20,
    batch=64,
    rate=2e-3,
    decay=0.01,
)

frozen = FrozenLearner(head="ridge", backbones=("convnext_tiny",), task=task, open_images=images)


def toy(root: Path) -> None:
    """Write the stand-ins; what draws them is imported only for that."""
    from competitions.digit_recognizer.toy import toy as draw

    draw(root)


competition = Competition(
    name="digit_recognizer",
    slug=SLUG,
    id="ImageId",
    targets=("label",),
    load=load,
    truth=task.truth,
    plan=FoldPlan(kind="stratified", n=5, stratify="label"),
    metric=accuracy,
    learner=learner,
    encode=task.encode_label("Label"),
    toy=toy,
    rules=Rules(low=0, high=9, integer=True),
    experiments={
        "toy": replace(learner, network=partial(digit_network, widths=(8, 16, 32)), epochs=8, batch=32),
        "frozen": frozen,
        "toy-frozen": replace(frozen, backbones=("test_resnet",), weights="none", size=SIDE),
    },
    demo_folds=(0, 1),
    why="Rows carry no writer and the test is drawn like train, so any row may validate; classes are kept even.",
)
