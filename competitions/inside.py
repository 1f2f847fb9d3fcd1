"""What a kernel calls once its code is on the path: predict with the run's models, or train the run there."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from competitions.registry import find_competition, starting_learner
from pipelines.blending import weighed
from pipelines.contract import Choice, Competition, Learner
from pipelines.corridor import run_competition
from pipelines.kernels.inputs import find_input, laid_out, rows_to_predict, workable
from pipelines.loading import load_tables
from pipelines.options import Options
from pipelines.outcome import describe_outcome
from pipelines.predicting import Part, Trained, predict_rows, submit_file
from pipelines.predictions import Predictions
from pipelines.reopen import reopen, restored
from pipelines.report import Report
from pipelines.runfolder import RunFolder, write_json
from pipelines.serving import unreadable
from pipelines.streaming import Job, Wanted, stream_test
from submissions.place import placed

SECRET = "WANDB_API_KEY"  # the name that the key has among Kaggle's secrets


@dataclass(frozen=True)
class Kernel:
    """Where a kernel finds and leaves things."""

    content: Mapping[str, Any]  # what the bundle says
    carried: Path  # models or weights
    inputs: Path  # /kaggle/input
    working: Path  # /kaggle/working: what lies there at the end is kept
    scratch: Path

    def competition(self, record: Mapping[str, Any]) -> Competition:
        """A run's competition with the run's learner."""
        competition = find_competition(record["competition"])
        options = Options(toy=record["toy"], experiment=record["experiment"])
        learner = restored(starting_learner(competition, options), record["settings"])
        return competition.with_learner(self.placed(learner))

    def trained(self, part: Mapping[str, Any]) -> Trained:
        """A run that the kernel carries, with the weights that its learner needs."""
        folder = RunFolder(self.scratch / part["place"])
        write_json(folder.record, part["record"])
        competition = self.competition(part["record"])
        for baseline in folder.root.glob("fold*/baseline"):
            baseline.with_suffix(".parquet").touch()  # says that it is whole; its own scores stay at home
        trained = reopen(folder, competition, competition.learner)
        competition = self.weighted(trained.competition)
        if not self.content["weights"] and hasattr(competition.learner, "carried"):
            competition = competition.with_learner(competition.learner.carried(folder.carried))
        return replace(trained, competition=competition)

    def placed(self, learner: Learner) -> Learner:
        """The learner with its caches in the scratch folder."""
        folders = {"cache_dir": self.scratch / "images", "feature_dir": self.scratch / "features"}
        names = {field.name for field in fields(learner)}  # type: ignore[arg-type]  # learners are
        mine = {name: folder for name, folder in folders.items() if name in names}
        placed: Learner = replace(learner, **mine)  # type: ignore[type-var]
        return placed

    def weighted(self, competition: Competition) -> Competition:
        """The competition whose learner takes the weights that the kernel carries."""
        if not self.content["weights"]:
            return competition
        weights = str(self.scratch / self.content["weights"])
        return competition.with_learner(replace(competition.learner, weights=weights))  # type: ignore[type-var]

    @property
    def choice(self) -> Choice:
        """What was chosen for the runs together."""
        chosen = self.content["choice"]
        return None if chosen is None else np.asarray(chosen, dtype=float)

    def files(self, *competitions: Competition) -> Path:
        """The files of one competition, or of several under one slug."""
        names = dict.fromkeys(name for competition in competitions for name in competition.files)
        return workable(find_input(self.inputs, competitions[0].slug), [*names], self.scratch)


def predict(kernel: Kernel) -> None:
    """Predict whatever test rows lie there with the runs' models, and leave the checked submission.

    A row whose file cannot be read gets the baseline's value, as an error would cost the whole submission. Rows
    that all look alike to the models are no mistake here: the few that show may be noise.
    """
    report, content = Report(), kernel.content
    laid_out(kernel.carried, content["files"], kernel.scratch)
    parts = [kernel.trained(part) for part in content["parts"]]
    maps = parts[0].competition.shape is not None
    made = streamed(kernel, parts, report) if maps else predicted(kernel, parts, report)
    leave(made, kernel.working / parts[0].competition.submission)


def streamed(kernel: Kernel, parts: Sequence[Trained], report: Report) -> Path:
    """The submission of runs whose values are maps: row by row, at the images' own size."""
    competitions = {part.competition.name: part.competition for part in parts}
    options = Options(data=kernel.files(*competitions.values()), runs=kernel.scratch / "runs")
    tables = {name: load_tables(each, options, report) for name, each in competitions.items()}
    broken = {name: unreadable(tables[name].test, each.learner, report) for name, each in competitions.items()}
    found = [
        Part(replace(part, skipped=broken[part.competition.name]), tables[part.competition.name]) for part in parts
    ]
    folder = RunFolder(kernel.scratch / "submission")
    folder.root.mkdir()
    return stream_test(Job(parts=found, folder=folder, choice=kernel.choice, wanted=Wanted()), report)


