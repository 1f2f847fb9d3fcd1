"""Several runs whose values are maps as one: averaged as a stream, and judged on their validation rows again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipelines.blending import Blended, entries_of, fingerprint_of, record, shared_oof
from pipelines.contract import Ids
from pipelines.maps import predicted_maps
from pipelines.predicting import Part
from pipelines.predictions import Predictions, read_predictions, write_predictions
from pipelines.report import Report
from pipelines.runfolder import RunFolder, run_name
from pipelines.scoring import row_groups, score_oof
from pipelines.streaming import Job, Wanted, merged, paced, stream_test


def blend_maps(parts: Sequence[Part], wanted: Wanted, label: str, report: Report) -> Blended:
    """Average the maps of finished runs that share their folds; OOF is predicted again, as runs keep no maps of it."""
    runs, tables = [part.trained for part in parts], parts[0].tables
    competition, names = runs[0].competition, [run.folder.name for run in runs]
    stored = shared_oof(parts)
    entries = entries_of(stored[0], tables)
    groups = row_groups(stored[0].arrays, entries)
    fingerprint = fingerprint_of(runs, "mean")
    folder = RunFolder(runs[0].folder.root.parent / run_name(label, fingerprint))
    with folder.lock():
        kept = _kept(parts, stored[0], folder, report)
        score = score_oof(competition.metric, kept, entries, groups)
        path = stream_test(Job(parts=parts, folder=folder, choice=score.choice, wanted=wanted), report)
        singles = {
            name: score_oof(competition.metric, each.arrays["kept"], entries, groups).value
            for name, each in zip(names, stored, strict=True)
        }
        weights = dict.fromkeys(names, 1 / len(names))
        made = Blended(competition, folder, weights, score, None, singles, path)
        record(made, runs, "mean", fingerprint)
    return made


def _kept(parts: Sequence[Part], first: Predictions, folder: RunFolder, report: Report) -> np.ndarray:
    """What the metric keeps of the averaged maps of each entry; what the same models gave before is read back."""
    runs = [part.trained for part in parts]
    sources = ";".join(",".join(run.sources) for run in runs)
    marks = {"run": fingerprint_of(runs, "mean"), "folds": runs[0].marks["folds"], "models": sources}
    places = {name: array for name, array in first.arrays.items() if name in ("fold", "repeat", "group")}
    if folder.oof.exists() and not any(run.provisional for run in runs):
        known = read_predictions(folder.oof)
        if dict(known.marks) == marks and known.ids.equals(first.ids):
            report.line("oof: predicted before")
            return known.arrays["kept"]
    kept = _predicted(parts, first, report)
    write_predictions(folder.oof, Predictions(first.ids, {**places, "kept": kept}, marks))
    return kept


def _predicted(parts: Sequence[Part], stored: Predictions, report: Report) -> np.ndarray:
    fold = stored.arrays["fold"][:, 0]
    kept: dict[int, np.ndarray] = {}
    report.line(f"oof: predicting {len(fold):,} rows with each run's own folds")
    for number in np.unique(fold):
        places = np.flatnonzero(fold == number)
        kept |= zip(places.tolist(), _fold_kept(parts, int(number), stored.ids[places], report), strict=True)
    return np.stack([kept[place] for place in range(len(fold))])


def _fold_kept(parts: Sequence[Part], fold: int, ids: Ids, report: Report) -> Iterator[np.ndarray]:
    competition, source = parts[0].trained.competition, f"fold{fold}"
    streams = [
        predicted_maps(part.trained, part.trained.models_of(source, report), part.tables.train.loc[ids], report)
        for part in parts
    ]
    cells = parts[0].tables.train.loc[ids, list(competition.targets)]
    for number, maps in enumerate(paced(zip(*streams, strict=True), len(ids), report)):
        truth = competition.truth(cells.iloc[number : number + 1])
        levels = merged(maps, (truth.shape[1], truth.shape[2]))
        yield competition.metric.keep(truth, levels[None])[0]
