"""What a month asks for: a kind of target, the metric that judges it, the cells of a submission."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from pipelines.contract import Choice, Learner, Metric, Values
from pipelines.learners.constant import ConstantLearner
from pipelines.learners.tasks import Binary, Multiclass, Regression, Task
from pipelines.metrics.errors import mae, rmse, rmsle, smape
from pipelines.metrics.labels import accuracy, binary_accuracy, log_loss
from pipelines.metrics.ranks import auc
from pipelines.metrics.rounding import rounded
from submissions.rules import Rules


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Target columns and all that follows from how Kaggle scores them."""

    targets: tuple[str, ...]
    task: Task
    metric: Metric
    encode: Callable[[Values, Choice], Mapping[str, np.ndarray]]
    rules: Rules = field(default_factory=Rules)
    baseline: Learner = field(default_factory=ConstantLearner)


def ranking(target: str) -> Goal:
    """ROC AUC of one probability; only the order counts, so Kaggle takes any real number, values above 1 too."""
    task = Binary()
    return Goal(targets=(target,), task=task, metric=auc, encode=task.encode_probability(target))


def yes_or_no(target: str) -> Goal:
    """Accuracy of 0 and 1."""
    task, rules = Binary(), Rules(low=0, high=1, integer=True)
    return Goal(targets=(target,), task=task, metric=binary_accuracy, encode=task.encode_label(target), rules=rules)


def probabilities(target: str, classes: tuple[str, ...]) -> Goal:
    """Log loss of a probability per class, each in a column named like the class."""
    task, rules = Multiclass(classes=classes), Rules(low=0, high=1)
    return Goal(targets=(target,), task=task, metric=log_loss, encode=task.encode_probability(*classes), rules=rules)


def class_number(target: str, classes: tuple[int, ...]) -> Goal:
    """Accuracy of one class, submitted as its number."""
    task, rules = Multiclass(classes=classes), Rules(low=min(classes), high=max(classes), integer=True)
    return Goal(targets=(target,), task=task, metric=accuracy, encode=task.encode_label(target), rules=rules)


def class_name(target: str, classes: tuple[str, ...]) -> Goal:
    """Accuracy of one class, submitted as its name."""
    task, rules = Multiclass(classes=classes), Rules(labels=classes)
    return Goal(targets=(target,), task=task, metric=accuracy, encode=task.encode_label(target), rules=rules)


def squared(target: str) -> Goal:
    """RMSE of a number."""
    task = Regression()
    return Goal(targets=(target,), task=task, metric=rmse, encode=task.encode_value(target))


def squared_logs(*targets: str) -> Goal:
    """RMSLE of numbers from 0 up, column by column; learned as log(1 + target), where RMSLE is RMSE."""
    task = Regression(link="log1p")
    return Goal(targets=targets, task=task, metric=rmsle, encode=task.encode_value(*targets), rules=Rules(low=0))


def absolute(target: str, baseline: Learner) -> Goal:
    """MAE of a whole number; rounded where that scores better."""
    task = Regression()
    return Goal(targets=(target,), task=task, metric=rounded(mae), encode=task.encode_value(target), baseline=baseline)


def percent(target: str, baseline: Learner) -> Goal:
    """SMAPE of a count; learned as a logarithm, as ratios are what counts, and rounded where that scores better."""
    task, metric, rules = Regression(link="log"), rounded(smape), Rules(low=0)
    encode = task.encode_value(target)
    return Goal(targets=(target,), task=task, metric=metric, encode=encode, rules=rules, baseline=baseline)
