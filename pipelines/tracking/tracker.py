"""A command's side of the mirror: start it, pass on what it says, and wait for it at the end, but not long."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from pipelines.report import Report, took
from pipelines.runfolder import RunFolder, read_json
from pipelines.tracking.belongings import models, upload_seconds
from pipelines.tracking.leash import PATIENCE
from pipelines.tracking.mirror import Job
from pipelines.tracking.mode import Grouping, Settled

# W&B's variables that say where and as whom; the others (run id, name, mode, resume, ...) are the mirror's to decide.
KEPT = {"API_KEY", "BASE_URL", "APP_URL", "ENTITY", "PROJECT", "USERNAME", "IDENTITY_TOKEN_FILE", "CREDENTIALS_FILE"}
KEPT |= {"CACHE_DIR", "DATA_DIR", "CONFIG_DIR", "ARTIFACT_DIR", "HTTP_TIMEOUT", "INIT_TIMEOUT"}
KEPT |= {"INSECURE_DISABLE_SSL"}
# W&B's process on one core: on more its threads mostly wait for each other; and neither it nor its library reports on
# itself, which costs a tenth of a millisecond for every step.
LEAN = {"GOMAXPROCS": "1", "OTEL_SDK_DISABLED": "true", "WANDB_ERROR_REPORTING": "false"}


class Tracker:
    """A running mirror of one folder, in a process of its own."""

    def __init__(self, job: Job, report: Report) -> None:
        self.folder, self.report, self.job = RunFolder(Path(job.root)), report, job
        self.folder.tracking.mkdir(parents=True, exist_ok=True)
        with (self.folder.tracking / "mirror.log").open("w", encoding="utf-8") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "pipelines.tracking.mirror"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(),
                text=True,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C is for the command, which tells the mirror
            )
        self.relay = threading.Thread(target=self._relay, daemon=True)
        self.relay.start()
        self._tell(asdict(job))

    def stop(self, state: str) -> None:
        """Tell the mirror that the command has ended, and wait until W&B has everything, within limits."""
        more = self._uploading()
        self._tell({"state": state, "patience": PATIENCE + more})
        with suppress(BrokenPipeError):
            self._stdin.close()
        try:
            code = self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            if more:  # it ends by itself, and what it does not manage the same command sends
                self.report.line(f"W&B: models are still on their way, the command does not wait; {took(more)} at most")
                return
            self._kill()
            code = -signal.SIGKILL
        except BaseException:  # Ctrl-C
            self._kill()
            raise
        self.relay.join(1.0)
        if code == -signal.SIGKILL:
            self.report.line(
                f"W&B: it did not take everything within {PATIENCE:.0f} s; the same command sends the rest"
            )
        elif code:
            self.report.line(f"W&B: the mirror stopped (see {self.folder.tracking / 'mirror.log'})")

    def _kill(self) -> None:
        """End the mirror; W&B's own process ends when it is gone."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    @property
    def _stdin(self) -> IO[str]:
        assert self.child.stdin is not None
        return self.child.stdin

    def _tell(self, message: dict[str, object]) -> None:
        with suppress(BrokenPipeError):  # it has died; stop() says so
            self._stdin.write(json.dumps(message) + "\n")
            self._stdin.flush()

    def _relay(self) -> None:
        assert self.child.stdout is not None
        with self.child.stdout as lines:
            for line in lines:
                self.report.line(line.rstrip())

    def _uploading(self) -> float:
        """Seconds that the mirror may go on for when the command has ended: models get time by their size."""
        if not self.job.models:
            return 0.0
        places: list[int | str] = [int(path.name[4:]) for path in self.folder.root.glob("fold*")]
        seeds = read_json(self.folder.record)["seeds"]
        return sum(upload_seconds(models(self.folder, place, seeds)) for place in [*places, "full"])


@contextmanager
def mirrored(folder: RunFolder, segment: Settled, grouping: Grouping, models: bool, report: Report) -> Iterator[None]:
    """While this lasts, a run's folder is mirrored to W&B; no error and no delay of W&B's comes out of it."""
    if segment == "off":
        yield
        return
    tracker = _started(Job(str(folder.root.resolve()), segment, grouping, models), report)
    state = "failed"
    try:
        yield
        state = "done"
    finally:
        if tracker is not None:
            tracker.stop(state)


def _started(job: Job, report: Report) -> Tracker | None:
    try:
        return Tracker(job, report)
    except OSError as error:
        report.line(f"W&B: the mirror did not start ({error}); the same command sends everything")
        return None


def _environment() -> dict[str, str]:
    """The mirror's environment: W&B's key comes this way, never as an argument."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_") or name[6:] in KEPT}
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(part for part in (root, kept.get("PYTHONPATH")) if part)
    return LEAN | kept | {"PYTHONPATH": path}
