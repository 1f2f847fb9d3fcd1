"""Runs of masks: judged, streamed, resumed after a kill to the same bytes, thresholded anew, averaged."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from competitions import inside
from competitions.registry import find_competition
from submissions.rle import decode
from tests.forking import finish, start
from tests.test_masks import as_gif
from tests.toys import one_thread

competition = find_competition("carvana_masks")
TINY = ("--size", "32x48", "--crop", "0", "--width", "4", "--depth", "2", "--epochs", "3", "--views", "flip")
QUICK = ("--toy", "--folds", "0,1", "--no-audit", "--quiet", "--device", "cpu", "--workers", "1")


def files_of(run: Path) -> Path:
    """The toy files that a run was made of."""
    return next(up for up in run.parents if up.name == "toy") / "data" / competition.slug


def speak(podium, *arguments: object, code: int = 0):
    with one_thread():
        said = podium(*arguments)
    assert said.code == code, said.err
    return said


def rows_of(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False).set_index("img")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two tiny runs on two folds of ten cars, one of plain and one of better images, as a folder of runs to copy."""
    from competitions.cli import main

    root = tmp_path_factory.mktemp("masks")
    with pytest.MonkeyPatch.context() as patch, one_thread():
        patch.chdir(root)
        patch.setattr("competitions.carvana_masks.toy.CARS", 10)
        for name, more in {"carvana_masks": ("--seed", "1"), "carvana_masks/hq": ("--size", "48x64")}.items():
            assert main(["run", name, *QUICK, *TINY, *more]) == 0
    return root / "runs"


@pytest.fixture
def runs(trained, podium, tmp_path) -> list[Path]:
    """The two runs, in the working folder, the one of 32x48 and plain images first; their files only referred to."""
    shutil.copytree(trained, tmp_path / "runs", ignore=shutil.ignore_patterns("data", "cache"))
    (tmp_path / "runs" / "toy" / "data").symlink_to(trained / "toy" / "data")
    found = (tmp_path / "runs" / "toy" / "carvana_masks").glob("**/plain-*/run.json")
    return sorted((record.parent for record in found), key=lambda run: run.parent.name == "hq")


def test_a_run_is_judged_and_its_submission_checked(runs, podium):
    for run in runs:
        record = json.loads((run / "run.json").read_text())
        scores = record["scores"]
        assert record["metric"] == "dice"
        assert record["state"] == "done"
        assert 0 < scores["score"] <= scores["optimistic"] + 0.05
        assert 0 < scores["choice"][0] < 1
        assert scores["neutral"] <= scores["optimistic"]
        assert scores["plain"] is not None
        written = rows_of(run / "submission.csv.gz")
        sample = rows_of(files_of(run) / "sample_submission.csv")
        assert written.index.tolist() == sample.index.tolist()
        areas = [decode(code, (128, 192), "rows").mean() for code in written["rle_mask"]]
        assert 0.02 < np.mean(areas) < 0.6
        assert not (run / "maps.bin").exists()


def test_toy_masks_are_checked_at_their_own_size(runs, podium, tmp_path):
    sample = rows_of(files_of(runs[0]) / "sample_submission.csv")
    sample["rle_mask"] = [f"{row + 1} 6000" for row in range(len(sample))]  # of 128x192: a quarter
    sample.to_csv(tmp_path / "s.csv")
    said = speak(podium, "check", "s.csv", "--competition", "carvana_masks", "--toy")
    assert "48 rows" in said.out
    assert "note" not in said.out
    sample.iloc[:16] = "1 24576"
    sample.to_csv(tmp_path / "s.csv")
    said = speak(podium, "check", "s.csv", "--competition", "carvana_masks", "--toy")
    assert "1 of 3 groups of masks cover on average less than 0.13 or more than 0.36 of the image (" in said.out
    sample.iloc[0] = "1 24577"
    sample.to_csv(tmp_path / "s.csv")
    said = speak(podium, "check", "s.csv", "--competition", "carvana_masks", "--toy", code=1)
    assert "which ends at pixel 24,577 of 24,576" in said.err


