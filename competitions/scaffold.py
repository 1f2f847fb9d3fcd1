"""`podium new NAME`: a competition that works from the first minute, to be changed into the real one."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

from competitions.registry import HOME, package_names
from competitions.verbs import named
from pipelines.stops import UsageError

SPEC = '''"""{name}: what sets it apart."""

from competitions.{name}.load import SLUG, load
from competitions.{name}.toy import toy
from folds.plan import FoldPlan
from pipelines.contract import Competition
from pipelines.learners.table import TableLearner
from pipelines.learners.tasks import Binary
from pipelines.metrics import auc

task = Binary()  # or Regression(), Multiclass(("red", "green")), ...: pipelines/learners/tasks.py

competition = Competition(
    name="{name}",
    slug=SLUG,
    id="id",
    targets=("target",),
    load=load,
    truth=task.truth,
    plan=FoldPlan(kind="stratified", n=5, stratify="target"),  # other kinds: folds/plan.py
    metric=auc,  # others: pipelines/metrics/__init__.py
    learner=TableLearner(task=task),  # photos: as in competitions/invasive_species, masks: carvana_masks
    encode=task.encode_probability("target"),  # the columns of sample_submission
    toy=toy,
)
'''

LOAD = '''"""Read {name}'s raw files."""

from pathlib import Path

from pipelines.contract import Table
from pipelines.reading import find_file, read_table

SLUG = "{slug}"  # the last part of the competition's address at Kaggle


def load(root: Path) -> tuple[Table, Table]:
    """The train and test tables, indexed by id; columns are facts of the row itself."""
    train = read_table(find_file(root, "train.csv", slug=SLUG), "id", exact=("target",))
    test = read_table(find_file(root, "test.csv", slug=SLUG), "id")
    return train, test
'''

TOY = '''"""Small synthetic stand-ins for {name}'s raw files: Kaggle's names, layout and formats."""

from pathlib import Path

import numpy as np
import pandas as pd


def toy(root: Path) -> None:
    """Write train.csv, test.csv and sample_submission.csv with a signal that can be learned."""
    draws = np.random.default_rng(0)
    rows = pd.DataFrame({{f"feature_{{number}}": draws.normal(size=600).round(4) for number in range(4)}})
    chance = 1 / (1 + np.exp(-2 * rows["feature_0"] - rows["feature_1"] * rows["feature_2"]))
    rows.insert(0, "id", np.arange(600))
    rows["target"] = (draws.random(600) < chance).astype(int)
    rows.iloc[:400].to_csv(root / "train.csv", index=False)
    rows.iloc[400:].drop(columns="target").to_csv(root / "test.csv", index=False)
    rows.iloc[400:][["id"]].assign(target=0.5).to_csv(root / "sample_submission.csv", index=False)
'''


def new(arguments: Sequence[str]) -> int:
    """Write competitions/NAME/."""
    name, rest = named(arguments, "new")
    if rest:
        raise UsageError(f"podium new NAME: expected one name, got {' '.join(rest)} too")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageError(f"podium new: expected a name of a-z, 0-9 and _ that starts with a letter, got {name!r}")
    if keyword.iskeyword(name) or (HOME / f"{name}.py").exists():  # the folder could not be imported, or hide a module
        raise UsageError(f"podium new: expected a name that no module or word of Python has, got {name}")
    folder = HOME / name
    try:
        folder.mkdir()
    except FileExistsError:
        taken = ", ".join(package_names())
        raise UsageError(f"podium new: expected a name that is free, got {name}; taken: {taken}") from None
    texts = {"__init__.py": "", "load.py": LOAD, "toy.py": TOY, "spec.py": SPEC}  # the last one registers it
    for file, text in texts.items():
        (folder / file).write_text(text.format(name=name, slug=name.replace("_", "-")), encoding="utf-8")
    print(f"{folder} written: spec.py says what the competition is, load.py reads its files, toy.py writes stand-ins")
    print(f"next: podium check-competition {name}, then change them into the real ones")
    return 0
