"""The verb that submits: `podium submit`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from competitions.flags import parse
from competitions.registry import find_competition
from competitions.requests import FilesRequest
from competitions.verbs import named
from pipelines.budget import seconds_of
from pipelines.contract import Competition
from pipelines.kaggle.answers import Sent
from pipelines.kaggle.board import scores_beside, standings
from pipelines.kaggle.client import connect
from pipelines.kaggle.refusals import KaggleError, code_only
from pipelines.kaggle.sending import COMPLETE, PENDING, Parcel, Sending
from pipelines.kaggle.unpack import alone
from pipelines.loading import data_root, find_sample
from pipelines.options import Options
from pipelines.reopen import find_run, found_at
from pipelines.report import Report, took
from pipelines.runfolder import RunFolder, read_json
from pipelines.stops import UsageError
from pipelines.tracking.mode import Mode
from pipelines.tracking.sending import send_submission
from submissions.check import check_file
from submissions.ledger import LEDGER, Ledger
from submissions.ledger_rows import RunRow, SubmissionRow
from submissions.sample import read_sample


@dataclasses.dataclass(frozen=True)
class SendRequest(FilesRequest):
    """What everything that submits takes."""

    message: str = dataclasses.field(default="", metadata={"short": "-m"})
    """What to say of it at Kaggle (default: the run's name and CV score)."""
    again: bool = False
    """Submit what was submitted before."""
    dry_run: bool = False
    """Do everything but submit."""
    wait: str = "10m"
    """How long to wait for the score; 0: not at all."""
    wandb: Mode = "auto"
    """Tell W&B the run's scores; auto: online with a key (WANDB_API_KEY or netrc), else not."""

    def __post_init__(self) -> None:
        seconds_of(self.wait, "--wait")


@dataclasses.dataclass(frozen=True)
class SubmitRequest(SendRequest):
    """What `podium submit` takes."""

    competition: str = ""
    """The competition that a FILE is for; a run knows its own."""
    sample: Path | None = None
    """A sample_submission to judge by, when it does not lie in the data folder."""


def submit(arguments: Sequence[str]) -> int:
    """Check a file, upload it once, wait for its score and put all of it into the ledger."""
    name, rest = named(arguments, "submit", "RUN|FILE")
    (request,) = parse(rest, f"podium submit {name}", SubmitRequest())
    parcel = packed(name, request)
    report = Report(request.quiet)
    return send(Sending(connect(say=report.line), Ledger(request.runs / LEDGER), report), parcel, request)


def send(sending: Sending, parcel: Parcel, request: SendRequest) -> int:
    """Submit a parcel unless this is a dry run, wait for its score and show it."""
    slug = parcel.competition.slug
    request.runs.mkdir(parents=True, exist_ok=True)
    with alone(request.runs):  # of two commands with the same file the second sees what the first did
        ref = sent_as(sending, parcel, request)
    if not ref:
        print(f"{parcel.label}: fit to submit to {slug} as {parcel.message!r}; nothing was uploaded")
        return 0
    print(f"{parcel.label}: submitted to {slug} as {ref}")
    return finish(sending, parcel, ref, request)


def sent_as(sending: Sending, parcel: Parcel, request: SendRequest) -> str:
    """The ref of a submission of this parcel that has no score yet, uploaded now if there is none; "" in a dry run."""
    if not request.again:
        pending = submitted_before(sending.ledger, parcel)
        if found := pending or sending.earlier(parcel):
            return found.ref
    sending.judge_allowance(parcel.competition.slug)
    return "" if request.dry_run else sending.upload(parcel).ref


def packed(name: str, request: SubmitRequest) -> Parcel:
    """The file that a run's name or a path means, judged as `podium check` does, and the message that goes with it."""
    competition, path, run = meant(name, request)
    if competition.code:
        raise KaggleError("code", f"{name}: {code_only(competition.slug)}")
    root = data_root(competition, Options(data=request.data or found_at(run), runs=request.runs))
    sample = request.sample or find_sample(competition, root, Report(request.quiet))
    verdict = check_file(path, read_sample(sample), competition.rules)
    for warning in verdict.warnings:
        print(f"note: {warning}")
    message = request.message or default_message(path, run)
    name = run["run"] if run else ""
    return Parcel(competition=competition, path=path, digest=verdict.digest, message=message, run=name)


def meant(name: str, request: SubmitRequest) -> tuple[Competition, Path, dict[str, Any]]:
    """The competition, the file and the record of its run; the record is empty for a file made elsewhere."""
    path = Path(name)
    folder = RunFolder(path.parent) if path.is_file() else find_run(name, request.runs)
    if not folder.record.exists():
        if not request.competition:
            raise UsageError(
                f"podium submit {name} --competition NAME: expected the competition the file is for, got none"
            )
        return find_competition(request.competition), path, {}
    record = read_json(folder.record)
    competition = find_competition(record["competition"])
    if record.get("toy"):
        raise ValueError(f"{name}: expected a run on the real files, got one on toy files: Kaggle would refuse its ids")
    file = path if path.is_file() else folder.submission(record.get("submission") or competition.submission)
    if not file.is_file():
        raise FileNotFoundError(
            f"{folder.root}: expected {file.name}, got none: podium predict {folder.name} writes it"
        )
    return competition, file, record


def default_message(path: Path, run: dict[str, Any]) -> str:
    """The run's name, with which `podium sync` finds it again, and its score."""
    score = (run.get("scores") or {}).get("score")
    if not run or score is None or math.isnan(score):
        return run["run"] if run else path.name
    return f"{run['run']} CV {score:.5f}"


def submitted_before(ledger: Ledger, parcel: Parcel) -> SubmissionRow | None:
    """The submission of this very file that still waits for its score; one that has it is refused."""
    row = ledger.find_submission(parcel.competition.name, parcel.digest)
    if row is None or not row.ref or row.status == PENDING:
        return row if row is not None and row.ref else None
    raise ValueError(
        f"{parcel.label}: expected one not submitted before, got one submitted as {row.ref} on {row.date[:10]}"
        f"{scores_beside(row.public, row.private)}: submit it once more with --again"
    )


def finish(sending: Sending, parcel: Parcel, ref: str, request: SendRequest) -> int:
    """Wait for the score, show it, and tell W&B."""
    seconds = seconds_of(request.wait, "--wait")
    found = sending.wait(parcel, ref, seconds) if seconds else None
    if found is None:
        print(f"{ref}: no score after {took(seconds)}; `podium sync {parcel.competition.name}` fetches it later")
        return 0
    if found.status != COMPLETE:
        why = found.fault or "Kaggle says no more"
        raise ValueError(f"{parcel.label}: expected a score, got {found.status} for submission {ref}: {why}")
    print(result(sending.ledger, parcel, found))
    folder = RunFolder(parcel.path.parent)
    if parcel.run and folder.record.exists():
        send_submission(folder, found.public, found.private, request.wandb, sending.report, parcel.message)
    return 0


def result(ledger: Ledger, parcel: Parcel, found: Sent) -> str:
    """The scores, where they would stand, and CV beside them."""
    competition = parcel.competition
    run = next((each for each in ledger.runs(competition.name) if each.run == parcel.run), None)
    lines = [f"{competition.metric.name}{cv(run)}{scores_beside(found.public, found.private)}"]
    place = standings(ledger, competition).place(found.public, found.private)
    return "\n".join([*lines, *([place] if place else [])])


def cv(run: RunRow | None) -> str:
    """A run's own score, where there is one."""
    if run is None or run.score is None:
        return ""
    return f" · CV {run.score:.5f}{'' if run.score_se is None else f' ± {run.score_se:.5f}'}"
