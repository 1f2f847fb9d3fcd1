"""Predict where a notebook runs: from a run's folder and the test files alone, whatever number of rows they have.

Nothing of training is read (no train.csv, no folds), nothing comes from the internet, nothing is written but the
submission. Each row is predicted by itself; one whose file cannot be read gets the baseline's value, as an error would
cost the whole submission.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from features.decode import scan
from pipelines.contract import Competition, Learner, Table
from pipelines.faults import shorten
from pipelines.predicting import Trained, predict_rows
from pipelines.reopen import reopen
from pipelines.report import Report
from pipelines.runfolder import RunFolder, read_json
from submissions.sample import Sample
from submissions.write import write_submission


def predict_folder(folder: Path, competition: Competition, root: Path, file: Path, report: Report) -> Path:
    """Predict the test rows whose files lie in root with the run in folder, and write the submission to file."""
    trained = served(RunFolder(folder), competition)
    test = load_rows(competition, root)
    trained = replace(trained, skipped=unreadable(test, trained.learner, report))
    values = predict_rows(trained, test, report)
    cells = competition.encode(values, trained.choice)
    ids = test.index
    sample = Sample("the test rows", (competition.id, *cells), ids, {name: [""] * len(ids) for name in cells})
    file.parent.mkdir(parents=True, exist_ok=True)
    # The photos that show may all look alike to a model; the hidden ones are scored.
    write_submission(file, ids, cells, sample, replace(competition.rules, constant=True))
    report.line(f"{file}: {len(ids):,} rows from {', '.join(trained.sources)}")
    return file


def served(folder: RunFolder, competition: Competition) -> Trained:
    """A run's models, set to read and write nothing beside the run."""
    trained = reopen(folder, competition, declared(competition, read_json(folder.record)))
    learner: Any = trained.competition.learner
    if hasattr(learner, "cache"):
        learner = replace(learner, cache="off")
    if hasattr(learner, "carried"):
        learner = learner.carried(folder.carried)
    return replace(trained, competition=competition.with_learner(learner))


def carry(folder: Path, competition: Competition) -> list[Path]:
    """Make a run's folder hold all that predicting needs: weights of backbones, where its learner has such."""
    run = RunFolder(folder)
    learner: Any = reopen(run, competition, declared(competition, read_json(run.record))).competition.learner
    files: list[Path] = learner.carry(run.carried) if hasattr(learner, "carry") else []
    return files


def declared(competition: Competition, record: dict[str, Any]) -> Learner:
    """The learner whose fields a run's settings changed."""
    named = record["experiment"] or ("toy" if record["toy"] else "")
    return competition.experiments.get(named, competition.learner)


def load_rows(competition: Competition, root: Path) -> Table:
    """The test rows, read without any training file."""
    if competition.load_test is None:
        raise ValueError(
            f"{competition.name}: expected load_test, which reads the test rows alone, got none; declare it in the "
            "competition's spec"
        )
    return competition.load_test(root)


def unreadable(test: Table, learner: Learner, report: Report) -> tuple[str, ...]:
    """The rows whose files cannot be read, each said."""
    columns = [test[name] for name in test.columns if len(test) and isinstance(test[name].iloc[0], Path)]
    reasons = scan([path for column in columns for path in column], getattr(learner, "workers", 2), report.steps)
    for path, reason in reasons.items():
        report.line(f"{path}: cannot be read ({reason}); its row gets the baseline's value")
    ids = {str(id): None for column in columns for id, path in column.items() if path in reasons}
    if ids:
        report.line(f"{len(ids)} of {len(test)} rows get the baseline's value: {shorten([*ids])}")
    return tuple(ids)
