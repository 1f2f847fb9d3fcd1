"""podium kernel build: a folder that can be pushed, with all that the kernel needs and nothing that must stay here."""

from __future__ import annotations

import ast
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from competitions.registry import find_competition
from pipelines.kernels.needs import lacking, modules_in
from pipelines.kernels.seal import contents
from pipelines.kernels.weights import settle_weights
from tests.kaggling import MAY, SLUG, copy_run
from tests.source import ROOT

KEY = "w" * 20 + "0123456789abcdef0123"


@pytest.fixture
def run(raw_files, tmp_path) -> Path:
    """A finished run of may-2022."""
    return tmp_path / "runs" / MAY / copy_run(raw_files, tmp_path)


def metadata(root: Path) -> dict:
    return json.loads((root / "source" / "kernel-metadata.json").read_text())


def test_kaggle_is_told_everything_that_it_would_guess(podium, run):
    said = podium("kernel", "build", run.name, "--owner", "someone")
    assert said.code == 0, said.err
    about = metadata(run / "kernel")
    name = about["id"].removeprefix("someone/")
    assert name == re.sub(r"[^a-z0-9]+", "-", about["title"].lower())
    assert len(name) <= 50
    assert about["machine_shape"] == "NvidiaTeslaT4"
    assert about["enable_internet"] is False
    assert about["is_private"] is True
    assert about["competition_sources"] == [SLUG]
    assert about["dataset_sources"] == [f"someone/{name}-code", f"someone/{name}-models"]
    assert (about["kernel_type"], about["code_file"]) == ("notebook", f"{name}.ipynb")
    for folder in ("code", "carried"):
        dataset = json.loads((run / "kernel" / folder / "dataset-metadata.json").read_text())
        assert dataset["id"] in about["dataset_sources"]
        assert len(dataset["title"]) <= 50
        assert not [path for path in (run / "kernel" / folder).iterdir() if path.is_dir()]  # Kaggle would skip it
    cells = json.loads((run / "kernel" / "source" / about["code_file"]).read_text())["cells"]
    assert [cell["cell_type"] for cell in cells] == ["markdown", "code", "code", "code"]
    for cell in cells[1:]:
        ast.parse("".join(cell["source"]), feature_version=(3, 11))


def test_script_cpu_and_names(podium, run):
    said = podium("kernel", "build", run.name, "--script", "--accelerator", "none", "--name", "My Kernel", "--public")
    assert said.code == 0, said.err
    about = metadata(run / "kernel")
    assert (about["kernel_type"], about["code_file"], about["id"]) == ("script", "my-kernel.py", "owner/my-kernel")
    assert (about["machine_shape"], about["enable_gpu"], about["is_private"]) == ("None", False, False)
    ast.parse((run / "kernel" / "source" / "my-kernel.py").read_text())
    refused = podium("kernel", "build", run.name, "--accelerator", "P100")
    assert refused.code == 2
    assert "t4, none" in refused.err
    assert "P100" in refused.err
    assert podium("kernel", "build", run.name, "--name", "a").code == 1
    assert metadata(run / "kernel") == about


@pytest.mark.parametrize("flags", [(), ("--train",)])
def test_nothing_leaves_that_must_stay(podium, run, raw_files, tmp_path, monkeypatch, flags):
    """No raw file, no path of this machine, no key; the code of no other competition."""
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("KAGGLE_KEY", KEY[::-1])
    record = json.loads((run / "run.json").read_text())
    assert str(tmp_path) in json.dumps(record | {"data": str(tmp_path / "data")})
    assert podium("kernel", "build", run.name, "--data", tmp_path / "data" / SLUG, *flags).code == 0
    root = run / ("kernel-train" if flags else "kernel")
    raw = [path.read_bytes() for path in raw_files.iterdir()]
    rows = [line for content in raw for line in content.splitlines() if len(line) > 60][:50]
    assert rows
    ours = [each for each in contents(root) if "skops" not in each[0]]
    for name, content in ours:
        for word in (str(tmp_path), str(Path.home()) + "/", str(ROOT), KEY, KEY[::-1]):
            assert word.encode() not in content, (name, word)
        assert not any(row in content for row in rows), name
        assert content not in raw, name
    members = {name.partition("!")[2].split("/")[1] for name, _ in ours if "!competitions/" in name}
    assert "tps_tabular" in members
    assert not members & {"petfinder", "invasive_species", "digit_recognizer"}


