"""Runs a bundle here as Kaggle would: no network, its own root, read-only inputs, only the image's packages."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.kernels import runner, stage
from pipelines.kernels.memory import used_by
from pipelines.kernels.source import INPUTS, WORKING
from pipelines.kernels.view import hidden, make_view

NAMESPACES = ["--user", "--map-root-user", "--net", "--mount"]  # unshare -rnm
PACKAGES = "/opt/image"
PASSED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES")  # what decides speed and last bits
SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc")
LIVE = ("proc", "sys", "dev")
LOOK = 0.25  # seconds between two looks at a kernel's memory, fewer at first; each takes milliseconds of its time


@dataclass(frozen=True)
class Took:
    """What a run took and left."""

    seconds: float
    memory: float  # bytes at the peak, of all its processes together
    working: Path  # what it left
    log: str


@dataclass(frozen=True)
class Sandbox:
    """A place to run sources in; folder is empty at first."""

    folder: Path
    view: Path = field(init=False)
    sites: tuple[Path, ...] = field(init=False)

    def __post_init__(self) -> None:
        check_namespaces()
        object.__setattr__(self, "view", self.folder / "image")
        object.__setattr__(self, "sites", tuple(make_view(self.view)))

    def run(self, source: Path, inputs: Mapping[str, Path], environment: Mapping[str, str]) -> Took:
        """Run a source with these folders or files under /kaggle/input; a failing one is an error with its last words.

        inputs: place under /kaggle/input -> what is to be seen there.
        """
        place = self.folder / f"run{sum(1 for _ in self.folder.glob('run*'))}"
        working, scratch, root = (place / name for name in ("working", "scratch", "root"))
        for each in (working, scratch, root):
            each.mkdir(parents=True)
        python = str(Path(sys.executable).resolve())
        command = [python, "-I", "-S", "-B", "/opt/runner.py", f"/kaggle/src/{source.name}", PACKAGES]
        plan = {
            "root": str(root),
            "binds": [
                (str(scratch), "/tmp", True),  # before what may lie in it here, Python itself at times
                *system_binds(),
                *((str(site), str(site), False) for site in self.sites),
                (str(self.view), PACKAGES, False),
                (runner.__file__, "/opt/runner.py", False),
                (str(source), f"/kaggle/src/{source.name}", False),
                ("", INPUTS, True),
                *((str(path.resolve()), f"{INPUTS}/{name}", False) for name, path in inputs.items()),
                (str(working), WORKING, True),
            ],
            "links": {name: str(path.readlink()) for name in SYSTEM if (path := Path(f"/{name}")).is_symlink()},
            "folders": ["/root"],
            "sealed": [INPUTS],
            "folder": WORKING,
            "command": command,
            "environment": {
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": "/root",
                "LANG": "C.UTF-8",
                "KAGGLE_KERNEL_RUN_TYPE": "Batch",
                **{name: os.environ[name] for name in PASSED if name in os.environ},
                **environment,
            },
        }
        (place / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        return self._watched([python, "-I", "-S", stage.__file__, str(place / "plan.json")], working, place / "log")

    def _watched(self, command: list[str], working: Path, log: Path) -> Took:
        """Run a command in namespaces of its own, looking at its memory."""
        peak, pause, start = 0.0, 0.02, time.monotonic()
        with log.open("wb") as sink:
            child = subprocess.Popen(["unshare", *NAMESPACES, *command], stdout=sink, stderr=subprocess.STDOUT)
            waiting = threading.Thread(target=child.wait, daemon=True)
            waiting.start()
            try:
                while waiting.is_alive():
                    peak = max(peak, used_by(child.pid))
                    waiting.join(pause)
                    pause = min(LOOK, 1.2 * pause)
            finally:
                if child.poll() is None:
                    child.kill()
                    waiting.join()
        seconds = time.monotonic() - start
        said = log.read_text(encoding="utf-8", errors="replace")
        if child.returncode == stage.NO_STAGE:
            raise OSError(f"{CANNOT}, got: {said.strip()[-300:]}; {ELSEWHERE}")
        if child.returncode:
            raise ValueError(f"the kernel failed with exit code {child.returncode}:\n{why(said)}")
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024.0  # where it was too quick to look at
        return Took(seconds, peak or largest, working, said)


CANNOT = "expected a machine that lets `unshare -rnm` make namespaces without network and with mounts of their own"
ELSEWHERE = "rehearse on Linux where it does (in a container: --privileged), or push and see"


def check_namespaces() -> None:
    """Refuse where there can be no rehearsal."""
    if shutil.which("unshare") is None:
        raise OSError(f"{CANNOT}, got no program unshare (util-linux, Linux only); {ELSEWHERE}")
    tried = subprocess.run(["unshare", *NAMESPACES, "true"], capture_output=True, text=True)
    if tried.returncode:
        raise OSError(f"{CANNOT}, got: {tried.stderr.strip()}; {ELSEWHERE}")


def system_binds() -> list[tuple[str, str, bool]]:
    """The system's folders and Python's own, which a kernel sees as they are."""
    plain = [(f"/{name}", f"/{name}", False) for name in SYSTEM if _is_folder(name)]
    live = [(f"/{name}", f"/{name}", True) for name in LIVE if _is_folder(name)]
    base = str(Path(sys.base_prefix).resolve())
    inside = any(base == f"/{name}" or base.startswith(f"/{name}/") for name in SYSTEM)
    return [*plain, *live, *([] if inside else [(base, base, False)])]


def _is_folder(name: str) -> bool:
    path = Path(f"/{name}")
    return path.is_dir() and not path.is_symlink()


def why(said: str) -> str:
    """The end of what a kernel said, and what it lacks if that is what stopped it."""
    tail = "\n".join(said.strip().splitlines()[-15:])
    lacking = re.findall(r"No module named '([A-Za-z0-9_]+)", tail)
    holder = hidden(lacking[-1]) if lacking else ""
    if not holder:
        return tail
    return (
        f"{tail}\n{lacking[-1]} is installed here ({holder}), but neither in the bundle nor in Kaggle's image: "
        "import it by name in the competition's folder, so that podium kernel build takes it along, or give --wheels"
    )
