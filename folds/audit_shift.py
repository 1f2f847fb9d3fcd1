"""How test differs from train: by its groups, times and ids, and by what a classifier sees in the columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from folds.audit_columns import Excerpt, Shared, whole_numbers
from folds.audit_report import Finding
from folds.audit_score import Aim, Parts, Score, cross_score, read_column
from folds.plan import FoldPlan
from folds.times import Times, read_times

ALIKE = 0.55  # AUC up to which a difference, certain or not, matters to no score
APART = 0.9  # AUC from which folds of single rows say little about test
FEWEST = 100  # rows of a table below which no classifier can tell it apart
ROW_BY_ROW = ("random", "stratified")  # kinds whose validating rows are like the training ones
NAMED = 5  # columns named in a sentence
PER_VALUE = 5  # rows per value from which a column's values may be groups
UNSEEN = 0.95  # share of test rows that makes new (or known) values the rule


def compare_groups(columns: Sequence[Shared], plan: FoldPlan) -> Iterator[Finding]:
    """How many groups of the plan train and test share."""
    for column in columns:
        if column.name != plan.group or not len(column.test):
            continue
        known = np.unique(column.train)
        lacking = int((~np.isin(known, column.test)).sum())
        seen = float(np.isin(column.test, known).mean())
        text = f"{lacking:,} of {len(known):,} groups of {plan.group!r} in train never appear in test; "
        text += f"{seen:.1%} of test rows are of a group in train"
        if seen > UNSEEN:
            text += ": grouped folds are stricter than test"
        numbers = {"groups": len(known), "lacking": lacking, "seen": seen}
        yield Finding(kind="groups", serious=False, text=text, numbers=numbers)


def suggest_groups(columns: Sequence[Shared], excerpt: Excerpt, plan: FoldPlan) -> Iterator[Finding]:
    """Columns whose values repeat within train and are new in test, while the folds split them."""
    if plan.kind not in ROW_BY_ROW or not len(excerpt.test):
        return
    ours, theirs = excerpt.ranks[: len(excerpt.train)], excerpt.ranks[len(excerpt.train) :]
    rarely = {name for at, name in enumerate(excerpt.names) if np.isin(theirs[:, at], ours[:, at]).mean() <= 1 - UNSEEN}
    for column in columns:
        if not column.names or column.name not in rarely:
            continue
        known = np.unique(column.train)
        if len(known) * PER_VALUE > len(column.train) or len(known) < 2:
            continue
        unseen = float(np.mean(~np.isin(column.test, known)))
        if unseen >= UNSEEN:
            lacking = int((~np.isin(known, column.test)).sum())
            yield Finding(
                kind="groups",
                serious=False,
                text=f"{lacking:,} of {len(known):,} values of {column.name!r} in train never appear in test, and "
                f"{unseen:.1%} of test rows have a new one: folds that keep a value whole (FoldPlan kinds 'group', "
                "'leave-groups-out', or 'time' if it is one) are like test, these are not",
                numbers={"groups": len(known), "lacking": lacking, "unseen": unseen},
            )


def compare_times(train: pd.DataFrame, test: pd.DataFrame, plan: FoldPlan) -> Iterator[Finding]:
    """Which times test covers, if the plan has a time column that test has too."""
    if not plan.time or plan.time not in test.columns or test[plan.time].isna().all():
        return
    ours, theirs = read_times(train[plan.time]), read_times(test[plan.time].dropna())
    later = float((theirs.values > ours.values.max()).mean())
    text = f"{plan.time!r} runs {_period(ours)} in train and {_period(theirs)} in test; {later:.1%} of test rows are "
    text += "later than all of train"
    if plan.kind == "blocked" and later > UNSEEN:
        text += ": blocked folds train on what comes after, test can't; kind 'time' does not"
    yield Finding(kind="times", serious=False, text=text, numbers={"later": later})


def compare_ids(train: pd.Index, test: pd.Index) -> Iterator[Finding]:
    """Whether ids that are numbers tell how test was cut from train."""
    ours, theirs = whole_numbers(train), whole_numbers(test)
    if ours is None or theirs is None or not len(theirs):
        return
    within = float(((theirs > ours.min()) & (theirs < ours.max())).mean())
    shared = int(np.isin(theirs, ours).sum())
    if shared:
        text = f"{shared:,} test ids are train ids too: an id names a row only together with its table"
    elif within > 0.5:
        text = "the ids of train and test are mixed, as if test had been drawn from the same rows"
    else:
        text = "the ids of test lie outside those of train: they say nothing of how test was cut"
    yield Finding(kind="ids", serious=False, text=text, numbers={"within": within, "shared": shared})


def tell_apart(excerpt: Excerpt, plan: FoldPlan, seed: int) -> Iterator[Finding]:
    """Whether a classifier tells test from train by the columns that name no group, time or fold."""
    from threadpoolctl import threadpool_limits  # it carries no types

    sizes = len(excerpt.train), len(excerpt.test)
    used = [place for place, name in enumerate(excerpt.names) if name not in (plan.group, plan.time, plan.column)]
    if not used:
        return
    if min(sizes) < FEWEST:
        text = f"train has {sizes[0]:,} and test {sizes[1]:,} rows: too few (< {FEWEST}) to say whether they are alike"
        yield Finding(kind="shift", serious=False, text=text, numbers={"rows": sizes[0], "test_rows": sizes[1]})
        return
    ranks = excerpt.ranks[:, used]
    labels = np.repeat([0, 1], sizes)
    side = Aim("test", labels[:, None].astype(np.float64), labels)
    parts = _halves(side, seed)
    with threadpool_limits(1, user_api="openmp"):  # a second thread saves 0.1 s, but on a busy core it waits a minute
        score = cross_score(ranks, side, parts, _boosted(seed))
    names = [excerpt.names[place] for place in used]
    numbers = {"auc": round(score.value, 4), "low": round(score.low, 4), "high": round(score.high, 4)}
    if score.low <= ALIKE:
        text = f"train and test look alike: a classifier tells them apart with {_interval(score)}"
        yield Finding(kind="shift", serious=False, text=text, numbers=numbers)
        return
    single = {name: cross_score(ranks[:, [at]], side, parts, read_column) for at, name in enumerate(names)}
    yield _different(score, single, plan, numbers)


def _halves(side: Aim, seed: int) -> Parts:
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(2, shuffle=True, random_state=seed)
    return list(splitter.split(side.truth, side.truth[:, 0]))


def _boosted(seed: int) -> Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """A classifier's fit, quick rather than good."""

    def fit(inputs: np.ndarray, truth: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        from sklearn.ensemble import HistGradientBoostingClassifier

        learner = HistGradientBoostingClassifier(
            max_iter=30, max_leaf_nodes=15, learning_rate=0.2, early_stopping=False, random_state=seed
        )
        empty = np.isnan(inputs).all(axis=0)  # columns without a value, which scikit-learn finds no bins for
        fitted = learner.fit(np.where(empty, 0, inputs), truth[:, 0])
        return lambda others: np.asarray(fitted.predict_proba(others)[:, 1])

    return fit


def _different(score: Score, single: dict[str, Score], plan: FoldPlan, numbers: dict[str, float]) -> Finding:
    telling = sorted((name for name in single if single[name].low > ALIKE), key=lambda name: -single[name].value)
    text = f"test differs from train: a classifier tells them apart with {_interval(score)}"
    if telling:
        text += ", by " + ", ".join(f"{name!r} (alone {single[name].value:.3f})" for name in telling[:NAMED])
    else:
        text += ", by columns together, none alone"
    if plan.kind in ROW_BY_ROW:
        text += f"; kind {plan.kind!r} validates on rows like train's: prefer grouped folds or folds in time order, or "
        text += "leave these columns out"
    else:
        text += f"; kind {plan.kind!r} is meant for that: check that its validating rows differ as test does"
    numbers = {name: round(single[name].value, 4) for name in telling[:NAMED]} | numbers
    return Finding(kind="shift", serious=score.low > APART and plan.kind in ROW_BY_ROW, text=text, numbers=numbers)


def _interval(score: Score) -> str:
    return f"AUC {score.value:.3f} (95 % interval {score.low:.3f} to {score.high:.3f})"


def _period(times: Times) -> str:
    return f"from {times.show(times.values.min())} to {times.show(times.values.max())}"