def test_a_key_in_a_model_is_refused_and_the_last_bundle_stays(podium, run, monkeypatch):
    assert podium("kernel", "build", run.name).code == 0
    before = {path.name: path.read_bytes() for path in run.glob("kernel/*/*")}
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    model = next((run / "fold0" / "seed0").glob("*.json"))
    model.write_text(model.read_text() + KEY)
    said = podium("kernel", "build", run.name)
    assert said.code == 1
    assert "secret" in said.err
    assert KEY not in said.err
    assert {path.name: path.read_bytes() for path in run.glob("kernel/*/*")} == before | {
        path.name: path.read_bytes() for path in run.glob("kernel/carried/*") if path.name.endswith(model.name)
    }
    assert not list(run.glob(".kernel-draft*"))


def test_the_same_run_makes_the_same_bytes(podium, run):
    assert podium("kernel", "build", run.name).code == 0
    first = dict(contents(run / "kernel"))
    assert podium("kernel", "build", run.name).code == 0
    assert dict(contents(run / "kernel")) == first


def test_packages_travel_that_the_image_lacks():
    roots = ("competitions.inside", *modules_in("competitions.tps_tabular"))
    assert lacking(roots, archives=False) == ["skops"]
    assert {"py7zr", "multivolumefile", "texttable"} <= {*lacking(roots, archives=True)}
    assert "tyro" in lacking(["competitions.cli", "competitions.flags"], archives=False)


def test_compiled_packages_are_asked_for(podium, run, tmp_path):
    where = ("--data", tmp_path / "data" / SLUG)
    (where[1] / "more.7z").touch()
    said = podium("kernel", "build", run.name, *where)
    assert said.code == 1
    assert "pip download" in said.err
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    named = lacking(["pipelines.kaggle.sevenzip"], archives=True)
    for name in named:
        with zipfile.ZipFile(wheels / f"{name.replace('-', '_')}-1-cp312-cp312-any.whl", "w") as archive:
            archive.writestr("x.py", "")
    assert podium("kernel", "build", run.name, *where, "--wheels", wheels).code == 0
    assert len(list((run / "kernel" / "code").glob("*-cp312-any.whl"))) == len(named)
    assert podium("kernel", "build", run.name, *where, "--wheels", tmp_path).code == 1


def test_weights_travel_where_they_are_needed(tmp_path):
    learner = find_competition("petfinder").learner
    assert settle_weights([learner], None, train=False, internet=False) is None
    assert settle_weights([learner], None, train=True, internet=True) is None
    with pytest.raises(ValueError, match=r"swin_tiny_patch4_window7_224.*--weights"):
        settle_weights([learner], None, train=True, internet=False)
    with pytest.raises(FileNotFoundError, match="nothing there"):
        settle_weights([learner], tmp_path / "none", train=True, internet=False)
    assert settle_weights([learner], tmp_path, train=True, internet=False) == tmp_path
    assert settle_weights([find_competition(MAY).learner], None, train=True, internet=False) is None


def test_what_is_not_understood(podium, run):
    for arguments in ((), ("bild", run.name), ("build",), ("build", "--train"), ("build", "nothing")):
        said = podium("kernel", *arguments)
        assert said.code == 2, arguments
        assert "expected" in said.err
    assert podium("kernel", "build", run.name, "--internet").code == 2
    for flags, words in {
        ("--folds", "0"): "--folds: expected --train beside it",
        ("--train", "--folds", "0,9"): "--folds: expected numbers from 0 to 4, got 9",
    }.items():
        said = podium("kernel", "build", run.name, *flags)
        assert (said.code, words in said.err) == (2, True), said.err
    assert podium("kernel", "rehearse", run.name).code == 1
    assert "--accelerator" in podium("kernel", "build", "--help").out
    assert "rehearse RUN" in podium("kernel", "--help").out


@pytest.mark.parametrize(
    ("code", "flags", "rows"),
    [(True, (), -1), (False, (), 0), (True, ("--train",), 0), (False, ("--hidden", "30"), 30)],
)
def test_hidden_rows_are_swapped_in_where_kaggle_does_or_when_asked(podium, run, monkeypatch, code, flags, rows):
    def stopped(*given):
        raise ValueError(f"{given[4]} rows")

    may = replace(find_competition(MAY), code=code)
    monkeypatch.setattr("competitions.kernel_runs.find_competition", lambda name: may)
    monkeypatch.setattr("competitions.kernels.rehearse", stopped)
    assert podium("kernel", "build", run.name, *flags[:1] * ("--train" in flags)).code == 0
    said = podium("kernel", "rehearse", run.name, *flags)
    assert (said.code, said.err.splitlines()[-1]) == (1, f"podium: {rows} rows")
