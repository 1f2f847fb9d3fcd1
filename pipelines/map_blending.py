"""Several runs whose values are maps as one: averaged as a stream, and judged on their validation rows again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipelines.blending import Blended, entries_of, fingerprint_of, record, shared_oof
from pipelines.contract import Table
from pipelines.loading import Tables
from pipelines.maps import predicted_maps
from pipelines.predicting import Trained
from pipelines.predictions import Predictions, write_predictions
from pipelines.report import Report
from pipelines.runfolder import RunFolder, run_name
from pipelines.scoring import row_groups, score_oof
from pipelines.streaming import Job, Wanted, merged, paced, stream_test
from submissions.blend import same_folds


def blend_maps(parts: Sequence[Trained], tables: Tables, wanted: Wanted, label: str, report: Report) -> Blended:
    """Average the maps of finished runs that share their folds; OOF is predicted again, as runs keep no maps of it."""
    competition, names = parts[0].competition, [part.folder.name for part in parts]
    same_folds({part.folder.name: part.marks["folds"] for part in parts})
    stored = [shared_oof(part, parts[0]) for part in parts]
    entries = entries_of(stored[0], tables)
    groups = row_groups(stored[0].arrays, entries)
    fingerprint = fingerprint_of(parts, "mean")
    folder = RunFolder(parts[0].folder.root.parent / run_name(label, fingerprint))
    with folder.lock():
        kept = _kept(parts, stored[0], tables, report)
        score = score_oof(competition.metric, kept, entries, groups)
        places = {name: array for name, array in stored[0].arrays.items() if name in ("fold", "repeat", "group")}
        marks = {"run": fingerprint, "folds": parts[0].marks["folds"]}
        write_predictions(folder.oof, Predictions(stored[0].ids, {**places, "kept": kept}, marks))
        job = Job(parts=parts, folder=folder, choice=score.choice, tables=tables, wanted=wanted)
        path = stream_test(job, report)
        singles = {
            name: score_oof(competition.metric, each.arrays["kept"], entries, groups).value
            for name, each in zip(names, stored, strict=True)
        }
        weights = dict.fromkeys(names, 1 / len(names))
        made = Blended(competition, folder, weights, score, None, singles, path)
        record(made, parts, "mean", fingerprint)
    return made


def _kept(parts: Sequence[Trained], stored: Predictions, tables: Tables, report: Report) -> np.ndarray:
    """What the metric keeps of the averaged maps of each entry, in the entries' order."""
    fold = stored.arrays["fold"][:, 0]
    kept: dict[int, np.ndarray] = {}
    report.line(f"oof: predicting {len(fold):,} rows with each run's own folds")
    for number in np.unique(fold):
        places = np.flatnonzero(fold == number)
        rows = tables.train.loc[stored.ids[places]]
        kept |= zip(places.tolist(), _fold_kept(parts, f"fold{number}", rows, report), strict=True)
    return np.stack([kept[place] for place in range(len(fold))])


def _fold_kept(parts: Sequence[Trained], source: str, rows: Table, report: Report) -> Iterator[np.ndarray]:
    competition = parts[0].competition
    streams = [predicted_maps(part, part.models_of(source, report), rows, report) for part in parts]
    for number, maps in enumerate(paced(zip(*streams, strict=True), len(rows), report)):
        truth = competition.truth(rows[list(competition.targets)].iloc[number : number + 1])
        levels = merged(maps, (truth.shape[1], truth.shape[2]))
        yield competition.metric.keep(truth, levels[None])[0]
