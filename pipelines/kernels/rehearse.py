"""A rehearsal: the bundle is run here on the visible test set and on a larger one, and judged by what it leaves."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.contract import Competition
from pipelines.faults import text_of
from pipelines.kernels.bundle import Bundle
from pipelines.kernels.image import CODE_HOURS, MACHINES, VERSIONS, Machine
from pipelines.kernels.inputs import names_there
from pipelines.kernels.sandbox import Sandbox, Took
from pipelines.kernels.swap import Swap, swap_test
from pipelines.loading import SAMPLE
from pipelines.reading import opened
from pipelines.report import Report, took
from submissions.check import check_file
from submissions.sample import read_sample

CLOSE = 1e-4  # of a value: what another batch or machine may change, beyond its last bits
LARGER = 200  # rows at least of the larger test set
GIGA = 1e9
VERSIONS_TEXT = ", ".join(f"{name} {version}" for name, version in VERSIONS.items())


@dataclass(frozen=True)
class Seen:
    """One run of the kernel."""

    rows: int
    took: Took
    submission: Path


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal showed."""

    competition: Competition
    machine: Machine
    trains: bool  # then it may fit other folds than the run did here
    visible: Seen
    larger: Seen | None
    local: Path | None  # the submission made outside a kernel
    equal: bool  # whether the kernel's is that one, byte for byte
    apart: float  # else the largest difference between the two
    spread: float  # between a visible row and its repeats in the larger set

    @property
    def good(self) -> bool:
        """Whether the kernel does what the run does, within the limits."""
        same = self.trains or self.local is None or self.equal or self.apart <= CLOSE
        memory = max(seen.took.memory for seen in self.all_seen)
        return same and memory <= self.machine.memory * GIGA and self.expected <= self.hours * 3600

    @property
    def all_seen(self) -> list[Seen]:
        """Every run."""
        return [self.visible, *([self.larger] if self.larger else [])]

    @property
    def hours(self) -> float:
        """What Kaggle lets the kernel take."""
        return CODE_HOURS if self.competition.code else self.machine.hours

    @property
    def expected(self) -> float:
        """Seconds for the hidden test set, as far as known, by a straight line through the two runs."""
        if self.larger is None or self.larger.rows <= self.visible.rows or not self.competition.hidden_rows:
            return max(seen.took.seconds for seen in self.all_seen)
        slope = (self.larger.took.seconds - self.visible.took.seconds) / (self.larger.rows - self.visible.rows)
        more = max(0, self.competition.hidden_rows - self.larger.rows)
        return self.larger.took.seconds + max(0.0, slope) * more

    def lines(self) -> Iterator[str]:
        """The report."""
        yield "no network, /kaggle/input read-only, only packages of Kaggle's image and of the bundle"
        yield f"(Python and packages in this machine's versions; the image's: {VERSIONS_TEXT})"
        for name, seen in zip(("visible test set", "larger test set"), self.all_seen, strict=False):
            size = f"{seen.took.memory / GIGA:.2f} GB"
            yield f"{name:<18}{seen.rows:>9,} rows  {took(seen.took.seconds)}, {size}, submission checked"
        if self.local is not None:
            same = "byte for byte" if self.equal else f"not to the byte, largest difference {self.apart:.3g}"
            yield f"equal to {self.local}: {same}"
        if self.larger is not None:
            yield f"a row repeated under another id: predicted with a difference of {self.spread:.3g} at most"
        yield self.limits()

    def limits(self) -> str:
        """Time and memory against Kaggle's."""
        memory, hidden = max(seen.took.memory for seen in self.all_seen) / GIGA, self.competition.hidden_rows
        text = f"time: {took(self.expected)} here"
        if hidden and self.larger is not None:
            text = f"about {hidden:,} hidden rows: {took(self.expected)} at this machine's speed"
        elif hidden:
            text += f" (what about {hidden:,} hidden rows take shows with a larger test set)"
        return f"{text}, of {self.hours:g} h; memory {memory:.2f} of {self.machine.memory:g} GB ({self.machine.words})"


