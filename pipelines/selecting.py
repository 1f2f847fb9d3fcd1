"""Forward selection of backbones: add the one that lowers the OOF error most, as long as one does."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.contract import Metric, average
from pipelines.figures import check_plots, figure_of, label, save_figure, tidy
from pipelines.predictions import collect
from pipelines.run import Run
from pipelines.runfolder import RunFolder, changing, read_json
from pipelines.scoring import Entries, Score, score_oof
from pipelines.settings import digest, settings

Judge = Callable[[tuple[str, ...]], tuple[float, float]]  # backbones -> score and standard error


@dataclass(frozen=True)
class Step:
    """One more backbone: the best of those that were left."""

    backbones: tuple[str, ...]  # chosen so far, this one last
    score: float
    se: float
    others: Mapping[str, float]  # what each of the others would have scored in its place


@dataclass(frozen=True)
class Selection:
    """The steps in order; where the last one made nothing better, it is not among the chosen."""

    steps: Sequence[Step]
    metric: Metric

    @property
    def best(self) -> Step:
        """The step with the best score."""
        chosen = self.steps[0]
        for step in self.steps[1:]:
            chosen = step if self.metric.better(step.score, chosen.score) else chosen
        return chosen

    def table(self) -> str:
        """The steps for a person."""
        width = max(len(step.backbones[-1]) for step in self.steps)
        lines = [f"{'':>3}  {'added':<{width}}  {self.metric.name:>10}  {'change':>9}  next best"]
        before = None
        for number, step in enumerate(self.steps, start=1):
            change = "" if before is None else f"{step.score - before:+.5f}"
            second = self._second(step)
            mark = "" if number <= len(self.best.backbones) else "   not taken"
            lines.append(
                f"{number:>3}  {step.backbones[-1]:<{width}}  {step.score:>10.5f}  {change:>9}  {second}{mark}"
            )
            before = step.score
        return "\n".join(lines)

    def _second(self, step: Step) -> str:
        if not step.others:
            return "-"
        pick = max if self.metric.higher_is_better else min
        name = pick(step.others, key=lambda each: step.others[each])
        return f"{name} {step.others[name]:.5f}"

    def plot(self, path: Path) -> None:
        """Draw the score by the number of backbones, with its standard error."""
        figure = figure_of(7, 4)
        axes = figure.subplots()
        places = range(1, len(self.steps) + 1)
        for place, step in zip(places, self.steps, strict=True):
            axes.plot([place] * len(step.others), list(step.others.values()), "_", color="0.6", markersize=12)
        axes.errorbar(
            places, [step.score for step in self.steps], [step.se for step in self.steps], fmt="o-", capsize=3
        )
        axes.axvline(len(self.best.backbones), linestyle="--", color="gray", zorder=0)
        axes.set_xticks(
            list(places), [f"+ {label(step.backbones[-1])}" for step in self.steps], rotation=20, ha="right"
        )
        axes.set(xlim=(0.6, len(self.steps) + 0.4), ylabel=f"OOF {self.metric.name}")
        axes.set_title("Backbones added one by one; ticks: others in its place; dashed line: the best", fontsize=10)
        tidy(axes)
        save_figure(figure, path)


def select(candidates: Sequence[str], judge: Judge, metric: Metric, say: Callable[[str], None]) -> Selection:
    """Add backbones one by one, ending with the first that makes nothing better."""
    steps: list[Step] = []
    chosen: tuple[str, ...] = ()
    while len(chosen) < len(candidates):
        found = {name: judge((*chosen, name)) for name in candidates if name not in chosen}
        name = next(iter(found))
        for other in found:
            name = other if metric.better(found[other][0], found[name][0]) else name
        score, se = found.pop(name)
        chosen = (*chosen, name)
        steps.append(Step(chosen, score, se, {other: each for other, (each, _) in found.items()}))
        say(f"step {len(chosen)}: with {name}, {metric.name} is {score:.5f}")
        if len(steps) > 1 and not metric.better(score, steps[-2].score):
            break
    return Selection(steps, metric)


def select_backbones(run: Run) -> tuple[Selection, Path]:
    """The selection among a frozen learner's backbones on a run's folds, and the folder of its curve.

    Scores are kept as they are made: the same command goes on where it was stopped.
    """
    check_plots()
    learner: Any = run.competition.learner
    recorded = {name: value for name, value in settings(learner).items() if name != "backbones"}
    parts = {**run.identity.parts, "learner": recorded, "folds chosen": list(run.chosen)}
    folder = (
        run.options.runs_root
        / run.competition.name
        / "selections"
        / f"{learner.head}-{digest(json.dumps(parts, sort_keys=True))[:8]}"
    )
    path = folder / "scores.json"
    known = read_json(path) if path.exists() else {}

    def judge(backbones: tuple[str, ...]) -> tuple[float, float]:
        key = ",".join(sorted(backbones))
        if key not in known:
            score = oof_score(run, replace(learner, backbones=tuple(sorted(backbones))))
            known[key] = [score.value, score.se]
            with changing(path) as kept:
                kept[key] = known[key]
            run.report.line(f"{key}: {run.competition.metric.name} {score.value:.5f} ± {score.se:.5f}")
        value, se = known[key]
        return value, se

    made = select(learner.backbones, judge, run.competition.metric, run.report.line)
    made.plot(folder / "curve.png")
    return made, folder


def oof_score(run: Run, learner: Any) -> Score:
    """The pooled OOF score of a learner on the chosen folds; its models are not kept."""
    rows = run.rows
    places, folds, values = [], [], []
    for fold in run.chosen:
        train, valid = run.sides(fold)
        with tempfile.TemporaryDirectory() as place:
            out = RunFolder(Path(place)).fit(fold, 0, run.report)
            out.prepare()
            model = learner.fit(train, None, run.targets, out)
            ids, predicted = collect(average([model], learner.inputs(valid)))
            del model  # its files are mapped
        places.append(rows.index.get_indexer(ids))
        folds.append(np.full(len(ids), fold, np.int32))
        values.append(predicted)
    row, fold_of = np.concatenate(places), np.concatenate(folds)
    entries = Entries(row, fold_of, run.folds.repeats[fold_of].astype(np.int32), len(rows))
    kept = run.competition.metric.keep(run.targets.values(rows)[row], np.concatenate(values))
    return score_oof(run.competition.metric, kept, entries, run.folds.align(rows.index).groups)
