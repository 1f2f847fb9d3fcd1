"""The mirror: a process of its own that follows a run's folder and tells W&B what it finds there.

Whatever W&B does, training writes its files as ever; what W&B missed is sent by the next command.
`python -m pipelines.tracking.mirror` reads its job as the first line of stdin and ends with stdin.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.runfolder import RunFolder, read_json, write_json
from pipelines.tracking import belongings
from pipelines.tracking.client import Card, Line, Refused
from pipelines.tracking.journal import Journal, Segment
from pipelines.tracking.lane import Lane, Post, Say, summary_mark
from pipelines.tracking.leash import PATIENCE, Leash, Voice
from pipelines.tracking.mode import Grouping
from pipelines.tracking.rows import Naming
from pipelines.tracking.tail import Tail
from submissions.place import LOCK, locked


@dataclass(frozen=True)
class Job:
    """Which folder to mirror, and how."""

    root: str
    segment: Segment
    grouping: Grouping = "folds"
    models: bool = False
    board: str = ""  # the project, when the folder is no run's but that of a board
    longest: float = 60.0  # seconds for opening one of its runs, whatever time limits the installed wandb has itself


class Mirror:
    """A run's folder and its W&B runs."""

    def __init__(self, job: Job, say: Say) -> None:
        self.job, self.say = job, say
        self.folder = RunFolder(Path(job.root))
        self.post = Post(job.segment, self.folder.tracking / "mirror.log", say, job.longest)
        self.record = read_json(self.folder.record)
        self.state = settled_state(self.folder, job.grouping)
        self.naming = Naming(self.state["grouping"], self.record["seeds"])
        self.tail = Tail(self.folder.metrics)
        self.lanes: dict[str, Lane] = {}
        self.ended: set[str] = set()

    def look(self) -> None:
        """Send what is new; end the W&B runs of folds that are finished."""
        whole = self.lane(self.naming.whole)
        if not whole.journal.marks:
            self.post.deliver(whole)
        finished = self._finished()  # before reading: a finished fold logs nothing more
        again, lines = self.tail.read()
        if again:
            for lane in self.lanes.values():
                lane.restart()
        for line in lines:
            row = self.naming.row(line)
            self.lane(row.place).rows.append(row)
        for lane in list(self.lanes.values()):
            if lane.behind():
                self.post.deliver(lane)
        for place in finished:
            self._finish_fold(place)

    def finish(self, state: str) -> None:
        """The last look, then everything but the curves, and the end of all W&B runs."""
        self.look()
        self.record = read_json(self.folder.record)
        whole = self.lane(self.naming.whole)
        known = {row.key for row in whole.rows}
        whole.rows += [row for row in belongings.extras(self.folder, self.naming.whole) if row.key not in known]
        numbers = belongings.scores(self.record, belongings.submitted(self.folder))
        if whole.behind() or summary_mark(numbers) not in whole.journal.marks:
            line = self.post.deliver(whole)
            if line is not None:
                whole.summarise(line, numbers)
        for lane in [whole, *self.lanes.values()]:
            lane.close(int(state == "failed"))
        self.tail.close()

    def lane(self, place: str) -> Lane:
        """The lane of a W&B run."""
        if place not in self.lanes:
            journal = Journal(self.folder.tracking / f"{place}.journal")
            self.lanes[place] = Lane(self._card(place), self.folder.root, journal)
        return self.lanes[place]

    def _card(self, place: str) -> Card:
        record, fold = self.record, place.removeprefix("fold")
        alone = place == self.naming.whole
        toy = ["toy"] if record["toy"] else []
        return Card(
            id=f"{record['fingerprint'][:8]}-{self.state['token']}-{place}",
            name=self.folder.name if alone else f"{self.folder.name} {place}",
            project=project_of(record["competition"], record["toy"]),
            group=self.folder.name,
            kind=place if alone else "fold",
            settings=belongings.about(record) | ({} if alone else {"fold": int(fold) if fold.isdigit() else fold}),
            tags=[*toy, *(["limit"] if record["limit"] else [])],
        )

    def _finished(self) -> list[int | str]:
        folds = sorted(self.folder.root.glob("fold*/oof.parquet"))
        numbers: list[int | str] = [int(path.parent.name[4:]) for path in folds]
        full = [self.folder.fit_root("full", seed) / "done.json" for seed in range(self.naming.seeds)]
        return [*numbers, *(["full"] if all(path.exists() for path in full) else [])]

    def _finish_fold(self, place: int | str) -> None:
        lane = self.lane(self.naming.place(str(place)))
        label = f"{f'fold{place}' if isinstance(place, int) else place}"
        if label in self.ended:
            return
        self.ended.add(label)
        numbers = belongings.fits(self.folder, place, self.naming.seeds)
        if self.naming.grouping == "one":
            numbers = {f"{label}/{name}": value for name, value in numbers.items()}
        model = f"model:{label}" if self.job.models else ""
        missing = {summary_mark(numbers), *([model] if model else [])} - lane.journal.marks
        line = self.post.deliver(lane) if missing else None
        if line is not None:
            lane.summarise(line, numbers)
        if line is not None and model in missing:
            self._send_models(lane, line, place, label)
        if self.naming.grouping == "folds":
            lane.close(0)

    def _send_models(self, lane: Lane, line: Line, place: int | str, label: str) -> None:
        files = belongings.models(self.folder, place, self.naming.seeds)
        try:
            line.send_files(f"{self.folder.name}-{label}", files, PATIENCE + belongings.upload_seconds(files))
            lane.journal.mark(f"model:{label}")
        except Refused as error:
            self.say("models", f"it did not take the models of {label} ({error}); the same command sends them again")


