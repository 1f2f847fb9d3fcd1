"""What a kernel calls once its code is on the path: predict with the run's models, or train the run there."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from competitions.registry import find_competition, starting_learner
from pipelines.contract import Competition, Learner
from pipelines.corridor import run_competition
from pipelines.kernels.inputs import find_input, laid_out, rows_to_predict, workable
from pipelines.options import Options
from pipelines.outcome import describe_outcome
from pipelines.predicting import predict_test, submit_file
from pipelines.reopen import reopen, restored
from pipelines.report import Report
from pipelines.runfolder import RunFolder, write_json
from submissions.place import placed

SECRET = "WANDB_API_KEY"  # the name that the key has among Kaggle's secrets


@dataclasses.dataclass(frozen=True)
class Kernel:
    """Where a kernel finds and leaves things."""

    content: Mapping[str, Any]  # what the bundle says
    carried: Path  # models or weights
    inputs: Path  # /kaggle/input
    working: Path  # /kaggle/working: what lies there at the end is kept
    scratch: Path

    @property
    def record(self) -> Mapping[str, Any]:
        """What the run recorded."""
        found: Mapping[str, Any] = self.content["record"]
        return found

    def competition(self) -> Competition:
        """The run's competition with the run's learner."""
        competition = find_competition(self.content["competition"])
        options = Options(toy=self.record["toy"], experiment=self.record["experiment"])
        learner = restored(starting_learner(competition, options), self.record["settings"])
        return competition.with_learner(self.placed(learner))

    def placed(self, learner: Learner) -> Learner:
        """The learner with its caches in the scratch folder."""
        folders = {"cache_dir": self.scratch / "images", "feature_dir": self.scratch / "features"}
        names = {field.name for field in dataclasses.fields(learner)}  # type: ignore[arg-type]  # learners are
        mine = {name: folder for name, folder in folders.items() if name in names}
        placed: Learner = dataclasses.replace(learner, **mine)  # type: ignore[type-var]
        return placed

    def weighted(self, competition: Competition) -> Competition:
        """The competition whose learner takes the weights that the kernel carries."""
        if not self.content["weights"]:
            return competition
        weights = str(self.scratch / self.content["weights"])
        return competition.with_learner(dataclasses.replace(competition.learner, weights=weights))  # type: ignore

    def files(self, competition: Competition) -> Path:
        """The competition's files."""
        return workable(find_input(self.inputs, competition.slug), competition.files, self.scratch)


def predict(kernel: Kernel) -> None:
    """Predict whatever test rows lie there with the run's models, and leave the checked submission."""
    report = Report()
    laid_out(kernel.carried, kernel.content["files"], kernel.scratch)
    folder = RunFolder(kernel.scratch / "run")
    write_json(folder.record, kernel.record)
    competition = kernel.competition()
    trained = reopen(folder, competition, competition.learner)
    trained = dataclasses.replace(trained, competition=kernel.weighted(trained.competition))
    test, sample, fingerprint = rows_to_predict(competition, kernel.files(competition), kernel.scratch, report)
    predicted = predict_test(trained, test, fingerprint, report)
    leave(submit_file(trained, predicted, sample), kernel.working / competition.submission)


def train(kernel: Kernel) -> None:
    """Train the run anew on the files that lie there, and leave its folder and the checked submission."""
    report, record = Report(), kernel.record
    laid_out(kernel.carried, kernel.content["files"], kernel.scratch)
    competition = kernel.weighted(kernel.competition())
    options = Options(
        data=kernel.files(competition),
        runs=kernel.working / "runs",
        folds=tuple(kernel.content["folds"]),
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
    known = any(field.name in mode for field in dataclasses.fields(options))
    return dataclasses.replace(options, **mode) if known else options  # type: ignore[arg-type]


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
