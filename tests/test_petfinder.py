"""petfinder: files to the letter, a toy that only the photos solve, and predictions from the run's folder alone."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import timm
import torch
from safetensors.torch import save_file

from competitions import inside
from competitions.cli import main
from competitions.petfinder.load import FILES, MARKS, TARGET, load_test
from competitions.petfinder.toy import COPIES, ROWS, TEST_ROWS
from competitions.registry import find_competition
from pipelines.kernels.entry import MARK
from pipelines.predictions import read_predictions
from pipelines.runfolder import find_runs, read_json
from tests.toys import first_fold, one_thread, shuffle, toy_files

competition = find_competition("petfinder")
raw, root = toy_files(competition)
HEADS = ("svr", "ridge", "knn", "lightgbm")


def test_toy_files_are_laid_out_like_kaggles(raw):
    train, test, sample = (pd.read_csv(raw / f"{name}.csv") for name in ("train", "test", "sample_submission"))
    assert list(train) == ["Id", *MARKS, TARGET]
    assert list(test) == ["Id", *MARKS]
    assert list(sample) == ["Id", TARGET]
    assert MARKS[0] == "Subject Focus"
    assert {path.name for path in raw.iterdir()} == {*FILES}
    assert (len(train), len(test)) == (ROWS, TEST_ROWS) == (400, 8)
    assert all(len(id) == 32 and int(id, 16) >= 0 for id in [*train["Id"], *test["Id"]])
    assert sample["Id"].tolist() == test["Id"].tolist()
    assert (sample[TARGET] % 1 > 0).any()
    assert train[TARGET].between(1, 100).all()
    assert train[TARGET].dtype == np.int64
    assert train[list(MARKS)].isin([0, 1]).all(axis=None)
    noise = cv2.imread(str(raw / "test" / f"{test['Id'][0]}.jpg"))
    assert noise.std() > 40


def test_rows_are_photos_marks_and_scores(raw):
    train, test = competition.load(raw)
    assert list(train) == ["image", *MARKS, TARGET]
    assert list(test) == ["image", *MARKS]
    assert train.index.name == "Id"
    assert train["image"].iloc[5] == raw / "train" / f"{train.index[5]}.jpg"
    pd.testing.assert_frame_equal(load_test(raw), test)


def test_copies_are_planted_under_other_names(raw):
    train, _ = competition.load(raw)
    small = [cv2.resize(cv2.imread(str(path), 0), (24, 24), interpolation=cv2.INTER_AREA) for path in train["image"]]
    flat = np.stack([np.concatenate([each, each[:, ::-1]]) for each in small]).reshape(len(train), 2, -1).astype(float)
    flat = (flat - flat.mean(axis=2, keepdims=True)) / flat.std(axis=2, keepdims=True)
    alike = np.maximum(flat[:, 0] @ flat[:, 0].T, flat[:, 0] @ flat[:, 1].T) / flat.shape[2]
    np.fill_diagonal(alike, 0)
    pairs = np.argwhere(np.triu(alike > 0.9))
    assert COPIES * 0.8 < len(pairs) < COPIES * 1.5
    scores = train[TARGET].to_numpy()
    assert 2 <= sum(scores[one] != scores[other] for one, other in pairs) <= 12


def rewrite(path: Path, change) -> None:
    change(table := pd.read_csv(path))
    table.to_csv(path, index=False)


def test_what_is_incomplete_is_refused_by_name(root):
    train = pd.read_csv(root / "train.csv")
    first, last = train["Id"].iloc[0], train["Id"].iloc[-1]
    (root / "train" / f"._{first}.jpg").touch()  # what macOS leaves on other systems' disks
    competition.load(root)
    (root / "train" / f"{first}.jpg").unlink()
    with pytest.raises(
        ValueError, match=rf"a photo .*train/ID\.jpg for every Id in train\.csv, got none for 1 \(Id {first}\)"
    ):
        competition.load(root)
    train.iloc[1:-1].to_csv(root / "train.csv", index=False)
    with pytest.raises(ValueError, match=rf"a row in train\.csv for every photo .* \(photo {last}\.jpg\)"):
        competition.load(root)


@pytest.mark.parametrize(
    ("name", "old", "wrong", "expected"),
    [
        ("train.csv", "Subject Focus", "Focus", r"missing: Subject Focus; extra: Focus: rename Focus to Subject Focus"),
        (
            "test.csv",
            "Id,Subject Focus,Eyes",
            "Id,Subject Focus,Ears",
            r"missing: Eyes; extra: Ears: is it the file of",
        ),
        ("train.csv", ",Pawpularity", ",AdoptionSpeed", r"expected column Pawpularity in"),
        ("test.csv", "\n", ",Pawpularity\n", r"test\.csv: expected the columns .* extra: Pawpularity"),
    ],
)
def test_other_columns_are_refused(root, name, old, wrong, expected):
    text = (root / name).read_text().replace(old, wrong, 1)
    if wrong.startswith(",Pawpularity\n"):
        text = text.replace("\n", ",50\n").replace("Pawpularity,50", "Pawpularity", 1)
    (root / name).write_text(text)
    with pytest.raises(ValueError, match=expected):
        competition.load(root)


def test_cells_out_of_range_are_refused_by_row(root):
    train = pd.read_csv(root / "train.csv")
    rewrite(root / "train.csv", lambda table: table.__setitem__(TARGET, table[TARGET].where(table.index != 3, 0)))
    with pytest.raises(
        ValueError,
        match=rf"a score from 1 to 100 in 'Pawpularity', got others in 1 rows \(Id {train['Id'][3]}\), first 0",
    ):
        competition.load(root)
    train["Eyes"] = train["Eyes"].where(train.index != 4, 2)
    train.to_csv(root / "train.csv", index=False)
    with pytest.raises(ValueError, match=rf"expected 0 or 1 in 'Eyes', got others in 1 rows \(Id {train['Id'][4]}\)"):
        competition.load(root)


def test_predictions_are_cut_to_the_range_in_submissions_and_scores():
    values = np.array([[-3.0], [50.25], [120.0]])
    assert competition.encode(values, None)[TARGET].tolist() == [1.0, 50.25, 100.0]
    truth = np.array([[1.0], [50.25], [100.0]])
    assert competition.metric.score(truth, values) == 0.0


# -- a run of the toy learner on one fold, and what predicts from its folder


@pytest.fixture(scope="module")
def learned(raw, tmp_path_factory) -> Path:
    """The folder of a finished run."""
    place = tmp_path_factory.mktemp("runs")
    flags = ["--data", str(raw), "--runs", str(place), "--cache-dir", str(place / "images"), "--experiment", "toy"]
    flags += ["--precision", "fp32", "--folds", "0", "--no-audit", "--quiet"]
    with one_thread():
        assert main(["run", "petfinder", *flags]) == 0
    (run,) = find_runs(place, "petfinder")
    return build(run.root, place)


def build(run: Path, runs: Path) -> Path:
    """A run with the bundle of its notebook beside it."""
    assert main(["kernel", "build", str(run), "--runs", str(runs), "--quiet"]) == 0
    return run


def linear_gain(root: Path) -> float:
    """How far a linear model on 8 x 8 mean colours is below the mean's error, the best of three penalties."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, _ = competition.load(root)
    truth = train[TARGET].to_numpy(float)
    colours = np.stack(
        [cv2.resize(cv2.imread(str(path)), (8, 8), interpolation=cv2.INTER_AREA).ravel() for path in train["image"]]
    )
    errors = []
    for penalty in (100, 1000, 10000):
        model = make_pipeline(StandardScaler(), Ridge(alpha=penalty))
        errors.append(np.sqrt(np.mean((truth - cross_val_predict(model, colours / 255, truth, cv=5)) ** 2)))
    return float(truth.std() - min(errors))