def settled_state(folder: RunFolder, grouping: Grouping) -> dict[str, Any]:
    """What the W&B runs of a run's folder are called, settled by the first command; --fresh starts others."""
    path = folder.tracking / "mirror.json"
    if not path.exists():
        write_json(path, {"token": secrets.token_hex(4), "grouping": grouping})
    return read_json(path)


def project_of(competition: str, toy: bool) -> str:
    """The W&B project: a competition's own, unless WANDB_PROJECT names another."""
    return os.environ.get("WANDB_PROJECT") or competition.replace("/", "-") + ("-toy" if toy else "")


def send_page(job: Job, say: Say) -> None:
    """Tables and pictures of a folder as they are now, to a W&B run of their own."""
    folder = RunFolder(Path(job.root))
    id = f"board-{settled_state(folder, 'one')['token']}"
    lane = Lane(
        Card(id, "board", job.board, "board", "board", {}), folder.root, Journal(folder.tracking / "board.journal")
    )
    lane.rows = belongings.extras(folder, "board")
    if lane.behind():
        Post(job.segment, folder.tracking / "mirror.log", say, job.longest).deliver(lane)
        lane.close(0)


@contextmanager
def _alone(folder: RunFolder) -> Iterator[None]:
    """One mirror at a time; that of a killed command may still be sending."""
    folder.tracking.mkdir(parents=True, exist_ok=True)
    with locked(folder.tracking / LOCK):
        yield


def main() -> None:
    """Mirror a folder until the command that asked for it ends."""
    os.nice(10)  # training comes first
    voice = Voice()
    job = Job(**json.loads(sys.stdin.readline()))
    leash = Leash()
    # Where wandb copies what it will upload: with the run, so that a folder written offline can be moved as it is.
    os.environ.setdefault("WANDB_DATA_DIR", str(RunFolder(Path(job.root)).tracking))
    with _alone(RunFolder(Path(job.root))):
        if job.board:
            send_page(job, voice.say)
            return
        mirror = Mirror(job, voice.say)
        mirror.look()
        while not leash.pulled():
            mirror.look()
        mirror.finish(leash.state)


if __name__ == "__main__":
    main()
