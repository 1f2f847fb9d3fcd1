"""The straight corridor: load, folds, audit, fit per fold, score, predict, encode, check, record."""

from __future__ import annotations

import math
import shlex
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from folds.choose import choose_rows
from folds.plan import plan_of
from folds.store import Folds
from pipelines.broken import check_files
from pipelines.contract import Competition
from pipelines.fitting import fit_folds, fit_full, follow, summary
from pipelines.foldfile import check_numbers, fold_path, given_folds, settle_folds
from pipelines.identity import git_commit, identify, threads, versions
from pipelines.leaks import audit_folds, heed
from pipelines.limit import limit_rows
from pipelines.loading import Tables, load_tables
from pipelines.oof import Scores, score_run
from pipelines.options import Options
from pipelines.outcome import Outcome
from pipelines.predicting import Part, Trained, predict_test, submit_file
from pipelines.report import Report
from pipelines.run import Run, settled
from pipelines.runfolder import RunFolder, read_json, run_name, write_json
from pipelines.stops import UsageError
from pipelines.streaming import Job, Wanted, stream_test
from pipelines.tracking.mode import settle_mode
from pipelines.tracking.tracker import mirrored
from pipelines.tracking.worst import write_worst
from pipelines.training.crew import agreed, gathered, standing, started
from pipelines.twins import recall_twins
from submissions.ledger import LEDGER, Ledger
from submissions.ledger_rows import RunRow


def run_competition(competition: Competition, options: Options, report: Report, predict: bool = True) -> Outcome:
    """From raw files to a checked submission; what is finished is never done again."""
    if started() and not hasattr(competition.learner, "device"):
        raise UsageError(f"torchrun: expected a learner that trains networks, got {type(competition.learner).__name__}")
    competition = settled(competition, options.runs)
    if hasattr(competition.learner, "check"):
        competition.learner.check()
    with gathered():
        if standing()[0]:
            follow_along(competition, options)
        return walk(competition, options, report, predict)


def follow_along(competition: Competition, options: Options) -> NoReturn:
    """What torchrun's other processes do: wait until rank 0 has made the folds, help it fit, end without a word."""
    agreed(None)
    options, report = replace(options, fresh=False, remake=False), Report(quiet=True)
    tables = load_tables(competition, options, report)
    follow(open_run(competition, options, tables, choose_folds(competition, options, tables, report), report))
    raise SystemExit(0)


def walk(competition: Competition, options: Options, report: Report, predict: bool) -> Outcome:
    """The corridor itself."""
    segment, said = settle_mode(options.wandb)
    if said:
        report.line(said)
    tables = load_tables(competition, options, report)
    folds = choose_folds(competition, options, tables, report)
    run = open_run(competition, options, tables, folds, report)
    agreed(None)
    with run.folder.lock(), ExitStack() as held:
        if options.fresh:
            run.folder.empty()
        report.log = run.folder.text_log
        report.line(f"run {run.folder.root}")
        start = time.monotonic()
        record(run, "running", **last_scores(run))
        check_files(run, predict)
        held.enter_context(mirrored(run.folder, segment, options.wandb_runs, options.wandb_models, report))
        if options.audit:
            look_for_leaks(run)
        fit_folds(run)
        if options.full != "no":
            fit_full(run)
        agreed(None)
        scores = score_run(run)
        submission = submit(run, scores) if predict else None
        state = "done" if run.complete else "stopped"
        record(run, state, scores=scores.summary(), submission=submission and submission.name, seconds=_since(start))
        enter(run, scores)
        if segment != "off":
            write_worst(run, scores.model.choice)
    return Outcome(run, scores, submission)


def look_for_leaks(run: Run) -> None:
    """Say what the audit finds, and what is known of near-duplicate images; --strict stops on something serious."""
    competition, options = run.competition, run.options
    folder = folds_folder(competition, options)
    found = audit_folds(competition, run.tables, run.folds, folder)
    given = ["--data", str(options.data)] if options.data is not None else ["--toy"] * options.toy
    given += ["--runs", str(options.runs)] if options.runs != Options().runs else []
    given += ["--skip-broken", str(options.skip_broken)] if options.skip_broken is not None else []
    way = f"`{shlex.join(['podium', 'folds', competition.name, *given, '--audit'])}`"
    known = recall_twins(competition, run.tables.readable, run.folds, folder, way)
    heed(found.joined(known), run.report, options.strict)


