"""Truth and prediction of single rows, in words and as columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SAID = 3  # targets whose numbers fit under a picture


def paired(names: Sequence[str], truth: np.ndarray, prediction: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of truth and prediction (rows, targets), each under its target's name where there are several."""
    if len(names) == 1:
        return {"truth": truth[:, 0], "prediction": prediction[:, 0]}
    found: dict[str, np.ndarray] = {}
    for column, name in enumerate(names):
        found |= {f"{name}_truth": truth[:, column], f"{name}_prediction": prediction[:, column]}
    return found


def said_of(names: Sequence[str], truth: np.ndarray, prediction: np.ndarray, wrong: np.ndarray) -> str:
    """Truth and prediction (targets,) in a line; of several targets the most wrong ones."""
    if len(names) == 1:
        return f"truth {truth[0]:.4g} · predicted {prediction[0]:.3g}"
    worst = np.argsort(-wrong, kind="stable")[:SAID]
    return "; ".join(f"{names[column]} {truth[column]:.4g}, predicted {prediction[column]:.3g}" for column in worst)