def rehearse(bundle: Bundle, competition: Competition, root: Path, local: Path, rows: int, report: Report) -> Rehearsal:
    """Run the bundle on the files in root, then on a test set of so many rows; 0: not, -1: more than are visible."""
    with tempfile.TemporaryDirectory(prefix="podium-rehearsal-") as name:
        folder = Path(name)
        sandbox = Sandbox(folder / "sandbox")
        source = bundle.source / bundle.metadata["code_file"]
        files = {path.name: path for path in names_there(root, competition.files)}
        report.line("rehearsal: the visible test set")
        visible = see(sandbox.run(source, layout(bundle, competition, files, newer=True), {}), competition, files)
        larger, swap = None, None
        rows = max(LARGER, 2 * visible.rows) if rows < 0 else rows
        if rows:
            report.line(f"rehearsal: a test set of {rows:,} rows under other ids")
            swap = swap_test(competition, root, folder / "swapped", rows)
            files = {name: path for name, path in files.items() if _plain(name) not in swap.files} | dict(swap.files)
            given = layout(bundle, competition, files, newer=False)
            larger = see(sandbox.run(source, given, {"KAGGLE_IS_COMPETITION_RERUN": "1"}), competition, files)
        known = local if local.is_file() else None
        return Rehearsal(
            competition=competition,
            machine=machine_of(bundle),
            trains=not bundle.content["predicts"],
            visible=visible,
            larger=larger,
            local=known,
            equal=known is not None and known.read_bytes() == visible.submission.read_bytes(),
            apart=0.0 if known is None else apart(known, visible.submission, None),
            spread=0.0 if larger is None else apart(visible.submission, larger.submission, swap),
        )


def layout(bundle: Bundle, competition: Competition, files: Mapping[str, Path], newer: bool) -> dict[str, Path]:
    """What lies under /kaggle/input, in the layout of 2026 or the one before."""
    top = f"competitions/{competition.slug}" if newer else competition.slug
    shown = {f"{top}/{name}": path for name, path in files.items()}
    for ref, folder in zip(bundle.metadata["dataset_sources"], bundle.datasets, strict=True):
        shown[f"datasets/{ref}" if newer else str(ref).split("/")[1]] = folder
    return shown


def see(took_here: Took, competition: Competition, files: Mapping[str, Path]) -> Seen:
    """A run judged by the submission that it left."""
    submission = took_here.working / competition.submission
    if not submission.is_file():
        raise ValueError(f"expected {competition.submission} in /kaggle/working, got none:\n{took_here.log[-500:]}")
    sample = read_sample(next(path for name, path in files.items() if _plain(name) == SAMPLE))
    check_file(submission, sample, replace(competition.rules, constant=True))
    return Seen(len(sample), took_here, submission)


def apart(one: Path, other: Path, swap: Swap | None) -> float:
    """The largest difference between two submissions' values, row by row or each row from the one that it repeats."""
    first, second = _cells(one), _cells(other)
    pairs = {id: id for id in second} if swap is None else swap.sources
    found = 0.0
    for id, old in pairs.items():
        for ours, theirs in zip(second[id], first.get(old, ()), strict=True):
            found = max(found, _difference(ours, theirs))
    return found


def machine_of(bundle: Bundle) -> Machine:
    """What the bundle asks to run on."""
    shape = bundle.metadata["machine_shape"]
    return next(machine for machine in MACHINES.values() if machine.shape == shape)


def _difference(one: str, other: str) -> float:
    try:
        return abs(float(one) - float(other))
    except ValueError:
        return 0.0 if one == other else float("inf")


def _cells(path: Path) -> dict[str, list[str]]:
    with opened(path) as stream, text_of(stream) as lines:
        return {row[0]: row[1:] for row in list(csv.reader(lines))[1:]}


def _plain(name: str) -> str:
    return name.removesuffix(".zip").removesuffix(".gz")
