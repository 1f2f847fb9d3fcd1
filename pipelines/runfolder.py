"""Every file name of a run's folder, each written atomically; a lock that dies with its holder."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pipelines.budget import Clock
from pipelines.holding import holding
from pipelines.report import Report
from submissions.place import LOCK, desks_in, locked, replacing, sweep

Kind: TypeAlias = Literal["oof", "checkpoint", "baseline"]  # whose predictions: a finished model's, or a stand-in's


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write content as readable JSON, atomically."""
    with replacing(path) as draft:
        draft.write_text(json.dumps(content, indent=2, allow_nan=True) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The content of a JSON file written by write_json."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path}: expected JSON, got {error}; remove the run's folder or start over with --fresh"
        ) from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(content).__name__}; start over with --fresh")
    return content


@contextmanager
def changing(path: Path) -> Iterator[dict[str, Any]]:
    """A JSON file's content to change, {} where there is no file; another command that changes it waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f".{path.name}.lock")):
        content = read_json(path) if path.exists() else {}
        before = dict(content)
        yield content
        if content != before:
            write_json(path, content)


@dataclass(frozen=True)
class FoldFolder:
    """One fit's folder: the model of one fold and seed, and its numbers in the run's metrics.jsonl."""

    folder: Path
    run: RunFolder
    fold: str
    seed: int
    report: Report
    clock: Clock = field(default_factory=Clock)

    @property
    def done(self) -> Path:
        """Written last, with the names and sizes of all that fit left."""
        return self.folder / "done.json"

    @property
    def whole(self) -> bool:
        """Whether the fit was finished and nothing of it was lost since."""
        if not self.done.exists():
            return False
        return all(_size(self.folder / name) == size for name, size in read_json(self.done)["files"].items())

    @property
    def begun(self) -> bool:
        """Whether a stopped fit left a checkpoint to go on from."""
        return any(self.folder.glob("checkpoint*"))

    def prepare(self) -> None:
        """Ready for fit: what a stopped fit left is dropped, unless it is a checkpoint to go on from."""
        if self.begun:
            return
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)
        self.rewind(0)

    def finish(self, record: Mapping[str, Any]) -> None:
        """Mark the fit as whole."""
        files = {path.name: path.stat().st_size for path in sorted(self.folder.iterdir()) if path != self.done}
        write_json(self.done, {**record, "files": files})

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Append numbers of one step to metrics.jsonl."""
        self.run.log({"fold": self.fold, "seed": self.seed, "step": step, **numbers})

    def steps(self, items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
        """The items, with a progress bar and ETA."""
        return self.report.steps(items, total, f"fold {self.fold} {what}")

    def out_of_time(self) -> bool:
        """Whether the time budget is used up."""
        return not self.clock.fits(0)

    def rewind(self, step: int) -> None:
        """Drop numbers that a stopped fit logged at this step or later."""
        self.run.forget(self.fold, self.seed, step)

    def say(self, text: str) -> None:
        """One line for the person who watches."""
        self.report.line(f"fold {self.fold}: {text}")


@dataclass(frozen=True)
class RunFolder:
    """runs/<competition>/<run>/ and the names in it."""

    root: Path

    @property
    def name(self) -> str:
        """The run's name, its folder's."""
        return self.root.name

    @property
    def record(self) -> Path:
        """Settings, versions, fingerprints, scores and timings."""
        return self.root / "run.json"

    @property
    def metrics(self) -> Path:
        """Every logged number, a JSON object a line."""
        return self.root / "metrics.jsonl"

    @property
    def oof(self) -> Path:
        """Out-of-fold predictions, a row per id, fold and repeat."""
        return self.root / "oof.parquet"

    @property
    def test(self) -> Path:
        """Test predictions, a row per id."""
        return self.root / "test.parquet"

    @property
    def maps(self) -> Path:
        """The test rows' maps, 8 bits a pixel, one after the other, where they are kept."""
        return self.root / "maps.bin"

    @property
    def predicted(self) -> Path:
        """What each submission of maps was made with: threshold, rows, sources."""
        return self.root / "predicted.json"

    @property
    def text_log(self) -> Path:
        """All lines the run printed."""
        return self.root / "run.log"

    @property
    def carried(self) -> Path:
        """Weights of backbones that predicting needs beside the run's own models, where they travel with it."""
        return self.root / "backbones"

    @property
    def rows(self) -> Path:
        """The ids kept by --limit."""
        return self.root / "limit.json"

    @property
    def pictures(self) -> Path:
        """The folder of pictures for people; pipelines/pictures.py knows the names in it."""
        return self.root / "pictures"

    @property
    def tracking(self) -> Path:
        """The folder of what was sent to W&B, and of its own files."""
        return self.root / "wandb"

    def submission(self, name: str) -> Path:
        """The submission, under the name the competition gives it."""
        return self.root / name

    def fold_oof(self, fold: int, of: Kind = "oof") -> Path:
        """Out-of-fold predictions of one fold: the model's, with which the fold is done, or a stand-in's."""
        return self.root / f"fold{fold}" / f"{of}.parquet"

    def finished(self) -> list[int]:
        """The folds whose models' out-of-fold predictions are there."""
        return sorted(int(path.parent.name[4:]) for path in self.root.glob("fold[0-9]*/oof.parquet"))

    def fit(self, fold: int | str, seed: int, report: Report) -> FoldFolder:
        """The folder of one fit: a fold's number or `full`, and the number of the seed."""
        return FoldFolder(self.fit_root(fold, seed), self, str(fold), seed, report)

    def fit_root(self, fold: int | str, seed: int) -> Path:
        """Where the files of one fit lie."""
        return self.root / (f"fold{fold}" if isinstance(fold, int) else fold) / f"seed{seed}"

    @property
    def full_found(self) -> Path:
        """What the fit on all rows took from the folds: rounds, epochs."""
        return self.root / "full" / "found.json"

    def baseline(self, fold: int, report: Report) -> FoldFolder:
        """The folder of a fold's baseline."""
        return FoldFolder(self.root / f"fold{fold}" / "baseline", self, f"baseline{fold}", 0, report)

    @property
    def baselines(self) -> list[int]:
        """The folds that have a baseline."""
        return sorted(int(path.parent.name[4:]) for path in self.root.glob("fold*/baseline.parquet"))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The right to write to metrics.jsonl, of one process at a time: folds may be fitted side by side."""
        with locked(self.root / ".metrics"):
            yield

    def log(self, numbers: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl and hand it to the system at once."""
        with self._writing(), self.metrics.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(numbers) + "\n")

    def logged(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, but for one torn by a kill."""
        lines = self.metrics.read_text(encoding="utf-8").splitlines() if self.metrics.exists() else []
        return [numbers for line in lines if (numbers := _parsed(line)) is not None]

    def forget(self, fold: str, seed: int, step: int) -> None:
        """Drop one fit's numbers from a step on, and a line torn by a kill."""
        if self.metrics.exists():
            with self._writing():
                self._forget(fold, seed, step)

    def _forget(self, fold: str, seed: int, step: int) -> None:
        kept = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines():
            numbers = _parsed(line)
            if numbers is None:
                continue
            theirs = (numbers.get("fold"), numbers.get("seed")) == (fold, seed) and numbers.get("step", step) >= step
            if not theirs:
                kept.append(line + "\n")
        with replacing(self.metrics) as draft:
            draft.write_text("".join(kept), encoding="utf-8")

    def empty(self) -> None:
        """Drop all the run has but its lock."""
        for path in self.root.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run; refuse when a live process holds it (the system frees it when its holder dies)."""
        with holding(self.root):
            sweep(desks_in(self.root))
            yield


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        numbers = json.loads(line)
    except ValueError:
        return None
    return numbers if isinstance(numbers, dict) else None


def run_name(label: str, fingerprint: str) -> str:
    """A folder name: what the user calls it and the first letters of its fingerprint."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.") or "run"
    return f"{plain}-{fingerprint[:8]}"


def find_runs(runs: Path, competition: str) -> list[RunFolder]:
    """The runs of one competition, oldest first."""
    found = []
    for path in (runs / competition).glob("*/run.json"):
        with suppress(FileNotFoundError):  # deleted meanwhile
            found.append((path.parent.stat().st_mtime_ns, path.parent.name, path.parent))
    return [RunFolder(root) for *_, root in sorted(found)]
