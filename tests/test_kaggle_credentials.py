"""Kaggle's credentials: found in every form the client knows, asked for when there are none, and never shown."""

from __future__ import annotations

import base64
import json
import os
import sys
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.kaggle.client import connect
from pipelines.kaggle.credentials import scrubbed, secrets, source
from pipelines.kaggle.refusals import KaggleError
from tests.kaggle_server import KEY, TOKEN, USER, State
from tests.kaggling import FORMS, HASTY, aimed


@pytest.fixture
def home(monkeypatch, tmp_path):
    for name in (*FORMS, "KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_DATA_PROXY_URL", "KAGGLE_API_V1_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kaggle").mkdir()
    return tmp_path


def write(path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def give_key(home, monkeypatch):
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)


def give_half_of_the_key(home, monkeypatch):
    write(home / ".kaggle" / "kaggle.json", {"username": USER, "key": "of another account"})
    monkeypatch.setenv("KAGGLE_KEY", KEY)


def give_file(home, monkeypatch):
    write(home / ".kaggle" / "kaggle.json", {"username": USER, "key": KEY})


def give_file_elsewhere(home, monkeypatch):
    write(home / "other" / "kaggle.json", {"username": USER, "key": KEY})
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(home / "other"))


def give_token(home, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)


def give_path_of_token(home, monkeypatch):
    write(home / "token", f"{TOKEN}\n")
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(home / "token"))


def give_token_file(home, monkeypatch):
    write(home / ".kaggle" / "access_token", f"{TOKEN}\n")


def give_token_text_file(home, monkeypatch):
    write(home / ".kaggle" / "access_token.txt", TOKEN)


def give_login(home, monkeypatch):
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    login = {"refresh_token": "refresh-0123456789", "access_token": TOKEN, "access_token_expiration": later}
    write(home / ".kaggle" / "credentials.json", login | {"username": USER})


def give_kernel_token(home, monkeypatch):
    write(home / "kernel", TOKEN)
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    monkeypatch.setenv("KAGGLE_DATA_PROXY_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("KAGGLE_API_V1_TOKEN", str(home / "kernel"))


GIVEN = {
    give_key: "KAGGLE_USERNAME + KAGGLE_KEY",
    give_half_of_the_key: ".kaggle/kaggle.json",
    give_file: ".kaggle/kaggle.json",
    give_file_elsewhere: "other/kaggle.json",
    give_token: "KAGGLE_API_TOKEN",
    give_path_of_token: "KAGGLE_API_TOKEN",
    give_token_file: "~/.kaggle/access_token",
    give_token_text_file: "~/.kaggle/access_token.txt",
    give_login: "~/.kaggle/credentials.json",
    give_kernel_token: "KAGGLE_API_V1_TOKEN (of a Kaggle kernel)",
}


@pytest.mark.parametrize("give", GIVEN)
def test_every_form_is_found_and_its_secrets_are_known(home, monkeypatch, give):
    assert source() == ""
    give(home, monkeypatch)
    assert source().endswith(GIVEN[give])
    secret = TOKEN if "token" in give.__name__ or give is give_login else KEY
    assert secret in secrets()
    assert secret not in scrubbed(f"Authorization: {secret}, {secret}")


@pytest.mark.parametrize("give", [each for each in GIVEN if ".json" not in GIVEN[each] or each is give_login])
def test_every_form_signs_in(monkeypatch, tmp_path, give):
    """Where kaggle.json lies the client decides when it is imported: test_kaggle_trip tries it in a fresh process."""
    with aimed(monkeypatch, tmp_path, State(slug="titanic", files={"train.csv": b"a"})):
        for name in FORMS:
            monkeypatch.delenv(name, raising=False)
        give(tmp_path, monkeypatch)
        assert [each.name for each in connect().files("titanic")] == ["train.csv"]


def test_without_credentials_the_client_is_not_even_imported(home, podium, monkeypatch):
    for name in [each for each in sys.modules if each.split(".")[0] in ("kaggle", "kagglesdk")]:
        monkeypatch.delitem(sys.modules, name)
    said = podium("data", "tps_tabular/may-2022")
    assert said.code == 1
    assert said.out == ""
    assert said.err.count("\n") == 1
    for text in ("KAGGLE_API_TOKEN", "~/.kaggle/access_token", "KAGGLE_USERNAME", "https://www.kaggle.com/settings"):
        assert text in said.err
    assert "kaggle" not in sys.modules


def test_wrong_ones_are_told_with_their_place_and_not_shown(monkeypatch, tmp_path):
    with aimed(monkeypatch, tmp_path, State(slug="titanic")):
        monkeypatch.setenv("KAGGLE_KEY", "wrong-0123456789")
        with pytest.raises(KaggleError, match=r"refused, those of KAGGLE_USERNAME \+ KAGGLE_KEY: make a token") as told:
            connect().files("titanic")
        assert told.value.kind == "credentials"
        monkeypatch.setenv("KAGGLE_API_TOKEN", "stale-0123456789")
        monkeypatch.delenv("KAGGLE_KEY")
        with pytest.raises(KaggleError, match="those of KAGGLE_API_TOKEN: make a token") as told:
            connect(patience=HASTY)
        assert "stale" not in str(told.value)


def test_a_stray_token_that_beats_the_key_is_named(monkeypatch, tmp_path):
    with aimed(monkeypatch, tmp_path, State(slug="titanic")):
        monkeypatch.setenv("KAGGLE_TOKEN", "stray-0123456789")
        with pytest.raises(KaggleError, match="KAGGLE_TOKEN is set and used in their place: unset it"):
            connect().files("titanic")


def test_what_the_client_would_print_stays_unsaid(monkeypatch, tmp_path, capfd):
    """VERBOSE makes it print its requests, with the credentials in their headers."""
    monkeypatch.setenv("VERBOSE", "true")
    with aimed(monkeypatch, tmp_path, State(slug="titanic", files={"train.csv": b"a"})):
        connect().files("titanic")
    assert os.environ["VERBOSE"] == "true"
    assert capfd.readouterr() == ("", "")


def test_secrets_and_signatures_leave_every_text(home, monkeypatch):
    give_key(home, monkeypatch)
    monkeypatch.setenv("KAGGLE_TOKEN", "stray-0123456789")
    basic = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
    text = f"Basic {basic} {KEY} stray-0123456789 https://storage.example/train.csv?Expires=1&Signature=abc%2B: cut"
    assert scrubbed(text) == "Basic *** *** *** https://storage.example/train.csv?*** cut"
    assert KEY not in str(KaggleError("server", f"got {KEY}"))
