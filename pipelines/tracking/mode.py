"""Whether a command is mirrored to W&B, and how: decided before any work starts."""

from __future__ import annotations

import importlib.util
import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from pipelines.stops import UsageError

Mode: TypeAlias = Literal["auto", "online", "offline", "off"]
Settled: TypeAlias = Literal["online", "offline", "off"]
Grouping: TypeAlias = Literal["folds", "one"]  # a W&B run per fold, grouped, or one for all
HOST = "https://api.wandb.ai"
INSTALL = 'pip install "podium[track]"'


def settle_mode(mode: Mode) -> tuple[Settled, str]:
    """What a mode means on this machine, and what the person has to know of it ("": nothing)."""
    if mode == "off":
        return "off", ""
    if mode == "auto":
        mode = _automatic(os.environ)
        if mode != "off" and not _installed():
            return "off", f"W&B: expected the wandb package, as there is a key, got none; not mirrored ({INSTALL})"
        return mode, ""
    if not _installed():
        raise UsageError(f"--wandb {mode}: expected the wandb package, got none; {INSTALL}")
    if mode == "online" and not has_key(os.environ):
        raise UsageError(
            f"--wandb online: expected a key in WANDB_API_KEY or in netrc for {_host(os.environ)}, got none; run "
            "`wandb login`, or take --wandb offline"
        )
    return mode, ""


def has_key(environment: Mapping[str, str]) -> bool:
    """Whether there is a W&B key, in the environment or in netrc; it is not looked at."""
    if environment.get("WANDB_API_KEY", "").strip():
        return True
    path = Path(environment.get("NETRC") or Path.home() / ".netrc")
    try:
        return netrc.netrc(str(path)).authenticators(_host(environment)) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _automatic(environment: Mapping[str, str]) -> Settled:
    """Online with a key, else off; W&B's own WANDB_MODE and WANDB_DISABLED may say less."""
    said = environment.get("WANDB_MODE", "").lower()
    if said in ("disabled", "off") or environment.get("WANDB_DISABLED", "").lower() in ("1", "true", "yes"):
        return "off"
    if said in ("offline", "dryrun"):
        return "offline"
    return "online" if has_key(environment) else "off"


def _host(environment: Mapping[str, str]) -> str:
    return urlsplit(environment.get("WANDB_BASE_URL") or HOST).netloc


def _installed() -> bool:
    return importlib.util.find_spec("wandb") is not None