def predicted(kernel: Kernel, parts: Sequence[Trained], report: Report) -> Path:
    """The submission of runs whose values are numbers."""
    content, first = kernel.content, parts[0]
    root = kernel.files(first.competition)
    test, sample = rows_to_predict(first.competition, root, kernel.scratch, report)
    broken = unreadable(test, first.learner, report)
    values = [predict_rows(replace(part, skipped=broken), test, report) for part in parts]
    if len(parts) > 1:
        weights = {part.folder.name: given["weight"] for part, given in zip(parts, content["parts"], strict=True)}
        values, first = [weighed(values, weights)], replace(first, choice=kernel.choice)
    made = Predictions(test.index, {"prediction": values[0]}, {})
    competition = replace(first.competition, rules=replace(first.competition.rules, constant=True))
    return submit_file(replace(first, competition=competition), made, sample)


def train(kernel: Kernel) -> None:
    """Train the run anew on the files that lie there, and leave its folder and the checked submission."""
    report, record = Report(), kernel.content["parts"][0]["record"]
    laid_out(kernel.carried, kernel.content["files"], kernel.scratch)
    competition = kernel.weighted(kernel.competition(record))
    options = Options(
        data=kernel.files(competition),
        runs=kernel.working / "runs",
        folds=tuple(kernel.content["folds"]),
        fold_file=kernel.scratch / own if (own := kernel.content["fold_file"]) else None,
        seeds=record["seeds"],
        full=record["full"],
        limit=str(record["limit"] or ""),
        experiment=record["experiment"],
        budget=kernel.content["budget"],
    )
    outcome = run_competition(competition, tracked(options, kernel.content["internet"]), report)
    if outcome.run.folds.fingerprint != record["folds"]["fingerprint"]:
        report.line("folds: other than the run's at home: the files or a library differ, scores may too")
    print(describe_outcome(outcome))
    assert outcome.submission is not None
    leave(outcome.submission, kernel.working / competition.submission)


def leave(path: Path, target: Path) -> None:
    """Put the submission where Kaggle looks for it."""
    with path.open("rb") as source, placed(target) as stream:
        shutil.copyfileobj(source, stream)
    print(f"{target}: {target.stat().st_size:,} bytes, checked")


def tracked(options: Options, internet: bool) -> Options:
    """Options that mirror the run to W&B: online with the key among Kaggle's secrets, offline without."""
    mode = {"wandb": "online" if internet and key_given() else "offline"}
    known = any(field.name in mode for field in fields(options))
    return replace(options, **mode) if known else options  # type: ignore[arg-type]


def key_given() -> bool:
    """Whether a W&B key is there, asked of Kaggle's secrets where the environment has none."""
    if os.environ.get(SECRET):
        return True
    if importlib.util.find_spec("kaggle_secrets") is None:
        return False
    secrets = importlib.import_module("kaggle_secrets")  # lies in Kaggle's image only
    own = [each for each in vars(secrets).values() if isinstance(each, type) and issubclass(each, Exception)]
    faults: tuple[type[Exception], ...] = (OSError, ValueError, *own)
    try:
        os.environ[SECRET] = secrets.UserSecretsClient().get_secret(SECRET)
    except faults as error:
        print(f"W&B goes offline: no secret {SECRET} ({type(error).__name__}); attach it under Add-ons, Secrets")
        return False
    return True
