"""invasive_species: photos of a Brazilian forest, does invasive hydrangea grow in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from competitions.invasive_species.load import FILES, SLUG, load
from folds.plan import FoldPlan
from pipelines.contract import Competition
from pipelines.learners.frozen.learner import FrozenLearner
from pipelines.learners.image import ImageLearner
from pipelines.learners.tasks import Binary
from pipelines.metrics.ranks import auc

task = Binary()

# Hydrangea may stand anywhere in a photo: squashing keeps all of it, where a random crop could lose what the label
# is about.
learner = ImageLearner(
    model="convnext_tiny",
    size=384,
    fit_image="squash",
    augment="medium",
    epochs=12,
    batch=16,
    rate=1e-4,
    layer_decay=0.8,
    smoothing=0.05,
)

frozen = FrozenLearner(head="ridge", backbones=("convnext_base",), size=384, fit_image="squash", task=task)


def toy(root: Path) -> None:
    """Write the stand-ins; what draws them is imported only for that."""
    from competitions.invasive_species.toy import toy as draw

    draw(root)


competition = Competition(
    name="invasive_species",
    slug=SLUG,
    id="name",
    targets=("invasive",),
    load=load,
    truth=task.truth,
    plan=FoldPlan(kind="stratified", n=5, stratify="invasive"),
    metric=auc,
    learner=learner,
    encode=task.encode_probability("invasive"),
    toy=toy,
    experiments={
        "toy": replace(
            learner,
            model="test_resnet",
            weights="none",
            size=96,
            augment="light",
            epochs=6,
            rate=3e-3,
            layer_decay=1.0,
            smoothing=0.0,
            views="none",
        ),
        "large": replace(learner, size=640, batch=8),  # the winner's photos were 800 x 800
        "resnet50": replace(learner, model="resnet50", rate=3e-4, layer_decay=1.0),
        "efficientnet": replace(learner, model="tf_efficientnetv2_s", rate=3e-4, layer_decay=1.0),
        "frozen": frozen,
        "toy-frozen": replace(frozen, backbones=("test_resnet",), weights="none", size=96),
        "swin": replace(learner, model="swin_tiny_patch4_window7_224", size=224, rate=5e-5),
    },
    files=FILES,
    demo_folds=(0, 1),
    places={"1st": 0.99770, "gold": 0.99505, "silver": 0.99237, "bronze": 0.98979, "median": 0.96999},
    why="The labels' order is shuffled and photos carry no place, so any row may validate; classes are kept even.",
)
