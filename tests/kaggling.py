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
HASTY = Patience(call=5.0, silence=0.4, tries=4, wait=0.01, longest=0.5, poll=0.01)
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


def copy_run(files: Path, folder: Path) -> str:
    """A finished run of may-2022 in folder/runs, its files in folder/data as if they were Kaggle's; the run's name."""
    made = files.parent / "made"  # once for all tests
    if not made.exists():
        arguments = ["run", MAY, "--data", files, "--runs", made / "runs", *QUICK, "--quiet"]
        assert main([str(each) for each in arguments]) == 0
    shutil.copytree(made / "runs", folder / "runs")
    shutil.copytree(files, folder / "data" / SLUG)
    (record,) = (folder / "runs" / MAY).glob("*/run.json")
    return record.parent.name
