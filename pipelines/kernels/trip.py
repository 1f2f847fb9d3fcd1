"""A run's kernel on its way to Kaggle and back: what was pushed is remembered beside the run."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.contract import Competition
from pipelines.kaggle.refusals import KaggleError
from pipelines.kernels.bundle import Bundle, digest_of
from pipelines.kernels.order import NOBODY
from pipelines.kernels.remote import Pushed, Remote, Session
from pipelines.kernels.source import WORKING
from pipelines.report import Report
from pipelines.runfolder import read_json, write_json
from submissions.check import check_file
from submissions.place import placed
from submissions.sample import Sample

EVERYTHING = ""  # a pattern that every name fits
HOURS = 6 * 3600.0  # seconds that fetching everything may take


@dataclass(frozen=True)
class Trip:
    """One kernel of a run: its bundle, and the record of what is at Kaggle."""

    bundle: Bundle
    remote: Remote
    report: Report

    @property
    def record(self) -> Path:
        """What was pushed."""
        return self.bundle.root.with_name(f"{self.bundle.root.name}.json")

    @property
    def pushed(self) -> Pushed:
        """The kernel as it was pushed last; its version is 0 where the push had no answer."""
        known = read_json(self.record) if self.record.exists() else {}
        if "kernel" not in known:
            raise ValueError(f"{self.record}: expected a pushed kernel, got none: podium kernel push RUN")
        return Pushed(**known["kernel"])

    @property
    def ref(self) -> str:
        """user/slug of the kernel at Kaggle."""
        return self.pushed.ref

    def kept(self, name: str) -> Path:
        """Where the submission that the kernel left is put."""
        return self.bundle.root.with_name(f"{self.bundle.root.name}-{name}")

    def push(self) -> Pushed:
        """Upload the datasets that changed, then push the kernel, which runs it."""
        if self.bundle.metadata["id"].startswith(f"{NOBODY}/"):
            give_to(self.bundle, self.remote.user)
        known: dict[str, Any] = read_json(self.record) if self.record.exists() else {}
        sent: dict[str, str] = known.get("datasets", {})
        for folder in self.bundle.datasets:
            ref, digest = str(read_json(folder / "dataset-metadata.json")["id"]), digest_of(folder)
            if sent.get(ref) == digest and self.remote.dataset_state(ref):
                self.report.line(f"{ref}: as it was, not uploaded again")
                self.remote.wait_ready(ref)
                continue
            self.remote.upload(folder, public=not self.bundle.metadata["is_private"])
            sent[ref] = digest
            write_json(self.record, known | {"datasets": sent})
        expected = Pushed(str(self.bundle.metadata["id"]), 0, "")
        write_json(self.record, {"kernel": asdict(expected), "datasets": sent})  # so that status can ask for it
        pushed = self.remote.push(self.bundle.source)
        write_json(self.record, {"kernel": asdict(pushed), "datasets": sent})
        return pushed

    def pull(self, competition: Competition, sample: Sample, everything: bool) -> Path:
        """Fetch the output, judge its submission and put it beside the run; anything else than one is refused."""
        ref, name = self.ref, competition.submission
        session = self.remote.session(ref)
        if session.state != "complete":
            remedy = "push it again" if session.over else "podium kernel status RUN --wait 12h waits for it"
            raise KaggleError("refused", f"{ref}: expected a finished session, got {describe(session)}: {remedy}")
        with tempfile.TemporaryDirectory(prefix="podium-pull-") as given:
            folder = Path(given)
            pattern = EVERYTHING if everything else f"^{re.escape(name)}$"
            files = self.remote.fetch(ref, folder, pattern, HOURS if everything else 0.0)
            found = folder / name
            if not found.is_file():
                raise ValueError(f"{ref}: expected {name} in {WORKING}, got none; its log says\n{_log(files)}")
            check_file(found, sample, replace(competition.rules, constant=True))
            if everything:
                target = self.bundle.root.with_name(f"{self.bundle.root.name}-output")
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(folder, target)
            kept = self.kept(name)
            with found.open("rb") as source, placed(kept) as stream:
                shutil.copyfileobj(source, stream)
        return kept


def describe(session: Session) -> str:
    """A session in words."""
    return f"{session.state}: {session.failure}" if session.failure else session.state


def give_to(bundle: Bundle, user: str) -> None:
    """Put a name where the bundle was built without an owner."""
    if not user:
        raise KaggleError(
            "credentials", "expected to know your name at Kaggle, got none: build again with --owner NAME"
        )
    for path in (bundle.source / "kernel-metadata.json", *(each / "dataset-metadata.json" for each in bundle.datasets)):
        content = read_json(path)
        content["id"] = _owned(str(content["id"]), user)
        if "dataset_sources" in content:
            content["dataset_sources"] = [_owned(ref, user) for ref in content["dataset_sources"]]
        write_json(path, content)


def _owned(ref: str, user: str) -> str:
    return f"{user}/{ref.partition('/')[2]}" if ref.startswith(f"{NOBODY}/") else ref


def _log(files: list[Path]) -> str:
    logs = [path for path in files if path.suffix == ".log" and path.is_file()]
    return logs[0].read_text(encoding="utf-8", errors="replace")[-1500:] if logs else "nothing"
