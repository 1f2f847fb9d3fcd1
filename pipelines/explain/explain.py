"""Draw what a run learned: the stage behind `podium explain`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import pandas as pd

from pipelines.contract import Model, Table
from pipelines.explain.beside import Beside, check_beside, open_beside
from pipelines.explain.chart import Chart
from pipelines.explain.curves import curves_chart
from pipelines.explain.evidence import Evidence, baseline_of, check_fold, gather
from pipelines.explain.page import Page
from pipelines.explain.rows import Choices, choose, draw, draws_rows, worst_first
from pipelines.explain.scores import scores_chart
from pipelines.explain.strips import strips_figure
from pipelines.figures import check_plots
from pipelines.loading import Tables
from pipelines.pictures import Pictures, drawing
from pipelines.predicting import Trained
from pipelines.report import Report
from pipelines.run import begun_models
from pipelines.runfolder import RunFolder, read_json
from submissions.place import replacing

LISTED, FILED = 30, 1000  # worst rows on the page and in the file
FILES = "Each picture is the row's file, made smaller."


@dataclass(frozen=True)
class Wanted:
    """What of a run is drawn."""

    fold: int | None = None  # only this one
    count: int = 12  # worst rows; a quarter as many of the middle and of the best
    rows: tuple[str, ...] = ()  # ids of rows to draw beside these
    beside: Trained | None = None  # another run, whose pictures of the same rows stand beside this one's


def explain_run(trained: Trained, tables: Callable[[], Tables], wanted: Wanted, report: Report) -> Path:
    """Draw a run and write the page that shows it; tables are loaded once the run is known to have predictions."""
    check_plots()
    folder = trained.folder
    check_fold(folder, wanted.fold)
    if wanted.beside is not None:
        check_beside(folder, wanted.beside.folder)
    record = read_json(folder.record)
    train = checked_train(tables(), folder, record["train"]["fingerprint"])
    everything = gather(folder, record, trained.competition, train)
    evidence = everything if wanted.fold is None else everything.of_fold(wanted.fold)
    chosen = choose(evidence, wanted.count, wanted.rows)
    report.line(f"explain: {len(evidence.ids):,} predictions of {_folds(evidence.folds)}")
    with drawing(folder) as place:
        page = Page(place, f"{trained.competition.name}: {folder.name}")
        add_scores(page, folder, everything)
        if wanted.fold is not None:
            page.paragraph(f"From here on: fold {wanted.fold} only.", note=True)
        add_charts(page, folder, evidence, wanted.fold)
        if draws_rows(trained.competition.learner, train):
            beside = beside_of(trained, wanted, evidence, report)
            add_rows(page, evidence, chosen, partial(model_of, trained, report), beside)
        add_errors(page, place, evidence)
        page.write()
    return Pictures(folder.pictures).page


def checked_train(tables: Tables, folder: RunFolder, fingerprint: str) -> Table:
    """The training rows, as they were when the run was made."""
    if tables.train_fingerprint != fingerprint:
        raise ValueError(
            f"{folder.root}: expected the training rows that the run was made on (fingerprint {fingerprint[:12]}), got "
            f"others in {tables.root} ({tables.train_fingerprint[:12]}); give their folder as --data, or train again"
        )
    return tables.train


def add_scores(page: Page, folder: RunFolder, evidence: Evidence) -> None:
    """The score, and each fold's."""
    metric = evidence.competition.metric
    judged, blank = evidence.judged(), baseline_of(folder, evidence)
    baseline = None if blank is None else blank.judged()
    against = "" if baseline is None else f", the baseline {baseline.score.value:.5f}"
    score = judged.score
    page.paragraph(
        f"{metric.name} {score.value:.5f} ± {score.se:.5f} on {score.rows:,} rows of {_folds(judged.folds)}{against}."
    )
    if evidence.note:
        page.paragraph(evidence.note, note=True)
    page.chart(scores_chart(metric, judged, baseline))


def add_charts(page: Page, folder: RunFolder, evidence: Evidence, fold: int | None) -> None:
    """The learning curves, and predictions against truth."""
    lines = [line for line in folder.logged() if fold is None or line.get("fold") == str(fold)]
    curves = curves_chart(lines)
    for chart in [*([curves] if curves else []), *evidence.kind.charts()]:
        page.chart(chart)


def beside_of(trained: Trained, wanted: Wanted, evidence: Evidence, report: Report) -> Beside | None:
    """The other run that is asked for, on the same rows."""
    other = wanted.beside
    if other is None:
        return None
    theirs = replace(evidence, competition=other.competition)
    return open_beside(trained.folder, other.folder, theirs, cache(partial(model_of, other, report)))


def add_rows(
    page: Page, evidence: Evidence, chosen: Choices, model: Callable[[int], Model], beside: Beside | None = None
) -> None:
    """The worst rows, some of the middle, the best, and those asked for; beside them another run's."""
    model, unit = cache(model), evidence.kind.unit
    shown = getattr(evidence.competition.learner, "shown", FILES)
    groups = {
        "asked": ("The rows asked for", "The rows that --rows names.", chosen.named),
        "worst": ("The worst errors", f"The rows with the worst {unit}, the worst first.", chosen.worst),
        "middle": ("In the middle", f"Rows around the median {unit}.", chosen.middle),
        "best": ("The best", f"The rows with the best {unit}, the best first.", chosen.best),
    }
    for name, (title, caption, places) in groups.items():
        if len(places):
            drawn = draw(evidence, places, model)
            figure = strips_figure(drawn if beside is None else beside.join(evidence, places, drawn))
            page.chart(Chart(name, title, f"{caption} {shown}", figure))
            shown = ""  # once is enough


def add_errors(page: Page, place: Pictures, evidence: Evidence) -> None:
    """The rows that were predicted worst, as a file and on the page."""
    order = worst_first(evidence)[:FILED]
    listed = pd.DataFrame(
        {
            str(evidence.train.index.name): evidence.ids[order].astype(str),
            "fold": evidence.entries.fold[order],
            **evidence.kind.cells(order),
        }
    )
    with replacing(place.errors) as draft:
        listed.to_csv(draft, index=False, lineterminator="\n")
    caption = f"By {evidence.kind.unit}, the worst first; the {len(listed):,} worst are in"
    page.table(list(listed.columns), listed.head(LISTED).to_numpy(object).tolist(), place.errors, caption)


def model_of(trained: Trained, report: Report, fold: int) -> Model:
    """The model of a fold's first seed, or what an unfinished fit has so far."""
    out, learner = trained.folder.fit(fold, 0, report), trained.competition.learner
    begun = [] if out.whole else begun_models(learner, [out])
    return begun[0]() if begun else learner.load(out)


def _folds(folds: Sequence[int]) -> str:
    return f"fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))}"
