"""Fit the image learner: cache, batches, network and optimiser put together for the training loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from features.augment import Augment
from features.batches import Batches
from features.images import Images
from features.recipes import Recipe, recipe_named
from pipelines.contract import Out, Table, Targets, Values
from pipelines.learners.image_columns import numbers_of, scaled, spread_of
from pipelines.learners.image_model import STATE, ImageModel, Shape, load_image_model, restored, start_model
from pipelines.learners.image_settings import ImageSettings
from pipelines.metrics.terms import UndefinedScore
from pipelines.predicting import check_finite
from pipelines.runfolder import read_json, write_json
from pipelines.training.crew import standing
from pipelines.training.feeding import Feed, balanced
from pipelines.training.fit import BEST, CHECKPOINT, Training, load_weights
from pipelines.training.loop import train as train_network
from pipelines.training.losses import RangeLoss
from pipelines.training.optimisers import average_weights, make_optimiser
from pipelines.training.views import views_named

START = "start.json"  # what a model in the making is, beside its checkpoint
RANKS = 1001  # quantiles of the validation rows' values that ranks are read off


@dataclass(frozen=True)
class Task:
    """What a fit is given."""

    learner: ImageSettings
    train: Table
    valid: Table | None
    targets: Targets
    out: Out


def fit_images(task: Task) -> ImageModel:
    """Train on, from the checkpoint where there is one, and keep the network that predicts."""
    folder = task.out.folder
    if (folder / STATE).exists():  # written last: a kill between it and the runner's own mark costs nothing
        return load_image_model(task.learner, folder)
    training, model = make_training(task)
    if training.rank == 0:
        write_json(folder / START, model.state())
    train_network(training)
    model = _finished(model, training, task)
    if training.rank == 0:
        model.save(folder)
        for name in (CHECKPOINT, BEST, START):
            (folder / name).unlink(missing_ok=True)
    return model


def make_training(task: Task) -> tuple[Training, ImageModel]:
    """A fit before its first step (or at its checkpoint), and the model that it will make."""
    learner, out = task.learner, task.out
    truth = task.targets.values(task.train).astype(np.float32)
    if isinstance(learner.loss, RangeLoss):
        learner.loss.check(truth)
    images = _images(task)
    begun = (out.folder / CHECKPOINT).exists()
    model = start_model(learner, _shape(task, truth, images), "none" if begun else learner.weights)
    network = _prepared(model)
    training = Training(
        network=network,
        loss=learner.trained_loss,
        optimiser=make_optimiser(network, learner),
        batches=_feed(model, task, images, (truth - model.shape.centre) / model.shape.spread),
        settings=learner,
        precision=model.precision,
        out=out,
        metric=task.targets.metric,
        judge=None if task.valid is None or not len(task.valid) else _judge(model, task.valid, task.targets),
        averaged=average_weights(network, learner),
    )
    return training, replace(model, network=network)


def provisional(learner: ImageSettings, out: Out) -> ImageModel | None:
    """The best model that an unfinished fit has so far; None before its first checkpoint."""
    paths = [out.folder / name for name in (BEST, CHECKPOINT)]
    if learner.keep == "last":
        paths.reverse()
    found = next((path for path in paths if path.exists()), None)
    return None if found is None else restored(learner, read_json(out.folder / START), found)


def _images(task: Task) -> Images:
    """The training rows' images; the validation rows' are decoded with them, as each epoch looks at them."""
    rows = task.train if task.valid is None else pd.concat([task.train, task.valid])
    images = task.learner.images(rows, keep=True, out=task.out)
    return images if len(rows) == len(task.train) else task.learner.images(task.train, keep=True, out=task.out)


def _shape(task: Task, truth: Values, images: Images) -> Shape:
    learner, outputs = task.learner, truth.shape[1]
    centre, spread = np.zeros(outputs), np.ones(outputs)
    if learner.loss.scaled:
        centre, spread = truth.mean(axis=0, dtype=np.float64), truth.std(axis=0, dtype=np.float64)
        spread[spread == 0] = 1
    means, spreads = spread_of(_numbers(task)) if learner.columns else (np.zeros(0), np.ones(0))
    named = (tuple(part.tolist()) for part in (centre, spread, means, spreads))
    return Shape(outputs, images[0].shape[2], *named)


def _numbers(task: Task) -> np.ndarray:
    """The training rows' columns (rows, columns); targets are none of them."""
    told = [name for name in task.learner.columns if name in task.targets.names]
    if told:
        raise ValueError(f"--columns: expected columns that test rows have too, got the target {', '.join(told)}")
    return numbers_of(task.train, task.learner.columns)