def test_the_network_sees_what_mean_colours_do_not_say(raw, learned):
    scores = read_json(learned / "run.json")["scores"]
    gain = scores["baseline"] - scores["score"]
    assert gain > 3  # points of the 16 that the scores spread by
    assert linear_gain(raw) < gain / 2


def test_scores_that_were_shuffled_are_not_learned(root, podium):
    shuffle(root / "train.csv", TARGET)
    made = first_fold(podium, "petfinder", root)
    assert made["score"] > made["baseline"] - 2 * made["score_se"]


def served(run: Path, inputs: Path, room: Path) -> pd.Series:
    """What the notebook of a run submits for the files in inputs, called as in the notebook's last cell."""
    for name in ("working", "scratch"):
        (room / name).mkdir(parents=True)
    content = json.loads((run / "kernel" / "code" / MARK).read_text())
    inside.predict(inside.Kernel(content, run / "kernel" / "carried", inputs, room / "working", room / "scratch"))
    assert [path.name for path in (room / "working").iterdir()] == ["submission.csv"]
    return pd.read_csv(room / "working" / "submission.csv", index_col="Id")[TARGET]


def bare(inputs: Path, raw: Path, ids: list[str]) -> Path:
    """The inputs of a notebook: other test rows, photos of train among them; no train.csv, no photos of train."""
    root = inputs / competition.slug
    (root / "test").mkdir(parents=True)
    table = pd.concat([pd.read_csv(raw / "train.csv").drop(columns=TARGET), pd.read_csv(raw / "test.csv")])
    table = table[table["Id"].isin(ids)]
    table.to_csv(root / "test.csv", index=False)
    table[["Id"]].assign(**{TARGET: 50.5}).to_csv(root / "sample_submission.csv", index=False)
    for id in table["Id"]:
        (source,) = raw.glob(f"t*/{id}.jpg")
        os.link(source, root / "test" / source.name)
    return inputs