def test_what_is_predicted_is_not_predicted_again(runs, podium):
    before = (runs[0] / "submission.csv.gz").stat()
    said = speak(podium, "predict", runs[0])
    assert "predicted before" in said.err
    assert (runs[0] / "submission.csv.gz").stat().st_mtime_ns == before.st_mtime_ns


def test_some_rows_and_another_threshold_need_no_training(runs, podium, tmp_path):
    whole = rows_of(runs[0] / "submission.csv.gz")
    wanted = whole.index[[3, 17, 40]]
    (tmp_path / "scored.txt").write_text("\n".join(wanted[::-1]) + "\n")
    path = Path(speak(podium, "predict", runs[0], "--rows", "scored").out.split(" (")[0])
    some = rows_of(path)
    assert some.loc[wanted, "rle_mask"].tolist() == whole.loc[wanted, "rle_mask"].tolist()
    assert (some.drop(index=wanted)["rle_mask"] == "1 1").all()  # as sample_submission has it
    speak(podium, "predict", runs[0], "--keep-maps", "--quiet")
    maps = (runs[0] / "maps.bin").stat().st_mtime_ns
    path.unlink()
    whole.loc[wanted[::-1]].to_csv(tmp_path / "some.csv")  # a CSV will do, and kept maps of all rows are enough
    said = speak(podium, "predict", runs[0], "--rows", "some.csv", "--keep-maps")
    assert "were kept" in said.err
    assert rows_of(path).equals(some)
    assert (runs[0] / "maps.bin").stat().st_mtime_ns == maps
    choice = json.loads((runs[0] / "run.json").read_text())["scores"]["choice"][0]
    given = round(choice * 0.9, 3)
    lower = Path(speak(podium, "predict", runs[0], "--threshold", given).out.split(" (")[0])
    assert lower != path
    assert sum(decode(code, (128, 192), "rows").sum() for code in rows_of(lower)["rle_mask"]) > sum(
        decode(code, (128, 192), "rows").sum() for code in whole["rle_mask"]
    )
    assert rows_of(runs[0] / "submission.csv.gz").equals(whole)
    known = json.loads((runs[0] / "predicted.json").read_text())
    assert known[lower.name]["choice"] == [given]
    assert known[lower.name]["threshold_given"] == given
    assert (known[path.name]["rows"], known[path.name]["predicted"]) == ("some.csv", 3)


