"""What there is: competitions with their data and best scores, a competition's runs, and pruning them."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from competitions.flags import parse
from competitions.registry import find_competition, sound
from pipelines.contract import Competition
from pipelines.holding import is_held
from pipelines.kaggle.unpack import archives_in, is_there
from pipelines.reopen import find_run, is_blend, recorded
from pipelines.runfolder import RunFolder, find_runs, read_json
from pipelines.settings import diff
from pipelines.stops import UsageError
from submissions.ledger import LEDGER, Ledger


def overview() -> int:
    """Every competition: is its data there, how many runs, the best CV, the last leaderboard score."""
    rows = [("competition", "data", "runs", "best CV", "last LB")]
    ledger = Ledger(Path("runs") / LEDGER)
    competitions, faults = sound()
    for competition in competitions:
        records = recorded(Path("runs"), competition.name)
        scored = [record for _, record in records if record.get("scores")]
        rows.append(
            (
                competition.name,
                _there(competition),
                str(len(records)),
                _best(competition, scored),
                _last(ledger, competition),
            )
        )
    rows += [(name, "-", "-", "spec.py fails", "-") for name in faults]
    print(columns(rows))
    for error in faults.values():
        print(f"\n{error}")
    print("\npodium run NAME starts; podium run NAME --toy needs no data; podium --help lists the verbs")
    return 0


@dataclasses.dataclass(frozen=True)
class RunsRequest:
    """What `podium runs` and `podium clean` take."""

    runs: Path = Path("runs")
    """Folder that holds all runs."""
    toy: bool = False
    """The runs on toy files."""
    diff: str = ""
    """Two runs, comma between: show which settings differ."""
    keep: int = 5
    """How many of the best runs `podium clean` leaves."""
    yes: bool = False
    """Delete; without it `podium clean` only says what it would delete."""

    def __post_init__(self) -> None:
        if self.keep < 0:
            raise ValueError(f"--keep: expected 0 or more, got {self.keep}")


def runs(arguments: Sequence[str]) -> int:
    """A competition's runs, newest last, or the settings in which two differ."""
    competition, request = _asked(_joined(arguments), "runs")
    root = request.runs / "toy" if request.toy else request.runs
    if request.diff:
        return _show_diff(request.diff.split(","), root, competition)
    rows: list[Sequence[str]] = [("run", "state", competition.metric.name, "se", "baseline", "folds", "submission")]
    for folder, record in recorded(root, competition.name):
        scores = record.get("scores") or {}
        numbers = [scores.get(name) for name in ("score", "score_se", "baseline")]
        shown = ["-" if number is None else f"{number:.5f}" for number in numbers]
        finished = record.get("folds", {}).get("finished", [])
        rows.append((folder.name, _state(folder, record), *shown, str(len(finished)), record.get("submission") or "-"))
    print(
        columns(rows)
        if len(rows) > 1
        else f"no runs of {competition.name} under {root}{_elsewhere(competition, request)}"
    )
    return 0


def _elsewhere(competition: Competition, request: RunsRequest) -> str:
    """Where there are runs, when there are none of the kind that was asked for."""
    if request.toy or not find_runs(request.runs / "toy", competition.name):
        return ""
    return f"; podium runs {competition.name} --toy lists those on toy files"


