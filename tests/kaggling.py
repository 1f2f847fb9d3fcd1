"""What tests of the Kaggle round trip share: the real client aimed at a stand-in, and a finished run to submit."""

from __future__ import annotations

import os
import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from competitions.cli import main
from pipelines.kaggle.calls import Patience
from tests.conftest import QUICK
from tests.kaggle_server import KEY, USER, Server, State, serving

MAY = "tps_tabular/may-2022"
SLUG = "tabular-playground-series-may-2022"
# Waits are short; limits of time are not, as a busy machine must not make a test fail: what hangs does so for good.
HASTY = Patience(call=60.0, silence=60.0, tries=4, wait=0.01, longest=0.5, poll=0.01)
FORMS = ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_TOKEN", "KAGGLE_CONFIG_DIR", "KAGGLE_PROXY")


@contextmanager
def aimed(monkeypatch, home: Path, state: State, patience: Patience = HASTY) -> Iterator[Server]:
    """The client in this process speaks to a stand-in, with a user's key; HOME is an empty folder."""
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    for name in FORMS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(home))
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    monkeypatch.setattr("pipelines.kaggle.client.PATIENCE", patience)
    with serving(state) as server:
        aim(monkeypatch, server.url)
        yield server


def aim(monkeypatch, url: str) -> None:
    """Send the client of this process to an address."""
    from kagglesdk import kaggle_env

    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, url)


def settle(url: str, folder: Path, room: int = 0) -> None:
    """Make a child work in a folder, with its client aimed at a stand-in; its files can take room bytes, 0: any."""
    from kagglesdk import kaggle_env

    os.chdir(folder)
    os.environ |= {"HOME": str(folder / "home"), "KAGGLE_CONFIG_DIR": str(folder / "home")}
    os.environ |= {"KAGGLE_USERNAME": USER, "KAGGLE_KEY": KEY}
    kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = url
    if room:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))


def copy_run(files: Path, folder: Path, built: bool = False) -> str:
    """A finished run of may-2022 in folder/runs, its files in folder/data as if they were Kaggle's; the run's name.

    built: with its kernel.
    """
    made = made_with_kernel(files) if built else made_run(files)
    shutil.copytree(made, folder / "runs")
    shutil.copytree(files, folder / "data" / SLUG)
    return name_in(folder / "runs")


def made_run(files: Path) -> Path:
    """The runs folder of a finished run, made once for all tests."""
    made = files.parent / "made"
    if not made.exists():
        speak("run", MAY, "--data", files, "--runs", made, *QUICK, "--quiet")
    return made


def made_with_kernel(files: Path) -> Path:
    """The same with the run's kernel built, once for all tests."""
    made = files.parent / "made-kernel"
    if not made.exists():
        shutil.copytree(made_run(files), made)
        speak("kernel", "build", name_in(made), "--data", files, "--runs", made)
    return made


def speak(*arguments: object) -> None:
    """A command that succeeds."""
    assert main([str(each) for each in arguments]) == 0


def name_in(runs: Path) -> str:
    """The name of the one run."""
    (record,) = (runs / MAY).glob("*/run.json")
    return record.parent.name