def enter(run: Run, scores: Scores) -> None:
    """Put the run into the ledger."""
    metric, model = run.competition.metric, scores.model
    Ledger(run.options.runs_root / LEDGER).record_run(
        RunRow(
            competition=run.competition.name,
            run=run.folder.name,
            metric=metric.name,
            higher_is_better=metric.higher_is_better,
            score=_defined(model.value),
            score_se=_defined(model.se),
            baseline=_defined(scores.baseline),
            seed_sd=scores.seed_spread,
            fold_scores=tuple(_defined(score) for score in model.fold_scores),
            folds=run.folds.fingerprint,
            commit=git_commit(),
            note=run.options.name,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            toy=run.options.toy,
            limit=run.limit,
        )
    )


def _defined(score: float) -> float | None:
    return None if math.isnan(score) else score


def submit(run: Run, scores: Scores) -> Path:
    """Predict the test rows and write the checked submission."""
    trained = Trained(
        competition=run.competition,
        folder=run.folder,
        sources=run.sources,
        seeds=run.options.seeds,
        choice=scores.model.choice,
        marks=run.marks,
        skipped=tuple(run.tables.skipped.test),
    )
    if run.competition.shape is not None:
        wanted = Wanted(keep_maps=run.options.keep_maps)
        job = Job(parts=[Part(trained, run.tables)], folder=run.folder, choice=trained.choice, wanted=wanted)
        return stream_test(job, run.report)
    predicted = predict_test(trained, run.tables.test, run.tables.test_fingerprint, run.report)
    return submit_file(trained, predicted, run.tables.sample)


def folds_folder(competition: Competition, options: Options) -> Path:
    """Where a competition's fold files lie."""
    return options.runs_root / competition.name / "folds"


def choose_folds(competition: Competition, options: Options, tables: Tables, report: Report) -> Folds:
    """The folds this command uses: given, stored or made, restricted to the rows that --limit keeps."""
    if options.fold_file is not None:
        folds = given_folds(tables.train, options.fold_file)
    else:
        path = fold_path(folds_folder(competition, options), competition.plan)
        folds = settle_folds(tables.train, competition.plan, path, report, options.remake)
    check_numbers(options.folds, len(folds))
    table = tables.train
    if len(tables.skipped.train):
        table = table.drop(index=tables.skipped.train)
        folds = folds.restrict(table.index)
    if not options.limit:
        return folds
    rows = limit_rows(competition, options, tables, folds, report)
    plan = plan_of(folds.recipe)
    return folds.restrict(choose_rows(table, folds, plan, rows, seed=plan.seed))


def open_run(competition: Competition, options: Options, tables: Tables, folds: Folds, report: Report) -> Run:
    """The run that this command means, new or begun before."""
    identity = identify(competition, options, tables, folds)
    label = options.name or options.experiment or getattr(competition.learner, "model", "run")
    folder = RunFolder(options.runs_root / competition.name / run_name(str(label), identity.fingerprint))
    return Run(
        competition=competition,
        options=options,
        tables=tables,
        folds=folds,
        folder=folder,
        identity=identity,
        report=report,
        clock=options.clock(time.monotonic() - report.started),
    )


def record(run: Run, state: str, **more: Any) -> None:
    """Write run.json as things stand."""
    competition, options = run.competition, run.options
    content = {
        "competition": competition.name,
        "run": run.folder.name,
        "state": state,
        "fingerprint": run.identity.fingerprint,
        "settings": run.identity.settings,
        "seeds": options.seeds,
        "full": options.full,
        "limit": run.limit,
        "experiment": options.experiment,
        "toy": options.toy,
        "data": str(run.tables.root),
        "folds": {
            "fingerprint": run.folds.fingerprint,
            "recipe": run.folds.recipe,
            "count": len(run.folds),
            "finished": run.finished(),
        },
        "train": {"fingerprint": run.tables.train_fingerprint, "rows": len(run.rows)},
        "test": {"fingerprint": run.tables.test_fingerprint, "rows": len(run.tables.test)},
        "skipped": {"train": list(run.tables.skipped.train), "test": list(run.tables.skipped.test)},
        "metric": competition.metric.name,
        "higher_is_better": competition.metric.higher_is_better,
        "versions": versions(),
        "threads": threads(),
        "commit": git_commit(),
        "fits": summary(run),
        "sources": run.sources,
        **more,
    }
    write_json(run.folder.record, content)


def last_scores(run: Run) -> dict[str, Any]:
    """What run.json says of the same models' worth: a command that is killed before it scores them loses nothing."""
    with suppress(FileNotFoundError, ValueError):  # a damaged one is written anew, like any that is not there
        known = read_json(run.folder.record)
        if known.get("sources") == list(run.sources):
            return {name: known[name] for name in ("scores", "submission", "seconds") if name in known}
    return {}


def _since(start: float) -> float:
    return round(time.monotonic() - start, 1)
