"""What tests of the mirror share: a home of W&B's own, a run's folder, and a command that logs in a child."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.report import Report
from pipelines.runfolder import RunFolder, write_json
from pipelines.tracking import tracker
from pipelines.tracking.tracker import mirrored

KEY = "planted" + "0123456789abcdef" * 3  # of W&B's length; must appear nowhere
PRINT = {"fingerprint": "f00dfacecafe"}


def settle_home(root: Path, monkeypatch: Any) -> None:
    """A home of W&B's own, where it finds neither a key nor settings."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(root / "home"))
    monkeypatch.setattr(tracker, "PATIENCE", 600.0)  # a busy machine must not make a test fail


def make_folder(root: Path, seeds: int = 1) -> RunFolder:
    """A run's folder as a command finds it before its first fit."""
    folder = RunFolder(root / "runs" / "toys" / "run-f00dface")
    record: dict[str, Any] = {"competition": "toys", "run": folder.name, "state": "running", **PRINT}
    record |= {"settings": {"rate": 0.1}, "seeds": seeds, "limit": 0, "toy": False, "train": {**PRINT, "rows": 9}}
    write_json(folder.record, record | {"folds": {**PRINT, "recipe": {}}, "test": PRINT, "scores": {"score": 0.5}})
    return folder


def log(folder: RunFolder, steps: range) -> None:
    """Numbers of fold 0, as a fit logs them."""
    out = folder.fit(0, 0, Report(quiet=True))
    for step in steps:
        out.log(step, {"loss": 1 / (1 + step)})


def in_child(work: Callable[[], None]) -> int:
    """A child that does this and nothing else; its process id. It computes nothing, so that a bare fork will do."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(1)
    return child


def kill(child: int) -> None:
    """End a child at once."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def mirror(root: Path, mode: Any, steps: range, hold: bool = False) -> None:
    """A command that logs steps; hold: then it waits to be killed."""
    folder = RunFolder(root / "runs" / "toys" / "run-f00dface")
    with mirrored(folder, mode, "folds", False, Report(quiet=True, log=root / "said")):
        folder.fit(0, 0, Report(quiet=True)).rewind(steps.start)
        log(folder, steps)
        if hold:
            time.sleep(3600)


def until(holds: Callable[[], Any], seconds: float = 600) -> None:
    """Wait for something another process does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def handed_over(folder: RunFolder) -> int:
    """How many steps of fold 0 the mirror says it gave to W&B."""
    path = folder.tracking / "fold0.journal"
    return path.read_text().count('["row"') if path.exists() else 0


def logged(folder: RunFolder) -> list[tuple[float, float]]:
    """(step, loss) in metrics.jsonl."""
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    return [(line["step"], line["loss"]) for line in lines if line["fold"] == "0"]


def mirror_of(child: int) -> int:
    """The process id of a child's mirror."""
    for each in Path("/proc").iterdir():
        ours = each.name.isdigit() and f"PPid:\t{child}\n" in _text(each / "status")
        if ours and "pipelines.tracking.mirror" in _text(each / "cmdline"):
            return int(each.name)
    return 0


def alive(number: int) -> bool:
    """Whether a process is still there."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in _text(Path(f"/proc/{number}/status"))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