def _prepared(model: ImageModel) -> torch.nn.Module:
    network = model.network
    if model.learner.checkpointing:
        if not hasattr(network, "set_grad_checkpointing"):
            raise ValueError(f"--checkpointing: expected a network that offers it, got {model.learner.model}")
        network.set_grad_checkpointing()  # type: ignore[operator]  # timm's networks offer it
    if standing()[1] > 1 and model.precision.device.type == "cuda":
        from timm.layers.norm_act import convert_sync_batchnorm

        network = convert_sync_batchnorm(network)
    return network


def _feed(model: ImageModel, task: Task, images: Images, truth: Values) -> Feed:
    learner = task.learner
    rank, ranks = standing()
    rows = min(learner.step_rows, len(task.train))
    if rows % ranks:
        raise ValueError(f"--batch: expected a multiple of the {ranks} processes that share it, got {rows}")
    batches = Batches(
        images=images,
        ids=task.train.index,
        augment=Augment(_recipe(learner), learner.size, learner.size),
        batch=rows // ranks,
        seed=learner.seed,
        workers=learner.workers,
        drop_last=True,  # a last batch of one row would leave BatchNorm without a spread
        pin=model.precision.device.type == "cuda",
    )
    chances = balanced(truth) if learner.balance else None
    numbers = scaled(_numbers(task), model.shape.means, model.shape.spreads) if learner.columns else None
    return Feed(batches, truth.astype(np.float32), model.normalise, learner, chances, rank, ranks, numbers)


def _recipe(learner: ImageSettings) -> Recipe:
    """The named recipe; an image that is kept whole, squashed or with bars, is not cropped at random."""
    recipe = recipe_named(learner.augment)
    return recipe if learner.fit_image == "crop" or recipe.frame != "crop" else replace(recipe, frame="whole")


def _judge(model: ImageModel, valid: Table, targets: Targets) -> Callable[[torch.nn.Module], float]:
    """The score of a network on the validation rows, one look each; nan where these rows have none."""
    truth = targets.values(valid)

    def judge(network: torch.nn.Module) -> float:
        values = _look(replace(model, network=network), valid)
        check_finite(values, valid)
        try:
            return targets.metric.score(truth, values)
        except UndefinedScore:
            return float("nan")

    return judge


def _look(model: ImageModel, table: Table) -> Values:
    """The values of all rows, in their order."""
    return np.concatenate([model.predict(inputs) for _, inputs in model.learner.inputs(table)])


def _finished(model: ImageModel, training: Training, task: Task) -> ImageModel:
    """The network that predicts, with the learner's views and, for ranks, its values on the validation rows."""
    learner, network = task.learner, training.predictor
    found = {"epochs": training.epoch}
    if learner.keep == "best" and training.scores:
        load_weights(network, training.best_path)
        found = {"epochs": training.best_epoch}
    if training.stepper.pieces != learner.accumulate:
        found["accumulate"] = training.stepper.pieces  # so that a fit on all rows starts with what memory allowed
    model = replace(model, network=network, found=found, views=views_named(learner.views))
    if learner.space == "probability":
        return model
    # A fit on all rows holds none back: its ranks are read off the rows it was trained on.
    known = _look(model, task.train if task.valid is None else task.valid)
    return replace(model, ranks=np.quantile(known, np.linspace(0, 1, RANKS), axis=0))