def clean(arguments: Sequence[str]) -> int:
    """Delete a competition's unfinished runs and all but the best; names them first."""
    competition, request = _asked(arguments, "clean")
    root = request.runs / "toy" if request.toy else request.runs
    records = recorded(root, competition.name)
    done = [(folder, record) for folder, record in records if record["state"] == "done" and record.get("scores")]
    sign = -1 if competition.metric.higher_is_better else 1
    done.sort(key=lambda pair: (is_partial(pair[1]), sign * pair[1]["scores"]["score"]))
    kept = {folder.root for folder, _ in done[: request.keep]}
    blends = [record for folder, record in done if folder.root in kept and is_blend(record)]
    weighed = {name for record in blends for name in record["settings"]["weights"]}
    kept |= {folder.root for folder, _ in records if folder.name in weighed}  # a blend is made of their models
    doomed = [(folder, record) for folder, record in records if folder.root not in kept]
    left = 0
    for folder, record in doomed:
        if request.yes and not drop(folder, record):
            left += 1
            print(f"left {folder.root}, with which another command has gone on")
            continue
        print(f"{'deleted' if request.yes else 'would delete'} {folder.root}")
    gone = len(doomed) - left
    print(f"{len(kept) + left} kept, {gone} {'deleted' if request.yes else 'to delete; --yes deletes them'}")
    return 0


def drop(folder: RunFolder, record: Mapping[str, Any]) -> bool:
    """Delete a run, unless a command has changed it since its record was read; whether it is gone."""
    with folder.lock():
        if folder.record.exists() and str(read_json(folder.record)) != str(record):  # as text: NaN equals nothing
            return False
        shutil.rmtree(folder.root)
    return True


def is_partial(record: Mapping[str, Any]) -> bool:
    """Whether a run's score is of some folds or rows only, and so compares with no other."""
    folds = record["folds"]
    return bool(record["limit"]) or len(folds["finished"]) < folds.get("count", 0)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines with aligned columns."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _asked(arguments: Sequence[str], verb: str) -> tuple[Competition, RunsRequest]:
    from competitions.verbs import named

    name, rest = named(arguments, verb)
    return find_competition(name), parse(rest, f"podium {verb} {name}", RunsRequest())[0]


def _joined(arguments: Sequence[str]) -> list[str]:
    """`--diff A B` as `--diff A,B`."""
    whole = list(arguments)
    if "--diff" in whole:
        place = whole.index("--diff")
        if len(whole) >= place + 3 and "," not in whole[place + 1]:
            whole[place + 1 : place + 3] = [f"{whole[place + 1]},{whole[place + 2]}"]
    return whole


def _state(folder: RunFolder, record: Mapping[str, Any]) -> str:
    """What a run says of itself; one that says it is running and is held by nobody was stopped."""
    state = str(record["state"])
    return "stopped" if state == "running" and not is_held(folder.root) else state


def _show_diff(names: Sequence[str], root: Path, competition: Competition) -> int:
    if len(names) != 2:
        raise UsageError(f"--diff: expected two runs, got {', '.join(names)}")
    one, other = [_settings(find_run(_local(name, root, competition), root)) for name in names]
    found = [(name, str(first), str(second)) for name, first, second in diff(one, other)]
    print(columns([("setting", *names), *found]) if found else "the same settings")
    return 0


def _settings(folder: RunFolder) -> dict[str, Any]:
    record = read_json(folder.record)
    prints = {name: record[name]["fingerprint"][:12] for name in ("folds", "train")}
    return {**record["settings"], **{name: record[name] for name in ("seeds", "full", "limit")}, **prints}


def _local(name: str, root: Path, competition: Competition) -> str:
    local = root / competition.name / name
    return str(local) if local.exists() else name


def _there(competition: Competition) -> str:
    """Whether a competition's files lie where they are looked for, or archives that may hold them."""
    root = Path("data") / competition.slug
    if all(is_there(root, name) for name in competition.files):
        return "yes"
    return "packed" if archives_in(root, "") else "no"


def _best(competition: Competition, scored: Sequence[dict[str, Any]]) -> str:
    if not scored:
        return "-"
    pick = max if competition.metric.higher_is_better else min
    whole = [record for record in scored if not is_partial(record)]
    best = pick(record["scores"]["score"] for record in whole or scored)
    return f"{best:.5f} {competition.metric.name}{'' if whole else ' (partial)'}"


def _last(ledger: Ledger, competition: Competition) -> str:
    last = ledger.last_submission(competition.name)
    return "-" if last is None or last.public is None else f"{last.public:.5f}"
