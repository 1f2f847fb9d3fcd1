"""Fit the mask learner: what of it is its own, beside what all learners of pixels share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from features.augment import Augment
from features.batches import Batches
from features.recipes import Recipe, recipe_named
from pipelines.learners.mask_model import MaskModel, restored, start_model
from pipelines.learners.mask_settings import MaskSettings
from pipelines.learners.pixel_fit import Judge, Kind, Task, make_feed, make_training
from pipelines.training.fit import Training

CHANNELS = 3
HALF = 128  # of 255: what of a pixel a mask must cover


def make(task: Task[MaskSettings]) -> tuple[Training, MaskModel]:
    """A fit before its first step (or at its checkpoint), and the model that it will make."""
    learner = task.learner
    for keep in (learner.masks, learner.images):
        keep(task.rows, keep=True, out=task.out)
    model = start_model(learner, CHANNELS, "none" if task.begun else learner.weights)
    batches = Batches(
        images=learner.images(task.train, keep=True, out=task.out),
        masks=learner.masks(task.train, keep=True, out=task.out),
        ids=task.train.index,
        augment=Augment(_recipe(learner), *learner.trained_size),
        batch=1,
    )
    feed = make_feed(model, task, batches, None, balance=False)
    return make_training(model, task, learner.trained_loss, feed, _judge(model, task))


def _recipe(learner: MaskSettings) -> Recipe:
    """The named recipe; training sees whole images or squares cut out of them, never parts that are blown up."""
    return replace(recipe_named(learner.augment), frame="window" if learner.crop else "whole")


def _judge(model: MaskModel, task: Task[MaskSettings]) -> Judge | None:
    """The score of a network on the validation rows at the size that it sees, one look each: a guide for training.

    Masks come out of the cache, half covered pixels count, and maps are not grown: what a run is worth is judged at the
    masks' own size.
    """
    valid = task.judged
    if valid is None:
        return None
    metric, masks = task.targets.metric, task.learner.masks(valid, keep=True, out=task.out)

    def judge(network: torch.nn.Module) -> float:
        candidate, kept, done = replace(model, network=network), [], 0
        for ids, inputs in task.learner.inputs(valid):
            truth = np.stack([masks[done + row][:, :, 0] >= HALF for row in range(len(ids))])
            kept.append(metric.keep(truth, candidate.predict(inputs)))
            done += len(ids)
        whole = np.concatenate(kept)
        return metric.combine(whole, metric.choose(whole), None)

    return judge


def _finish(model: MaskModel, task: Task[MaskSettings]) -> MaskModel:
    return model


KIND = Kind(make, _finish, restored)
