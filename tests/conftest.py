"""What many tests share: a toy competition's files, and the command line in this process."""

from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest

from competitions.cli import main
from competitions.registry import find_competition

# A busy machine may be slow to draw examples, which says nothing of what they show.
hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("steady")  # the same examples each time: what fails here fails there
os.environ["WANDB_MODE"] = "disabled"  # whoever runs the tests may have a key; --wandb auto means off here
for proxy in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[proxy]  # the stand-ins are on loopback, where no proxy leads

QUICK = ("--rounds", "12", "--patience", "0", "--no-audit", "--threads", "1")  # a fit of a few milliseconds


class Spoken(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """A test draws the same numbers whichever tests come before it."""
    random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def raw_files(tmp_path_factory) -> Path:
    """may-2022's toy files; not to be changed."""
    root = tmp_path_factory.mktemp("raw") / "files"
    root.mkdir()
    find_competition("tps_tabular/may-2022").toy(root)
    return root


@pytest.fixture
def files(raw_files, tmp_path) -> Path:
    """A copy of the toy files that a test may damage."""
    return Path(shutil.copytree(raw_files, tmp_path / "files"))


@pytest.fixture(scope="module")
def coarse():
    """Pictures of few pixels, drawn fast: what they show does not depend on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.figures.DOTS", 40)
        yield


@pytest.fixture
def podium(capsys, tmp_path, monkeypatch):
    """The command line: podium("run", ...) -> code, stdout, stderr; the working folder is a fresh one."""
    monkeypatch.chdir(tmp_path)

    def speak(*arguments: object) -> Spoken:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:  # how tyro ends after --help and bad values
            code = int(error.code or 0)
        return Spoken(code, *capsys.readouterr())

    return speak