def test_wishes_that_cannot_be_met_are_refused(runs, podium, tmp_path):
    (tmp_path / "odd.txt").write_text("nobody.jpg\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "wide.txt").write_text("nobody.jpg\n", encoding="utf-16")
    for flags, text in {
        ("--rows", tmp_path / "odd.txt"): "expected ids of the test table, got 1 others (nobody.jpg)",
        ("--rows", tmp_path / "empty.txt"): "expected ids, one a line, got none",
        ("--rows", tmp_path / "wide.txt"): "wide.txt: expected text in UTF-8, got byte 0xff",
        ("--rows", tmp_path / "absent.txt"): "expected a list of ids, one a line, got no file",
        ("--rows", "scored"): "got no file scored here or in runs/toy/data/carvana-image-masking-challenge",
        ("--threshold", "2"): "--threshold: expected a number above 0 and up to 1, got 2",
    }.items():
        said = speak(podium, "predict", runs[0], *flags, code=2 if flags[0] == "--threshold" else 1)
        assert text in said.err
    assert len(list(runs[0].glob("*submission*"))) == 2  # the file and its journal: nothing half-written


def die_after(rows: int) -> None:
    """In a child: small blocks, so that rows are safe soon, chunks of 5 rows, a kill when so many were encoded."""
    from pipelines import streaming
    from pipelines.learners import mask_settings
    from submissions import draft

    draft.BLOCK = 500
    mask_settings.PIXELS = 5 * 32 * 48
    plain, seen = streaming._cells, []

    def counted(*given):
        seen.append(given)
        if len(seen) > rows:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(*given)

    streaming._cells = counted
    streaming.BATCH = 4


def written(run: Path, chatter: Path, kills: list[int], *flags: str) -> tuple[bytes, str]:
    """The submission that a prediction ends with, killed at these rows one after the other; and what it says last."""
    for path in [*run.glob("*submission*"), *run.glob("maps.*")]:
        path.unlink()
    for rows in [*kills, 10**6]:
        code = finish(start(chatter, "predict", run, *flags, before=partial(die_after, rows)))
        assert code == (0 if rows == 10**6 else -signal.SIGKILL), chatter.read_text()
    return (run / "submission.csv.gz").read_bytes(), chatter.read_text()


def test_killed_at_any_row_it_goes_on_to_the_same_bytes(runs, tmp_path):
    run, chatter = runs[0], tmp_path / "said.txt"
    whole, _ = written(run, chatter, [], "--keep-maps")
    maps = (run / "maps.bin").read_bytes()
    assert len(maps) == 48 * 32 * 48
    for kills, flags in (([9, 14, 30], ["--keep-maps"]), ([13], [])):
        made, said = written(run, chatter, kills, *flags)
        assert made == whole
        assert "of 48 rows with" in said  # the last call did not start over
        assert not flags or (run / "maps.bin").read_bytes() == maps


def test_runs_are_averaged_as_a_stream_from_maps_or_models(runs, podium):
    said = speak(podium, "predict", *runs, "--json")
    live = json.loads(said.out.splitlines()[-1])
    submission = Path(live["submission"])
    content = gzip.decompress(submission.read_bytes())
    assert set(live["singles"]) == {run.name for run in runs}
    assert 0 < live["score"] <= 1
    for run in runs:
        speak(podium, "predict", run, "--keep-maps", "--quiet")
        assert (run / "maps.bin").exists()
    shutil.rmtree(submission.parent)
    said = speak(podium, "predict", *runs, "--json")
    assert said.err.count("were kept") == 2
    again = json.loads(said.out.splitlines()[-1])
    assert gzip.decompress(Path(again["submission"]).read_bytes()) == content
    assert again["score"] == live["score"]
    said = speak(podium, "blend", *runs, code=2)
    assert "podium predict RUN RUN averages them" in said.err
    (runs[0] / "maps.bin").write_bytes(b"")
    before = submission.stat()
    said = speak(podium, "predict", *runs)
    assert "oof: predicted before" in said.err
    assert "test: predicted before" in said.err
    assert submission.stat().st_mtime_ns == before.st_mtime_ns


def left_by_kernel(podium, run: Path, room: Path) -> bytes:
    """The submission that a run's kernel leaves, run in this process."""
    assert podium("kernel", "build", run).code == 0
    files = room / "input" / "competitions" / competition.slug
    files.parent.mkdir(parents=True)
    files.symlink_to(Path("runs/toy/data", competition.slug).resolve())
    for folder in ("working", "scratch"):
        (room / folder).mkdir()
    content = json.loads((run / "kernel" / "code" / "bundle.json").read_text())
    with one_thread():
        inside.predict(
            inside.Kernel(content, run / "kernel" / "carried", room / "input", room / "working", room / "scratch")
        )
    return (room / "working" / "submission.csv.gz").read_bytes()


def test_a_kernel_leaves_the_bytes_of_its_run_and_of_a_mean_of_plain_and_hq(runs, podium, tmp_path):
    assert left_by_kernel(podium, runs[1], tmp_path / "one") == (runs[1] / "submission.csv.gz").read_bytes()
    made = Path(json.loads(speak(podium, "predict", *runs, "--json").out.splitlines()[-1])["submission"])
    assert left_by_kernel(podium, made.parent, tmp_path / "both") == made.read_bytes()


def test_maps_of_several_runs_must_fit_the_disk_together(runs, podium, monkeypatch):
    monkeypatch.setattr("pipelines.maps.free_disk", lambda folder: 200_000)
    said = speak(podium, "predict", *runs, "--keep-maps", code=1)
    assert "48 maps of 32x48 take 73.7 kB" in said.err
    assert "48 maps of 48x64 take 147 kB" in said.err
    assert "221 kB with those before" in said.err
    assert not any((run / "maps.bin").exists() for run in runs)


def test_maps_that_do_not_fit_the_disk_are_refused_before_they_are_written(runs, podium, monkeypatch):
    monkeypatch.setattr("pipelines.maps.free_disk", lambda folder: 70_000)
    said = speak(podium, "predict", runs[0], "--keep-maps", code=1)
    assert "48 maps of 32x48 take 73.7 kB" in said.err
    assert "expected room, got 70 kB" in said.err
    assert not (runs[0] / "maps.bin").exists()


def test_rows_without_a_readable_image_get_the_mean_mask(trained, podium, tmp_path):
    root = Path(shutil.copytree(trained / "toy" / "data" / competition.slug, tmp_path / "files"))
    broken = sorted((root / "test").iterdir())[20]
    broken.write_bytes(b"")
    (tmp_path / "skip.txt").write_text(f"{broken}\n")
    flags = ("--data", root, "--experiment", "toy", *QUICK[1:], *TINY, "--skip-broken", "skip.txt", "--keep-maps")
    speak(podium, "run", "carvana_masks", *flags)
    run = next((tmp_path / "runs" / "carvana_masks").glob("*/run.json")).parent
    written = rows_of(run / "submission.csv.gz")
    assert 0.05 < decode(written.at[broken.name, "rle_mask"], (128, 192), "rows").mean() < 0.5
    maps = np.fromfile(run / "maps.bin", np.uint8).reshape(len(written), 32, 48)
    assert np.ptp(maps[20]) > 100
    (run / "submission.csv.gz").unlink()
    for draft in run.glob(".*submission*"):
        draft.unlink()
    assert "were kept" in speak(podium, "predict", run, "--data", root).err
    assert rows_of(run / "submission.csv.gz").drop(index=broken.name).equals(written.drop(index=broken.name))


def test_every_setting_of_masks_is_a_flag(podium):
    said = speak(podium, "run", "carvana_masks", "--help").out
    for flag in ("--arch", "--encoder", "--size", "--crop", "--tile", "--loss", "--border-weight", "--keep-maps"):
        assert flag in said


def test_broken_files_are_named_before_training(trained, podium, tmp_path):
    root = Path(shutil.copytree(trained / "toy" / "data" / competition.slug, tmp_path / "files"))
    images = sorted((root / "train").iterdir())
    masks = [root / "train_masks" / f"{image.stem}_mask.gif" for image in images[1:4]]
    as_gif(masks[0], *(np.full((128, 192), value, np.uint8) for value in (0, 1)))
    Image.new("RGB", (192, 128)).save(masks[1], "PNG")
    Image.new("L", (192, 128), 7).save(masks[2], "PNG")
    images[5].write_bytes(images[5].read_bytes()[:900])
    images[7].write_bytes(b"no photo")
    spoiled = sorted((root / "test").iterdir())[1]
    spoiled.write_bytes(spoiled.read_bytes()[:900])
    said = speak(podium, "run", "carvana_masks", "--data", root, "--experiment", "toy", *QUICK[1:], *TINY, code=1)
    for path in (*masks, images[5], images[7], spoiled):
        assert str(path) in said.err
    assert "29bb3ece3180_11.jpg: " not in said.err
    assert not list(tmp_path.glob("runs/carvana_masks/*/fold*/seed*"))
