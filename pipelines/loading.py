"""One competition's tables, loaded, judged and fingerprinted; the first stage of the corridor."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from features.codes import is_text
from folds.plan import COLUMN_FIELDS
from pipelines.contents import Contents
from pipelines.contract import Competition, Table
from pipelines.fingerprint import table_fingerprint
from pipelines.kaggle.unpack import prepare
from pipelines.options import Options
from pipelines.reading import find_file
from pipelines.report import Report
from pipelines.skipping import Skipped, no_rows, read_skipped
from pipelines.tables import align_types, check_sample, check_tables
from submissions.cells import NUMBER
from submissions.place import locked
from submissions.sample import Sample, read_sample

SAMPLE = "sample_submission.csv"  # Kaggle's name for it in every competition here


@dataclass(frozen=True)
class Tables:
    """The tables of one competition as its files are now."""

    root: Path
    train: Table
    test: Table
    sample: Sample
    extra: Table | None
    contents: Contents
    skipped: Skipped = field(default_factory=no_rows)

    @property
    def readable(self) -> Tables:
        """The same without the rows that --skip-broken leaves out."""
        train, test = self.train.drop(index=self.skipped.train), self.test.drop(index=self.skipped.test)
        return replace(self, train=train, test=test, skipped=no_rows())

    @cached_property
    def train_fingerprint(self) -> str:
        """Of the training rows and their targets, outside rows included."""
        own = table_fingerprint(self.train, self.contents)
        return own if self.extra is None else f"{own}+{table_fingerprint(self.extra, self.contents)}"

    @cached_property
    def test_fingerprint(self) -> str:
        """Of the test rows."""
        return table_fingerprint(self.test, self.contents)


def data_root(competition: Competition, options: Options) -> Path:
    """The folder that holds this competition's files."""
    if options.data is not None:
        return options.data
    return options.runs_root / "data" / competition.slug if options.toy else Path("data") / competition.slug


def find_sample(competition: Competition, root: Path, report: Report) -> Path:
    """A competition's sample_submission, unpacked first where it lies in an archive."""
    prepare(root, [SAMPLE], report.line, report.steps)
    return find_file(root, SAMPLE, slug=competition.slug, files=competition.files)


def load_tables(competition: Competition, options: Options, report: Report) -> Tables:
    """Load and judge a competition's files; toy ones are written first where they are missing."""
    root = data_root(competition, options)
    if options.toy and options.data is None:
        write_toy(competition, root, report)
    prepare(root, competition.files, report.line, report.steps)
    for name in competition.files:
        find_file(root, name, slug=competition.slug, files=competition.files)
    train, test = competition.load(root)
    # What folds are made by may be known of training rows only.
    planned = [getattr(competition.plan, name) for name in COLUMN_FIELDS]
    check_tables(train, test, competition.targets, competition.id, train_only=[name for name in planned if name])
    train, test = align_types(train, test)
    sample = read_sample(find_file(root, SAMPLE, slug=competition.slug, files=competition.files))
    check_sample(test.index, sample.ids)
    check_cells(competition, train, sample)
    extra = None if competition.extra is None else _extra_rows(competition, root, train)
    contents = Contents(options.runs_root / competition.name / "contents.sqlite")
    report.line(f"{competition.name}: {len(train):,} training rows, {len(test):,} test rows from {root}")
    skipped = no_rows() if options.skip_broken is None else read_skipped(options.skip_broken, root, train, test)
    return Tables(root, train, test, sample, extra, contents, skipped)


def check_cells(competition: Competition, train: Table, sample: Sample) -> None:
    """Refuse a sample_submission whose columns are not those that the competition's values are written to."""
    metric = competition.metric
    cells = train[list(competition.targets)]
    first = competition.truth(cells.iloc[[telling_row(cells)]])
    choice = metric.choose(metric.keep(first, first)[:0])  # of no rows: the neutral one
    expected = [competition.id, *competition.encode(first, choice)]
    if list(sample.columns) != expected:
        raise ValueError(
            f"{sample.name}: expected the columns {', '.join(expected)}, got {', '.join(sample.columns)}; "
            f"is it the sample_submission of {competition.slug}?"
        )


def telling_row(cells: Table) -> int:
    """The first row that holds a text which is no number, as that made its whole column text; else the first."""
    for name in cells:
        if is_text(cells[name].dtype):
            return next((row for row, cell in enumerate(cells[name]) if not NUMBER.fullmatch(str(cell).strip())), 0)
    return 0


def write_toy(competition: Competition, root: Path, report: Report) -> None:
    """Write the toy files once, whole or not at all; of commands that start together one writes, the others wait."""
    if root.exists():
        return
    root.parent.mkdir(parents=True, exist_ok=True)
    with locked(root.parent / f".{root.name}.lock"):
        if root.exists():
            return
        draft = root.with_name(f".{root.name}.part")
        if draft.exists():
            remove_tree(draft)
        draft.mkdir()
        competition.toy(draft)
        draft.rename(root)
    report.line(f"{competition.name}: toy files written to {root}")


def remove_tree(root: Path) -> None:
    """Delete a folder and all in it."""
    import shutil

    shutil.rmtree(root)


def _extra_rows(competition: Competition, root: Path, train: Table) -> Table:
    assert competition.extra is not None
    extra = competition.extra(root)
    shared = extra.index.intersection(train.index)
    if len(shared):
        raise ValueError(
            f"{competition.name}: expected extra rows under ids of their own, got {len(shared)} ids that train has too "
            f"({', '.join(map(str, shared[:3]))}); give them a prefix"
        )
    absent = [column for column in train.columns if column not in extra.columns]
    if absent:
        raise ValueError(f"{competition.name}: expected the columns of train in the extra rows, got no {absent}")
    return extra[list(train.columns)]
