"""Where Kaggle's client finds its credentials, and how they are kept out of everything that is said or written."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SHORTEST = 6  # letters; what is shorter is no secret, and replacing it would make words unreadable
QUERY = re.compile(r"\?[^\s'\"<>)]+")  # behind the address of an upload or a download stands its signature


@dataclass(frozen=True)
class Place:
    """One place that the client looks at, and what it would find there."""

    where: str
    secrets: tuple[str, ...]  # none: nothing there


def places() -> list[Place]:
    """Every place in the order in which the client looks."""
    user, key, source = _key()
    return [
        Place("KAGGLE_API_V1_TOKEN (of a Kaggle kernel)", _some(_kernel_token())),
        Place("KAGGLE_API_TOKEN", _some(_token_of_environment())),
        *(Place(f"~/.kaggle/{name}", _some(_text(home() / name))) for name in ("access_token", "access_token.txt")),
        Place(source, (key, _basic(user, key)) if user and key else ()),
        Place("~/.kaggle/credentials.json", _some(*_login())),
    ]


def source() -> str:
    """The first place that holds credentials; "" if none does."""
    return next((place.where for place in places() if place.secrets), "")


def looked_at() -> str:
    """All places, for a message."""
    return ", ".join(place.where for place in places())


def secrets() -> list[str]:
    """Everything that must not be seen, longest first."""
    stray = (os.environ.get("KAGGLE_TOKEN", ""), os.environ.get("KAGGLE_KEY", ""), _member(config_file(), "key"))
    found = {*stray, *(secret for place in places() for secret in place.secrets)}
    return sorted((each for each in found if len(each) >= SHORTEST), key=len, reverse=True)


def scrubbed(text: str) -> str:
    """A text without secrets and without the signatures of addresses."""
    for secret in secrets():
        text = text.replace(secret, "***")
    return QUERY.sub("?***", text)


def home() -> Path:
    """The folder that holds tokens."""
    return Path("~/.kaggle").expanduser()


def config_file() -> Path:
    """The kaggle.json that the client reads: of KAGGLE_CONFIG_DIR, else of ~/.kaggle, else of the XDG folder."""
    if chosen := os.environ.get("KAGGLE_CONFIG_DIR"):
        return Path(chosen) / "kaggle.json"
    if home().exists() or os.uname().sysname != "Linux":
        return home() / "kaggle.json"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()) / "kaggle" / "kaggle.json"


def _kernel_token() -> str:
    marks = ("KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_DATA_PROXY_URL", "KAGGLE_API_V1_TOKEN")
    return _text(Path(os.environ["KAGGLE_API_V1_TOKEN"])) if all(mark in os.environ for mark in marks) else ""


def _token_of_environment() -> str:
    token = os.environ.get("KAGGLE_API_TOKEN", "")
    is_path = 0 < len(token) < os.pathconf("/", "PC_NAME_MAX") and Path(token).exists()
    return _text(Path(token)) if is_path else token


def _key() -> tuple[str, str, str]:
    """User and key, and where they come from: the environment beats the file, each for itself."""
    path, environment = config_file(), os.environ
    user = environment.get("KAGGLE_USERNAME") or _member(path, "username")
    key = environment.get("KAGGLE_KEY") or _member(path, "key")
    whole = "KAGGLE_USERNAME" in environment and "KAGGLE_KEY" in environment
    return user, key, "KAGGLE_USERNAME + KAGGLE_KEY" if whole or not path.exists() else str(path)


def _login() -> tuple[str, ...]:
    path = home() / "credentials.json"
    refresh = _member(path, "refresh_token")
    return (refresh, _member(path, "access_token")) if refresh else ()


def _basic(user: str, key: str) -> str:
    """What a user and a key look like in a request's header."""
    return base64.b64encode(f"{user}:{key}".encode()).decode()


def _some(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _member(path: Path, name: str) -> str:
    try:
        content = json.loads(_text(path) or "{}")
    except ValueError:  # the client passes over such a file too
        return ""
    return str(content.get(name) or "") if isinstance(content, Mapping) else ""
