"""Inside a kernel: where the competition's files lie, made workable, and the test rows alone where that is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.contract import Competition, Table
from pipelines.kaggle.unpack import is_there, prepare
from pipelines.loading import SAMPLE, load_tables
from pipelines.options import Options
from pipelines.reading import ENDINGS, find_file, listing
from pipelines.report import Report
from pipelines.tables import check_rows, check_sample
from submissions.sample import Sample, read_sample


def find_input(inputs: Path, slug: str) -> Path:
    """The folder of a competition's files, in either layout that Kaggle has used, else where sample_submission lies."""
    for place in (inputs / "competitions" / slug, inputs / slug):
        if place.is_dir():
            return place
    found = sorted((path for path in inputs.rglob(f"{SAMPLE}*") if path.is_file()), key=lambda path: len(path.parts))
    if not found:
        raise FileNotFoundError(
            f"expected the files of {slug} under {inputs}, got {listing(inputs)}: add the competition to the kernel"
        )
    return found[0].parent


def workable(root: Path, files: Sequence[str], scratch: Path) -> Path:
    """The files themselves, or, where some are archives, a folder of links to them in which these can be unpacked."""
    if all(is_there(root, name) for name in files):
        return root
    folder = scratch / "files" / root.name
    folder.mkdir(parents=True)
    for path in root.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


def laid_out(carried: Path, files: Mapping[str, str], scratch: Path) -> Path:
    """What the kernel carries under the names that it had, as links."""
    for place, name in files.items():
        link = scratch / place
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to((carried / name).absolute())
    return scratch


def rows_to_predict(competition: Competition, root: Path, scratch: Path, report: Report) -> tuple[Table, Sample]:
    """The rows to predict and sample_submission; training files are read only if need be."""
    if competition.load_test is None:
        tables = load_tables(competition, Options(data=root, runs=scratch / "runs"), report)
        return tables.test, tables.sample
    prepare(root, competition.files, report.line, report.steps)
    test = competition.load_test(root)
    check_rows("test", test, competition.id)
    sample = read_sample(find_file(root, SAMPLE, slug=competition.slug, files=competition.files))
    check_sample(test.index, sample.ids)
    report.line(f"{competition.name}: {len(test):,} test rows from {root}")
    return test, sample


def names_there(root: Path, files: Sequence[str]) -> list[Path]:
    """The competition's files and folders as they lie in a folder, packed or not."""
    return [path for name in files for ending in (*ENDINGS, ".7z") if (path := root / (name + ending)).exists()]
