"""Rows and whole groups dealt into folds at random, every stratum spread evenly."""

from __future__ import annotations

import numpy as np


def deal_rows(strata: np.ndarray, n: int, seed: int) -> np.ndarray:
    """The fold in which each row validates, (rows,): folds, and each stratum in them, equal to within a row.

    Rows are shuffled, sorted by stratum and dealt like cards. scikit-learn's StratifiedKFold gives the same balance,
    but warns of a stratum smaller than n, which is what a pool of rare classes often is.
    """
    if n > len(strata):
        raise ValueError(f"expected at least n={n} rows, got {len(strata):,}; use fewer folds")
    shuffle = np.random.RandomState(seed).permutation(len(strata))
    number = np.empty(len(strata), dtype=np.int64)
    number[shuffle[np.argsort(strata[shuffle], kind="stable")]] = np.arange(len(strata)) % n
    return number


def deal_groups(groups: np.ndarray, strata: np.ndarray, n: int, seed: int) -> np.ndarray:
    """The fold in which each row validates, (rows,), groups whole.

    Big groups first, each goes where its strata are scarcest: adding shares s to a fold that holds shares h grows the
    sum of squares by 2 h.s + s.s, so the smallest h.s keeps the folds most alike. scikit-learn's StratifiedGroupKFold
    has the same aim, but weighs whole tables of folds at every step: minutes where this takes a second.
    """
    sizes = np.bincount(groups)
    if n > len(sizes):
        raise ValueError(f"expected at least n={n} groups, got {len(sizes):,}; use fewer folds")
    width = int(strata.max()) + 1
    cells, rows = np.unique(groups * width + strata, return_counts=True)
    owner, stratum = np.divmod(cells, width)
    share = rows / np.bincount(strata)[stratum]
    parts = list(zip(stratum.tolist(), share.tolist(), strict=True))
    begin = np.searchsorted(owner, np.arange(len(sizes) + 1)).tolist()
    weight = (sizes / len(groups)).tolist()  # share of all rows, as one more stratum
    number = np.empty(len(sizes), dtype=np.int64)
    held = [[0.0] * (width + 1) for _ in range(n)]
    for group in _big_first(sizes, seed).tolist():
        number[group] = _give(held, [*parts[begin[group] : begin[group + 1]], (width, weight[group])])
    return np.asarray(number[groups])


def _give(held: list[list[float]], parts: list[tuple[int, float]]) -> int:
    """Add a group's (stratum, share) parts to the fold that is shortest of them; plain lists, as groups are small."""
    costs = [sum([shares[stratum] * share for stratum, share in parts]) for shares in held]
    fold = costs.index(min(costs))
    for stratum, share in parts:
        held[fold][stratum] += share
    return fold


def _big_first(sizes: np.ndarray, seed: int) -> np.ndarray:
    """Groups in falling order of size to the nearest power of two, shuffled among their like."""
    shuffle = np.random.RandomState(seed).permutation(len(sizes))
    return shuffle[np.argsort(-np.floor(np.log2(sizes[shuffle])), kind="stable")]
