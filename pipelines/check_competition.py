"""The contract's generic checks: what every competition must keep to, run on its own toy files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from folds.split import make_folds
from folds.verify import verify
from pipelines.contract import Competition, Learner, Table, Values
from pipelines.corridor import run_competition
from pipelines.groupfile import read_groups
from pipelines.loading import load_tables
from pipelines.options import Options
from pipelines.outcome import Outcome
from pipelines.report import Report

UNREPEATED = ("run.json", "done.json", "run.log", ".lock")  # they hold times and seconds


@dataclass(frozen=True)
class Check:
    """One thing that must hold, and what is wrong when it does not."""

    what: str
    problem: str = ""


def check_competition(competition: Competition, folder: Path, report: Report) -> Iterator[Check]:
    """Every check in turn, on toy files written under folder."""
    small = competition.with_learner(on_cpu(competition.experiments.get("toy", competition.learner)))
    options = Options(toy=True, runs=folder, audit=False, folds=(0,), quiet=True, wandb="off")
    checks: list[tuple[str, Callable[[Competition, Options], str]]] = [
        ("toy files are the same bytes each time", _toy_repeats),
        ("ids are unique texts, targets in train only", _ids),
        ("a row's values do not depend on other rows", _rows_alone),
        ("folds keep their plan", _folds),
        ("truth scored against itself is best, shuffled truth is worse", _truth),
        ("baseline and encode fit together", _encoding),
        ("same seed, same bytes; a submission like sample_submission", _fits),
    ]
    for what, check in checks:
        report.line(f"{competition.name}: {what}")
        try:
            yield Check(what, check(small, options))
        except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            yield Check(what, f"{type(error).__name__}: {error}")


def on_cpu(learner: Learner) -> Learner:
    """The learner on the CPU, where the same sums give the same bytes; a card adds up in an order of its own."""
    return replace(learner, device="cpu") if hasattr(learner, "device") else learner  # type: ignore[type-var]


def _toy_repeats(competition: Competition, options: Options) -> str:
    digests = []
    for number in range(2):
        root = options.runs / f"toy-again-{number}"
        root.mkdir(parents=True)
        competition.toy(root)
        digests.append(_digests(root))
    changed = sorted(
        name for name in digests[0].keys() | digests[1].keys() if digests[0].get(name) != digests[1].get(name)
    )
    return f"toy(root) must draw from a fixed seed; these files differ: {', '.join(changed[:5])}" if changed else ""


def _ids(competition: Competition, options: Options) -> str:
    tables = load_tables(competition, options, Report(quiet=True))
    for name, table in (("train", tables.train), ("test", tables.test)):
        wrong = [each for each in table.index if not isinstance(each, str)]
        if wrong:
            return f"the {name} table's ids must be texts, got {type(wrong[0]).__name__} {wrong[0]!r}"
        if table.index.name != competition.id:
            return f"the {name} table's index must be named {competition.id!r}, got {table.index.name!r}"
    return ""


def _rows_alone(competition: Competition, options: Options) -> str:
    """Drop every other raw row wherever a CSV has the id column, load again, compare what is left."""
    whole = load_tables(competition, options, Report(quiet=True))
    root = options.runs / "halved"
    root.mkdir()
    competition.toy(root)
    dropped = _halve(root, competition.id)
    if not dropped:
        return ""
    half_train, half_test = competition.load(root)
    for name, half, table in (("train", half_train, whole.train), ("test", half_test, whole.test)):
        shared = half.index.intersection(table.index)
        if not len(shared):
            return f"no row of {name} is left after dropping every other raw row"
        for column in half.columns:
            if not _same(half.loc[shared, column], table.loc[shared, column]):
                return f"{name}.{column} changes when other raw rows are dropped; compute it in fit, from training rows"
    return ""


def _halve(root: Path, id: str) -> int:
    dropped = 0
    for path in sorted(root.glob("*.csv")):
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
        if id in rows and path.name != "sample_submission.csv":
            ids = pd.unique(rows[id])
            rows[rows[id].isin(ids[::2])].to_csv(path, index=False)
            _drop_files(root, path.stem, set(ids[1::2]))
            dropped += len(ids) - len(ids[::2])
    return dropped


def _drop_files(root: Path, stem: str, ids: set[str]) -> None:
    """A row's own files go with it: train/ID.jpg and train_masks/ID_mask.gif with the row of ID in train*.csv."""
    names = ids | {Path(id).stem for id in ids}
    for folder in (path for path in root.iterdir() if path.is_dir() and stem.startswith(path.name)):
        for file in (path for path in folder.iterdir() if {*own_names(path)} & names):
            file.unlink()