def contents(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_notebooks_path_gives_the_submission_of_the_run(raw, learned, tmp_path):
    ids = pd.read_csv(raw / "test.csv")["Id"].tolist()
    inputs = bare(tmp_path / "input", raw, ids)
    before = contents(learned), contents(inputs)
    with one_thread():
        served(learned, inputs, tmp_path / "room")
    made = tmp_path / "room" / "working" / "submission.csv"
    assert made.read_bytes() == (learned / "submission.csv").read_bytes()
    assert (contents(learned), contents(inputs)) == before
    assert {path.name for path in tmp_path.iterdir()} == {"input", "room"}


@pytest.fixture(scope="module")
def some(raw) -> list[str]:
    """Ids of 70 rows: more than one chunk, photos and noise."""
    return [*pd.read_csv(raw / "train.csv")["Id"][:66], *pd.read_csv(raw / "test.csv")["Id"][:4]]


def check_alone(run: Path, raw: Path, some: list[str], place: Path) -> None:
    """Rows one by one are the rows in bulk."""
    with one_thread():
        whole = served(run, bare(place / "whole", raw, some), place / "all")
        assert whole.index.tolist() == [id for id in some if id in whole.index]
        assert len(whole) == len(some)
        assert whole.std() > 0.1
        for id in some[65:67]:  # a photo and noise
            alone = served(run, bare(place / id, raw, [id]), place / f"{id} alone")
            assert alone[id] == pytest.approx(whole[id], abs=1e-3)


def test_a_row_is_predicted_by_itself(raw, learned, some, tmp_path):
    check_alone(learned, raw, some, tmp_path)


# -- frozen features


@pytest.fixture(scope="module")
def frozen(raw, tmp_path_factory) -> dict[str, Path]:
    """The folder of a run of each head on two backbones whose weights lie in a folder, which is gone afterwards."""
    place, folders = tmp_path_factory.mktemp("frozen"), {}
    for number, name in enumerate(("test_resnet", "test_vit")):
        torch.manual_seed(number)
        (place / "weights").mkdir(exist_ok=True)
        save_file(timm.create_model(name).state_dict(), place / "weights" / f"{name}.safetensors")
    flags = ["--data", str(raw), "--runs", str(place / "runs"), "--weights", str(place / "weights"), "--size", "64"]
    flags += ["--backbones", "test_resnet,test_vit", "--folds", "0,1", "--no-audit", "--quiet"]
    for head in HEADS:
        with one_thread():
            assert main(["run", "petfinder", "--head", head, "--name", head, "--threads", "1", *flags]) == 0
        (run,) = (run for run in find_runs(place / "runs", "petfinder") if run.name.startswith(head))
        folders[head] = build(run.root, place / "runs")
    assert {path.name for path in (place / "runs" / "cache").iterdir()} == {"features"}
    shutil.rmtree(place / "weights")
    shutil.rmtree(place / "runs" / "cache")
    return folders


def test_flags_of_the_frozen_learner_pick_it(frozen):
    record = read_json(frozen["svr"] / "run.json")
    assert record["experiment"] == "frozen"
    assert record["settings"]["head"] == "svr"
    assert record["settings"]["backbones"] == ["test_resnet", "test_vit"]
    assert record["scores"]["score"] < 1.1 * record["scores"]["baseline"]  # these backbones have learned nothing
    assert len(pd.read_csv(frozen["svr"] / "submission.csv")) == TEST_ROWS
    folds = {read_json(run / "run.json")["folds"]["fingerprint"] for run in frozen.values()}
    assert len(folds) == 1


@pytest.mark.parametrize("head", HEADS)
def test_a_frozen_row_is_predicted_by_itself_from_the_carried_weights(head, raw, frozen, some, tmp_path):
    ids = pd.read_csv(raw / "test.csv")["Id"].tolist()
    ours = served(frozen[head], bare(tmp_path / "input", raw, ids), tmp_path / "room")
    theirs = pd.read_csv(frozen[head] / "submission.csv", index_col="Id")[TARGET]
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    check_alone(frozen[head], raw, some, tmp_path / "alone")


def test_weights_that_do_not_travel_are_named(frozen, raw, tmp_path):
    run = Path(shutil.copytree(frozen["svr"], tmp_path / frozen["svr"].name))
    (lost,) = (run / "kernel" / "carried").glob("*test_vit.safetensors")
    lost.unlink()
    inputs = bare(tmp_path / "input", raw, pd.read_csv(raw / "test.csv")["Id"].tolist())
    with pytest.raises(FileNotFoundError, match=r"weights to travel with the run, got no .*test_vit\.safetensors"):
        served(run, inputs, tmp_path / "room")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--head", "svr", "--epochs", "3"), "got --head of the experiment frozen and --epochs, which it lacks"),
        (("--hed", "svr"), "unknown flag --hed"),
        (("--head", "tree"), "tree"),
        (("--backbones", "a,a"), "--backbones: expected one or more, each once, got a, a"),
        (("--head", "svr", "--memory", "much"), "--memory: expected an amount above 0 as in 2GB or 500MB, got 'much'"),
    ],
)
def test_flags_that_do_not_go_together_say_what_to_do(podium, flags, said):
    spoken = podium("run", "petfinder", *flags)
    assert spoken.code == 2
    assert said in spoken.err + spoken.out


