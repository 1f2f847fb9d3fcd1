"""A quick pass's rows: few, fixed by a seed, and still like the whole."""

from __future__ import annotations

import numpy as np
import pandas as pd

from folds.ids import sorted_positions
from folds.plan import FoldPlan
from folds.store import TRAIN, VALID, Folds
from folds.strata import classes_of


def choose_rows(table: pd.DataFrame, folds: Folds, plan: FoldPlan, limit: int, seed: int) -> pd.Index:
    """Ids of `limit` rows in the order of the table, each validation part and stratum in its share.

    Every fold keeps both sides; each stratum keeps a row in each validation part as long as the limit allows.
    """
    folds = folds.align(table.index)
    if limit >= len(table):
        return table.index
    order = sorted_positions(table.index)  # so that the order of the table does not matter
    roles = folds.roles[order]
    strata = np.zeros(len(order), dtype=np.int64)
    if plan.stratify:
        strata = classes_of(table[plan.stratify].iloc[order], plan)[0]  # not pooled: a lone row of a class is wanted
    wish = _wish(_parts(roles), strata, seed)
    needed = _needed(roles, wish)
    if limit < len(needed):
        raise ValueError(f"expected a limit of at least {len(needed)} rows for {len(folds)} folds, got {limit}")
    taken = np.concatenate([needed, wish[~np.isin(wish, needed)]])[:limit]
    return table.index[np.sort(order[taken])]


def _parts(roles: np.ndarray) -> np.ndarray:
    """The first fold that each row validates in, the number of folds for none, (rows,)."""
    valid = roles == VALID
    return np.asarray(np.where(valid.any(axis=1), valid.argmax(axis=1), roles.shape[1]))


def _wish(parts: np.ndarray, strata: np.ndarray, seed: int) -> np.ndarray:
    """Rows in the order to take them, (rows,): one of each cell (part, stratum), then each in step with its size."""
    cells = parts * (strata.max() + 1) + strata
    shuffle = np.random.RandomState(seed).permutation(len(cells))
    order = shuffle[np.argsort(cells[shuffle], kind="stable")]
    sizes = np.bincount(cells)
    rank = np.arange(len(cells)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    turn = (rank + 0.5) / np.repeat(sizes, sizes)
    first = order[rank == 0]
    count = parts.max() + 1
    # firsts go by diagonals of (part, stratum), so that the earliest few meet every part and every stratum
    turn[rank == 0] = (parts[first] - strata[first]) % count - count
    return np.asarray(order[np.argsort(turn, kind="stable")])


def _needed(roles: np.ndarray, wish: np.ndarray) -> np.ndarray:
    """The earliest wished rows that give every fold both sides."""
    chosen: list[int] = []
    for fold in range(roles.shape[1]):
        for role in (TRAIN, VALID):
            if not (roles[chosen, fold] == role).any():
                chosen.append(int(wish[(roles[wish, fold] == role).argmax()]))
    return np.array(chosen, dtype=np.int64)
