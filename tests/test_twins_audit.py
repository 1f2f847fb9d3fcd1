"""`podium folds NAME --audit` on photos: groups across folds and tables, pictures, and a plan that names them."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from competitions.registry import find_competition
from folds.plan import FoldPlan
from folds.store import VALID, Folds
from pipelines.corridor import choose_folds
from pipelines.loading import load_tables
from pipelines.options import Options
from pipelines.report import Report
from pipelines.twins import has_images
from tests.planted import CHANGES

NAME = "invasive_species"
COPIES = {"train/1": ("train/2", "cropped"), "train/3": ("train/200", "mirrored"), "test/7": ("test/8", "resized")}
HOME = Path("runs") / NAME / "folds"


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    """Toy photos, some of them copies: 1 and 2 with other labels, 3, 200 and test 5 with the same, test 7 and 8."""
    root = tmp_path_factory.mktemp("twins")
    find_competition(NAME).toy(root)
    draw = np.random.default_rng(0)
    for origin, (copy, kind) in {**COPIES, "train/3 ": ("test/5", "all at once")}.items():
        pixels = cv2.imread(str(root / f"{origin.strip()}.jpg"))
        for change in CHANGES[kind]:
            pixels = change(pixels, draw)
        cv2.imwrite(str(root / f"{copy}.jpg"), pixels)
    labels = pd.read_csv(root / "train_labels.csv").set_index("name")
    labels.loc[[1, 2, 3, 200], "invasive"] = [0, 1, 1, 1]
    labels.to_csv(root / "train_labels.csv")
    return root


def audited(podium, raw: Path, *flags: object):
    said = podium("folds", NAME, "--data", raw, "--audit", *flags)
    assert said.code == 0, said.err
    return said


def test_the_audit_says_writes_and_draws_what_it_found(podium, raw):
    said = audited(podium, raw)
    assert "note: 3 groups of near-duplicate images, of 4 train and 3 test rows, in runs" in said.out
    assert "1 group of near-duplicate images across train and test: 2 train rows and 1 test rows" in said.out
    assert "1 group of near-duplicate images with conflicting targets, of 2 train rows, such as 1, 2" in said.out
    written = pd.read_csv(HOME / "twins.csv", dtype=str)
    assert list(written) == ["id", "group", "table"]
    members = {tuple(part["table"] + " " + part["id"]) for _, part in written.groupby("group")}
    assert members == {("train 1", "train 2"), ("train 3", "train 200", "test 5"), ("test 7", "test 8")}
    with Image.open(HOME / "twins-1.png") as page:
        pixels = np.asarray(page)
    assert (pixels == (200, 0, 0)).all(-1).any()  # the frame of a conflict
    assert f"near-duplicates: {HOME / 'twins-1.png'}" in said.err


def test_what_has_no_room_on_the_pages_is_said(podium, raw, monkeypatch):
    for name, value in {"ACROSS": 2, "DOWN": 1, "PAGES": 2}.items():
        monkeypatch.setattr(f"pipelines.twins_sheet.{name}", value)
    said = audited(podium, raw, "--remake")
    assert f"near-duplicates: 1 more groups are in {HOME / 'twins.csv'}, not drawn" in said.err
    assert {path.name for path in HOME.glob("*.png")} == {"twins-1.png", "twins-2.png"}


def test_the_same_images_are_not_compared_again(podium, raw, monkeypatch):
    first = audited(podium, raw)
    written = (HOME / "twins.csv").read_bytes()
    monkeypatch.setattr("folds.twins.find_twins", lambda *_: pytest.fail("searched again"))
    second = audited(podium, raw, "--n", 4)
    assert (HOME / "twins.csv").read_bytes() == written
    assert [line for line in second.out.splitlines() if "conflicting" in line] == [
        line for line in first.out.splitlines() if "conflicting" in line
    ]


def test_a_plan_keeps_the_groups_of_a_file_only_when_it_names_it(podium, raw):
    audited(podium, raw, "--seed", 1)
    plain = {path.name for path in HOME.glob("*.parquet")}
    audited(podium, raw, "--seed", 1)
    assert {path.name for path in HOME.glob("*.parquet")} == plain
    flags = ("--kind", "stratified-group", "--groups", HOME / "twins.csv", "--seed", 1)
    said = audited(podium, raw, *flags)
    assert "across folds" not in said.out
    (made,) = {path for path in HOME.glob("*.parquet") if path.name not in plain}
    folds = Folds.load(made)
    numbers = pd.Series((folds.roles == VALID).argmax(1), index=folds.ids)
    assert numbers["1"] == numbers["2"]
    assert numbers["3"] == numbers["200"]
    assert folds.recipe["groups"] == str(HOME / "twins.csv")
    options = Options(data=raw, fold_file=made, quiet=True)
    competition = find_competition(NAME)
    tables = load_tables(competition, options, Report(quiet=True))
    assert choose_folds(competition, options, tables, Report(quiet=True)).fingerprint == folds.fingerprint


def test_the_folds_hold_their_groups_and_limits_keep_working(podium, raw):
    audited(podium, raw)
    competition = find_competition(NAME)
    plan = dataclasses.replace(competition.plan, kind="stratified-group", groups=str(HOME / "twins.csv"))
    options = Options(data=raw, limit="50", quiet=True)
    tables = load_tables(competition, options, Report(quiet=True))
    planned = dataclasses.replace(competition, plan=plan)
    folds = choose_folds(planned, dataclasses.replace(options, limit=""), tables, Report(quiet=True))
    numbers = pd.Series(folds.groups, folds.ids)
    assert numbers["3"] == numbers["200"]
    assert len({numbers["1"], numbers["3"], numbers["9"]}) == 3
    limited = choose_folds(planned, options, tables, Report(quiet=True))
    assert len(limited.ids) == 50
    assert (limited.groups == numbers[limited.ids]).all()
    assert choose_folds(competition, options, tables, Report(quiet=True)).groups is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,group\n1,a\n999,a\n", "expected ids of the train table, got 1 others: '999'"),
        ("id,team\n1,a\n", "expected column group in .*groups.csv, got columns id, team"),
        ("id,group\n1,a\n1,b\n", "expected each id once in groups.csv, got '1'"),
        ("id,group\n1,\n", "expected group in every row, got none in row 1"),
        ("id,group,table\n1,a,valid\n", "expected train or test as table, got another in row 1"),
        (None, "expected a CSV of id and group at groups.csv .*podium folds NAME --audit"),
    ],
)
def test_a_file_that_is_not_one_of_groups_is_refused(podium, raw, content, words):
    if content is not None:
        Path("groups.csv").write_text(content)
    said = podium("folds", NAME, "--data", raw, "--kind", "stratified-group", "--groups", "groups.csv")
    assert said.code == 1
    assert re.search(words, said.err), said.err
    assert not list(Path("runs").rglob("*.parquet"))


def test_test_rows_of_the_file_are_left_aside_and_ids_may_be_called_as_the_competition_does(podium, raw):
    Path("groups.csv").write_text("name,group,table\n1,a,train\n2,a,train\n1,b,test\n")
    said = podium("folds", NAME, "--data", raw, "--kind", "stratified-group", "--groups", "groups.csv")
    assert said.code == 0, said.err


def test_groups_need_a_kind_that_keeps_groups(podium, raw):
    Path("groups.csv").write_text("id,group\n1,a\n2,a\n")
    said = podium("folds", NAME, "--data", raw, "--groups", "groups.csv")
    assert said.code == 2
    assert "kind 'stratified' without groups" in said.err
    assert "a kind that uses it: group, stratified-group" in said.err


def test_tables_without_images_have_no_twins(podium):
    competition = find_competition("tps_tabular/may-2022")
    tables = load_tables(competition, Options(toy=True, quiet=True), Report(quiet=True))
    assert not has_images(tables)
    assert FoldPlan().groups == ""


def test_images_that_a_list_leaves_out_are_not_looked_at(podium, raw, tmp_path):
    damaged = shutil.copytree(raw, tmp_path / "damaged")
    for name in ("train/9.jpg", "test/6.jpg"):
        (damaged / name).write_bytes((damaged / name).read_bytes()[:500])
    refused = podium("folds", NAME, "--data", damaged, "--audit")
    assert (refused.code, "--skip-broken FILE" in refused.err) == (1, True)
    (tmp_path / "skip.txt").write_text("train/9.jpg\ntest/6.jpg\n")
    said = audited(podium, damaged, "--skip-broken", tmp_path / "skip.txt")
    assert "note: 3 groups of near-duplicate images, of 4 train and 3 test rows" in said.out
    assert "9" in Folds.load(next(HOME.glob("*.parquet"))).ids  # the plan's folds are as they were