def test_help_names_the_other_flags(podium):
    assert "pick the experiment frozen: podium run petfinder --experiment frozen --help" in " ".join(
        podium("run", "petfinder", "--help").out.split()
    )


def test_the_selection_is_a_table_and_a_curve(raw, podium, tmp_path, coarse):
    flags = ("--data", raw, "--folds", "0,1", "--limit", "120", "--head", "ridge", "--weights", "none", "--size", "32")
    with one_thread():
        said = podium("select", "petfinder", *flags, "--backbones", "test_vit,test_resnet", "--quiet", "--json")
    assert said.code == 0, said.err
    made = json.loads(said.out.splitlines()[-1])
    assert {*made["backbones"]} <= {"test_vit", "test_resnet"}
    assert len(made["steps"]) == 2
    assert (tmp_path / made["curve"]).read_bytes().startswith(b"\x89PNG")
    assert "optimistic" in said.out
    refused = podium("select", "petfinder", "--data", raw, "--head", "svr", "--backbones", "a")
    assert refused.code == 2
    assert "expected two backbones or more" in refused.err


# -- planted copies, from the audit to a run's error bar


def test_copies_stay_together_in_a_run_on_the_folds_that_name_their_file(raw, podium):
    quick = ("--head", "ridge", "--backbones", "test_resnet", "--weights", "none", "--size", "32", "--threads", "1")
    places = ("--data", raw, "--runs", "my runs")
    run = ("run", "petfinder", *places, "--folds", "0,1", *quick)
    told = f"not been looked for: `podium folds petfinder --data {raw} --runs 'my runs' --audit` does, once"
    assert told in podium(*run).err
    audited = podium("folds", "petfinder", *places, "--audit").out
    assert "together with --kind stratified-group --groups 'my runs/petfinder/folds/twins.csv'" in audited
    strict = podium(*run, "--strict")
    assert (strict.code, "across folds" in strict.err) == (3, True)
    file = Path("my runs/petfinder/folds/twins.csv")
    groups = pd.read_csv(file, index_col="id")["group"]
    assert COPIES * 0.9 < groups.nunique() <= COPIES + 2
    made = podium("folds", "petfinder", *places, "--kind", "stratified-group", "--groups", file).out
    (told,) = re.findall(r"^use them: podium run petfinder --fold-file (.*)$", made, re.MULTILINE)
    (fold_file,) = shlex.split(told)
    file.unlink()  # what it said lies in the fold file
    kept = podium(*run, "--fold-file", fold_file, "--strict", "--json")
    assert kept.code == 0, kept.err
    result = json.loads(kept.out.splitlines()[-1])
    oof = read_predictions(Path("my runs/petfinder") / result["run"] / "oof.parquet")
    fold = pd.Series(oof.arrays["fold"][:, 0], oof.ids)
    spans = fold.groupby(groups.reindex(oof.ids).to_numpy()).agg(["nunique", "size"])
    assert (spans["nunique"] == 1).all()
    assert (spans["size"] > 1).sum() > 5
    truth = competition.load(raw)[0].loc[oof.ids, [TARGET]].to_numpy(float)
    errors = (truth - oof.arrays["prediction"].clip(1, 100))[:, 0] ** 2
    whole = pd.Series(errors).groupby(oof.arrays["group"][:, 0]).sum()
    assert len(whole) < len(errors)
    spread = np.sqrt(len(whole)) * whole.std() / (2 * len(errors) * result["score"])  # of a mean of groups, roughly
    assert result["score_se"] == pytest.approx(spread, rel=0.25)
