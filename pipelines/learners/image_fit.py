"""Fit the image learner: what of it is its own, beside what all learners of pixels share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from features.augment import Augment
from features.batches import Batches
from features.images import Images
from features.recipes import Recipe, recipe_named
from pipelines.contract import Values
from pipelines.learners.image_columns import numbers_of, scaled, spread_of
from pipelines.learners.image_model import ImageModel, Shape, restored, start_model
from pipelines.learners.image_settings import ImageSettings
from pipelines.learners.pixel_fit import Judge, Kind, Task, look, make_feed, make_training, scored
from pipelines.training.fit import Training
from pipelines.training.losses import RangeLoss

RANKS = 1001  # quantiles of the validation rows' values that ranks are read off


def make(task: Task[ImageSettings]) -> tuple[Training, ImageModel]:
    """A fit before its first step (or at its checkpoint), and the model that it will make."""
    learner = task.learner
    truth = task.targets.values(task.train).astype(np.float32)
    if isinstance(learner.loss, RangeLoss):
        learner.loss.check(truth)
    images = _images(task)
    model = start_model(learner, _shape(task, truth, images), "none" if task.begun else learner.weights)
    augment = Augment(_recipe(learner), *learner.seen, learner.interpolation)
    batches = Batches(images=images, ids=task.train.index, augment=augment, batch=1)
    goals = ((truth - model.shape.centre) / model.shape.spread).astype(np.float32)
    feed = make_feed(model, task, batches, goals, learner.balance)
    if learner.columns:
        feed = replace(feed, numbers=scaled(_numbers(task), model.shape.means, model.shape.spreads))
    return make_training(model, task, learner.trained_loss, feed, _judge(model, task))


def _images(task: Task[ImageSettings]) -> Images:
    """The training rows' images."""
    rows = task.rows
    images = task.learner.images(rows, keep=True, out=task.out)
    return images if len(rows) == len(task.train) else task.learner.images(task.train, keep=True, out=task.out)


def _shape(task: Task[ImageSettings], truth: Values, images: Images) -> Shape:
    learner, outputs = task.learner, truth.shape[1]
    centre, spread = np.zeros(outputs), np.ones(outputs)
    if learner.loss.scaled:
        centre, spread = truth.mean(axis=0, dtype=np.float64), truth.std(axis=0, dtype=np.float64)
        spread[spread == 0] = 1
    means, spreads = spread_of(_numbers(task)) if learner.columns else (np.zeros(0), np.ones(0))
    named = (tuple(part.tolist()) for part in (centre, spread, means, spreads))
    return Shape(outputs, images[0].shape[2], *named)


def _numbers(task: Task[ImageSettings]) -> np.ndarray:
    """The training rows' columns (rows, columns); targets are none of them."""
    told = [name for name in task.learner.columns if name in task.targets.names]
    if told:
        raise ValueError(f"--columns: expected columns that test rows have too, got the target {', '.join(told)}")
    return numbers_of(task.train, task.learner.columns)


def _recipe(learner: ImageSettings) -> Recipe:
    """The named recipe; an image that is kept whole, squashed or with bars, is not cropped at random."""
    recipe = recipe_named(learner.augment)
    return recipe if learner.fit_image == "crop" or recipe.frame != "crop" else replace(recipe, frame="whole")


def _judge(model: ImageModel, task: Task[ImageSettings]) -> Judge | None:
    """The score of a network on the validation rows, one look each."""
    valid = task.judged
    if valid is None:
        return None
    truth = task.targets.values(valid)

    def judge(network: torch.nn.Module) -> float:
        return scored(task, look(replace(model, network=network), valid), truth)

    return judge


def _finish(model: ImageModel, task: Task[ImageSettings]) -> ImageModel:
    """For ranks, the model's values on the validation rows."""
    if task.learner.space == "probability":
        return model
    # A fit on all rows holds none back: its ranks are read off the rows it was trained on.
    known = look(model, task.train if task.valid is None else task.valid)
    return replace(model, ranks=np.quantile(known, np.linspace(0, 1, RANKS), axis=0))


KIND = Kind(make, _finish, restored)