def own_names(path: Path) -> tuple[str, ...]:
    """The ids that a file's name may stand for."""
    return path.name, path.stem, path.stem.rpartition("_")[0]


def _same(one: pd.Series, other: pd.Series) -> bool:
    if isinstance(one.iloc[0], Path):
        return [path.name for path in one] == [path.name for path in other]
    if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other):
        return np.array_equal(
            one.to_numpy(float, na_value=np.nan), other.to_numpy(float, na_value=np.nan), equal_nan=True
        )
    return bool(one.astype(str).tolist() == other.astype(str).tolist())


def _folds(competition: Competition, options: Options) -> str:
    tables = load_tables(competition, options, Report(quiet=True))
    plan, together = competition.plan, read_groups(competition.plan, competition.id)
    return "; ".join(verify(make_folds(tables.train, plan, together), tables.train, plan, together))


def _truth(competition: Competition, options: Options) -> str:
    tables = load_tables(competition, options, Report(quiet=True))
    rows = tables.train.iloc[np.random.default_rng(0).permutation(len(tables.train))[:500]]
    truth = _truth_of(competition, rows)
    metric = competition.metric
    ideal = metric.score(truth, truth.astype(float))
    if not np.isclose(ideal, metric.best, rtol=0, atol=1e-6):
        return f"expected {metric.name} of truth against itself to be {metric.best}, got {ideal}"
    shuffled = metric.score(truth, np.random.default_rng(0).permutation(truth).astype(float))
    if not metric.better(ideal, shuffled):
        return f"expected shuffled truth to score worse than {ideal}, got {shuffled}"
    return ""


def _truth_of(competition: Competition, rows: Table) -> Values:
    truth = competition.truth(rows[list(competition.targets)])
    if len(truth) != len(rows):
        raise ValueError(f"expected truth() to give one value per row, {len(rows)}, got {len(truth)}")
    return truth


def _encoding(competition: Competition, options: Options) -> str:
    tables = load_tables(competition, options, Report(quiet=True))
    truth = _truth_of(competition, tables.train.iloc[:8]).astype(float)
    metric = competition.metric
    cells = competition.encode(truth, metric.choose(metric.keep(truth, truth)))
    expected = list(tables.sample.columns)[1:]
    if list(cells) != expected:
        return f"expected encode() to give the columns {expected}, got {list(cells)}"
    wrong = [name for name, values in cells.items() if len(values) != len(truth)]
    return f"expected one cell per value in each column, got another number in {wrong}" if wrong else ""


def _fits(competition: Competition, options: Options) -> str:
    """One tiny fit, twice; the corridor itself refuses a wrong number of predictions or one that is not finite."""
    first = run_competition(competition, options, Report(quiet=True))
    kept = _digests(first.run.folder.root)
    second = run_competition(competition, replace(options, fresh=True), Report(quiet=True))
    changed = [name for name in _changed(kept, _digests(second.run.folder.root)) if not name.endswith(UNREPEATED)]
    if changed:
        return f"expected the same bytes from the same seed; these files differ: {', '.join(changed[:5])}"
    return _submission_unlike_sample(second)


def _submission_unlike_sample(outcome: Outcome) -> str:
    assert outcome.submission is not None
    written = pd.read_csv(outcome.submission, dtype=str, keep_default_na=False)
    sample = outcome.run.tables.sample
    if list(written.columns) != list(sample.columns):
        return f"expected the submission's columns to be {list(sample.columns)}, got {list(written.columns)}"
    if written.iloc[:, 0].tolist() != list(sample.ids):
        return "expected the submission's ids in sample_submission's order"
    return ""


def _changed(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _digests(root: Path) -> dict[str, str]:
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
