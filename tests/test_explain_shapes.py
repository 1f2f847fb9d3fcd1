"""`podium explain` on runs of other shapes: classes named by their cells, learners that show nothing, and maps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pandas as pd
import pytest

from pipelines.contract import Metric
from pipelines.corridor import run_competition
from pipelines.explain.explain import Wanted, explain_run
from pipelines.explain.seam import Panel, Shown
from pipelines.learners.tasks import Multiclass
from pipelines.loading import load_tables
from pipelines.metrics import METRICS
from pipelines.options import Options
from pipelines.reopen import reopen
from pipelines.report import Report
from tests.photos import load, photo_competition, write_photos

pytestmark = pytest.mark.usefixtures("coarse")


def page_of(competition, root, runs, wanted):
    """Run a competition and draw it."""
    report, options = Report(quiet=True), Options(data=root, runs=runs, audit=False)
    outcome = run_competition(competition, options, report, predict=False)
    trained = reopen(outcome.run.folder, competition, competition.learner)
    return explain_run(trained, lambda: load_tables(competition, options, report), wanted, report)


SHADES = Multiclass(("red", "blue"))


def load_shades(root):
    train, test = load(root)
    return train.assign(red=np.where(train["red"] == 1, "red", "blue")), test


def test_classes_go_by_the_names_in_the_cells_and_files_are_shown_where_a_learner_shows_nothing(tmp_path):
    write_photos(tmp_path / "raw")
    table = replace(
        photo_competition(tmp_path / "cache"),
        load=load_shades,
        truth=SHADES.truth,
        metric=METRICS["log_loss"],
        encode=lambda values, choice: {"red": values[:, 0]},
        learner=Blind(),
    )
    page = page_of(table, tmp_path / "raw", tmp_path / "runs", Wanted(count=2))
    listed = pd.read_csv(page.parent / "worst.csv")
    assert set(listed["truth"]) == {"red", "blue"}
    assert "made smaller" in page.read_text()
    assert (page.parent / "worst.png").exists()


@dataclass(frozen=True, kw_only=True)
class Blind:
    """Draws a value for every row; neither decodes nor shows anything."""

    seed: int = 0

    def inputs(self, table):
        yield table.index, len(table)

    def fit(self, train, valid, targets, out):
        return self

    def load(self, out):
        return self

    @property
    def found(self):
        return {}

    def predict(self, rows):
        shares = np.random.default_rng(self.seed).random((rows, 1))
        return np.hstack([shares, 1 - shares])


def masks(cells):
    """Where the photos that the cells name are rather red, (rows, height, width)."""
    return np.stack([cv2.imread(path)[..., 2] > 120 for path in cells["mask"]]).astype(np.uint8)


def overlap(truth, prediction):
    """The area shared, and both areas together, (rows, 2)."""
    said = prediction > 0.5
    return np.stack([(truth * said).sum(axis=(1, 2)), truth.sum(axis=(1, 2)) + said.sum(axis=(1, 2))], axis=1)


def mean_dice(kept, choice, weights):
    return float(np.average(np.where(kept[:, 1] > 0, 2 * kept[:, 0] / np.maximum(kept[:, 1], 1), 1), weights=weights))


def load_masks(root):
    train, test = load(root)
    return train.assign(mask=[str(path) for path in train["image"]]).drop(columns="red"), test


@dataclass(frozen=True, kw_only=True)
class Painter:
    """Maps of how red pixels are; shows image, truth, prediction and where they differ."""

    seed: int = 0
    shown = "Image, truth, prediction, and in white where they differ."

    def inputs(self, table):
        for start in range(0, len(table), 7):
            rows = table.iloc[start : start + 7]
            yield rows.index, np.stack([cv2.imread(str(path)) for path in rows["image"]])

    def fit(self, train, valid, targets, out):
        return self

    def load(self, out):
        return self

    @property
    def found(self):
        return {}

    def predict(self, pixels):
        return np.stack([cv2.blur(image[..., 2], (3, 3)) for image in pixels]).astype(float) / 250

    def show(self, model, pixels, asked):
        assert asked.prediction is None
        said = (model.predict(pixels) > 0.5).astype(np.uint8)
        sides = {"truth": asked.truth, "prediction": said, "disagreement": asked.truth != said}
        return [
            Shown(
                [
                    Panel("image", image),
                    *(Panel(name, np.stack([side[row] * 255] * 3, 2)) for name, side in sides.items()),
                ],
                f"{(asked.truth[row] != said[row]).mean():.0%} of pixels differ",
            )
            for row, image in enumerate(pixels)
        ]


def test_a_learner_of_maps_draws_its_own_pictures_through_the_same_door(tmp_path):
    write_photos(tmp_path / "raw")
    dice = Metric(name="dice", higher_is_better=True, best=1.0, keep=overlap, combine=mean_dice)
    competition = replace(
        photo_competition(tmp_path / "cache"),
        load=load_masks,
        targets=("mask",),
        truth=masks,
        plan=replace(photo_competition(tmp_path / "cache").plan, kind="random", stratify=None),
        metric=dice,
        encode=lambda values, choice: {"red": values.mean(axis=(1, 2))},
        learner=Painter(),
    )
    page = page_of(competition, tmp_path / "raw", tmp_path / "runs", Wanted(count=4))
    assert {path.name for path in page.parent.iterdir()} == {
        *("index.html", "worst.csv", "scores.png", "rows.png", "worst.png", "middle.png", "best.png")
    }
    assert Painter.shown in page.read_text()
    listed = pd.read_csv(page.parent / "worst.csv")
    assert listed["dice"].is_monotonic_increasing  # the worst first
    truth, said = masks(load_masks(tmp_path / "raw")[0]), []
    for _, pixels in Painter().inputs(load_masks(tmp_path / "raw")[0]):
        said.append(Painter().predict(pixels))
    each = overlap(truth, np.concatenate(said))
    assert listed["dice"].iloc[0] == pytest.approx((2 * each[:, 0] / each[:, 1].clip(1)).min())
