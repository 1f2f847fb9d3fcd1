"""check-competition: what is scaffolded passes at once, and each breach of the contract is caught by its own check."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from competitions import registry, scaffold
from competitions.registry import find_competition
from pipelines.check_competition import check_competition
from pipelines.metrics import METRICS
from pipelines.report import Report


def problems(competition, folder) -> dict[str, str]:
    small = competition.experiments["toy"]
    quick = replace(competition, experiments={"toy": replace(small, rounds=10, patience=0)})
    return {done.what: done.problem for done in check_competition(quick, folder, Report(quiet=True)) if done.problem}


@pytest.fixture
def fifth(tmp_path, monkeypatch, podium):
    """A package of its own, made by `podium new` in a folder beside the shipped ones."""
    home = tmp_path / "competitions"
    home.mkdir()
    monkeypatch.setattr(registry, "HOME", home)
    monkeypatch.setattr(scaffold, "HOME", home)
    package = sys.modules["competitions"]
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(home)])
    assert podium("new", "leaf_counting").code == 0
    yield home / "leaf_counting"
    for name in [name for name in sys.modules if name.startswith("competitions.leaf_counting")]:
        del sys.modules[name]


def test_a_scaffolded_competition_passes_at_once_and_runs(fifth, podium):
    said = podium("check-competition", "leaf_counting")
    assert said.code == 0, said.out
    assert "all checks passed" in said.out
    assert "leaf_counting" in podium().out
    said = podium("run", "leaf_counting", "--toy", "--rounds", "30")
    assert said.code == 0
    assert "submission" in said.out


def test_a_spec_that_is_broken_is_named(fifth, podium):
    (fifth / "spec.py").write_text((fifth / "spec.py").read_text().replace("task.truth", "task.thruth"))
    said = podium("run", "leaf_counting", "--toy")
    assert (said.code, said.out) == (1, "")
    assert re.search(r"leaf_counting/spec.py, line 19: expected code .*, got AttributeError: .*thruth", said.err)
    assert podium("new", "leaf_counting_too").code == 0
    said = podium()  # the others are none the worse
    assert said.code == 0
    assert re.search(r"leaf_counting +- +- +spec.py fails", said.out)
    assert re.search(r"leaf_counting_too +no ", said.out)


@pytest.fixture(scope="module")
def sound():
    return find_competition("tps_tabular/nov-2021")


def test_a_shipped_competition_passes(sound, tmp_path):
    assert problems(sound, tmp_path) == {}


def random_toy(competition):
    def toy(root):
        competition.toy(root)
        rows = pd.read_csv(root / "train.csv")
        rows.iloc[0, 1] = np.random.default_rng().random()
        rows.to_csv(root / "train.csv", index=False)

    return replace(competition, toy=toy)


def peeking_load(competition):
    def load(root):
        train, test = competition.load(root)
        return train.assign(rank=train.iloc[:, 0].rank()), test.assign(rank=test.iloc[:, 0].rank())

    return replace(competition, load=load)


def mixed_up_metric(competition):
    return replace(competition, metric=replace(METRICS["auc"], higher_is_better=False))


def forgotten_column(competition):
    return replace(competition, encode=lambda values, choice: {"prediction": values[:, 0]})


def numbered_ids(competition):
    def load(root):
        return tuple(table.set_axis(pd.RangeIndex(len(table)), axis=0) for table in competition.load(root))

    return replace(competition, load=load)


def unseeded_learner(competition):
    from dataclasses import dataclass

    from pipelines.learners.table import TableLearner

    @dataclass(frozen=True, kw_only=True)
    class Restless(TableLearner):
        def fit(self, train, valid, targets, out):
            hurried = replace(self, seed=np.random.default_rng().integers(1 << 30), columns=0.3, subsample=0.5)
            return TableLearner.fit(hurried, train, valid, targets, out)

    small = competition.experiments["toy"]
    fields = {name: getattr(small, name) for name in small.__dataclass_fields__}
    return replace(competition, experiments={"toy": Restless(**fields)})


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (random_toy, "toy files"),
        (peeking_load, "do not depend on other rows"),
        (mixed_up_metric, "truth scored against itself"),
        (forgotten_column, "encode"),
        (numbered_ids, "ids are unique texts"),
        (unseeded_learner, "same seed, same bytes"),
    ],
)
def test_each_breach_is_caught_by_its_check(sound, tmp_path, spoil, check):
    found = problems(spoil(sound), tmp_path)
    assert any(check in what for what in found), found
