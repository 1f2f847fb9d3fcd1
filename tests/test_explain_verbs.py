"""`podium explain` and `podium find-rate` on the command line."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import pytest

from pipelines.explain import explain
from pipelines.learners.image import ImageLearner
from pipelines.training.finder import HIGHEST, LOWEST, SMOOTHING, STEPS, Curve
from tests.drawing import run_in
from tests.photos import photo_competition, run_photos, write_photos

pytestmark = pytest.mark.usefixtures("coarse")


@pytest.fixture
def raw(tmp_path):
    """Photos."""
    write_photos(tmp_path / "raw")
    return tmp_path / "raw"


@pytest.fixture
def runs(tmp_path):
    """Where runs go."""
    return tmp_path / "made"


@pytest.fixture
def known(runs, monkeypatch):
    """The photos as a competition that the command line knows."""

    def find(name):
        assert name == "photos"
        return photo_competition(runs / "cache")

    monkeypatch.setattr("competitions.combining.find_competition", find)
    monkeypatch.setattr("competitions.verbs.find_competition", find)


def test_the_verb_prints_the_page(podium, raw, runs, known, monkeypatch):
    sent = []
    monkeypatch.setattr("competitions.explaining.send_rest", lambda folder, mode, report: sent.append((folder, mode)))
    run_photos(raw, runs)
    folder = run_in(runs)
    said = podium("explain", folder.name, "--runs", runs, "--json", "--count", "3")  # it knows where its files were
    assert sent == [(folder, "auto")]
    assert said.code == 0, said.err
    page, summary = said.out.splitlines()
    assert page == str(folder.root / "pictures" / "index.html")
    assert json.loads(summary) == {"competition": "photos", "run": folder.name, "page": page}


VIT = {"network": None, "model": "test_vit", "weights": "none", "size": 32}


@pytest.mark.parametrize("chosen", [{}, VIT], ids=["cnn", "vit"])
def test_two_runs_are_drawn_side_by_side(podium, raw, runs, monkeypatch, chosen):
    """What cropping or squashing changes, for a network of convolutions and for one of tokens."""

    def find(name):
        return photo_competition(runs / "cache", **chosen)

    monkeypatch.setattr("competitions.combining.find_competition", find)
    options = {"folds": (0,)}
    names = [run_photos(raw, runs, options, fit_image=fit, **chosen).run.folder.name for fit in ("crop", "squash")]
    drawn = []
    whole = explain.strips_figure
    monkeypatch.setattr(explain, "strips_figure", lambda rows: drawn.extend(rows) or whole(rows))
    said = podium("explain", names[0], "--runs", runs, "--beside", names[1], "--count", "4", "--wandb", "off")
    assert said.code == 0, said.err
    for row in drawn:
        titles = [panel.title for panel in row.shown.panels]
        assert [title.partition(": ")[0] for title in titles] == ["fit_image crop"] * 3 + ["fit_image squash"] * 3
        assert row.said.count("predicted") == 2
        one, other = (panel.pixels for panel in row.shown.panels[::3])
        assert not np.array_equal(one, other)
    twice = podium("explain", names[0], "--runs", runs, "--beside", names[0])
    assert twice.code == 2
    assert "--beside: expected another run than the one explained" in twice.err


@pytest.mark.parametrize(
    ("arguments", "known_words"),
    [
        (["explain"], "expected RUN right after the verb"),
        (["explain", "nosuch"], "expected a run, got 'nosuch'"),
        (["explain", "nosuch", "--counts", "3"], "did you mean --count"),
        (["explain", "nosuch", "--count", "0"], "--count: expected at least 1, got 0"),
        (["find-rate", "tps_tabular/may-2022"], "expected a learner that trains networks, got TableLearner"),
    ],
)
def test_what_is_not_understood_exits_with_two(podium, arguments, known_words):
    said = podium(*arguments)
    assert said.code == 2
    assert known_words in said.err
    assert said.out == ""


def test_help_lists_the_flags(podium):
    said = podium("explain", "--help")
    assert said.code == 0
    assert "--rows" in said.out


# -- the learning rate


def test_find_rate_draws_a_curve_and_suggests_a_rate(podium, raw, runs, known):
    said = podium("find-rate", "photos", "--data", raw, "--runs", runs, "--json", "--batch", "4")
    assert said.code == 0, said.err
    suggested, curve, summary = said.out.splitlines()
    found = json.loads(summary)
    assert 1e-6 < found["rate"] < 1
    assert f"--rate {found['rate']:.1e}" in suggested
    assert re.fullmatch(r".*/photos/find-rate-small_network-[0-9a-f]{8}\.png", found["plot"])
    assert curve == f"curve in {found['plot']}"
    assert cv2.imread(found["plot"]) is not None
    assert not list((runs / "photos").glob("*/run.json"))  # nothing was trained


def test_find_rate_suggests_nothing_where_nothing_is_learned(podium, raw, runs, known, monkeypatch):
    def flat(self, train, targets, out):
        return Curve(tuple(np.geomspace(1e-7, 1, 100)), tuple(smooth(np.random.default_rng(0).normal(1, 0.1, 100))))

    monkeypatch.setattr(ImageLearner, "find_rate", flat)
    said = podium("find-rate", "photos", "--data", raw, "--runs", runs)
    assert said.code == 1
    (plot,) = (runs / "photos").glob("find-rate-*.png")
    assert f"no suggestion; look at {plot}, and keep --rate 0.05" in said.err


def smooth(losses):
    """As the finder smooths them."""
    means, mean = [], 0.0
    for number, loss in enumerate(losses, 1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        means.append(mean / (1 - SMOOTHING**number))
    return means


def test_one_lucky_step_is_no_fall_and_a_third_of_a_real_one_is_the_suggestion():
    rates, suggested = np.geomspace(LOWEST, HIGHEST, STEPS), []
    for seed in range(50):
        noise = np.random.default_rng(seed).normal(0, 0.05, STEPS)
        fall = 1.0 - 0.8 / (1 + np.exp(-3 * (np.log10(rates) + 3))) + 40 * rates**2  # a third of it at 6e-4
        assert Curve(tuple(rates), tuple(smooth(1 + noise))).suggestion is None
        suggested.append(Curve(tuple(rates), tuple(smooth(fall + noise))).suggestion)
    # Steps after it, as smoothing lags behind.
    assert (np.array(suggested) > 3e-4).all()
    assert (np.array(suggested) < 6e-3).all()
