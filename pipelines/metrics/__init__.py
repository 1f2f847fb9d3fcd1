"""The metrics by name; a competition may as well declare a Metric of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipelines.contract import Metric
from pipelines.metrics.errors import mae, r2, rmse, rmsle, smape
from pipelines.metrics.labels import accuracy, binary_accuracy, log_loss
from pipelines.metrics.masks import dice
from pipelines.metrics.multipliers import accuracy_multipliers
from pipelines.metrics.ranks import auc, mean_auc
from pipelines.metrics.rounding import rounded

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            accuracy,
            accuracy_multipliers,
            auc,
            binary_accuracy,
            dice,
            log_loss,
            mae,
            mean_auc,
            r2,
            rmse,
            rmsle,
            rounded(mae),
            rounded(smape),
            smape,
        )
    }
)
