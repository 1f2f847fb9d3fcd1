"""The ids of a submission against those of sample_submission: the same ones, once each, in the same order."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from submissions.sample import Sample
from submissions.verdict import Problem, first

Change = Callable[[pd.Index], pd.Index]

ENDING = r"\.\w+$"
MISTAKES: tuple[tuple[str, Change, Change], ...] = (  # hint, and what makes missing and extra ids the same
    ("leading zeros are lost: read ids as text (dtype=str)", lambda ids: ids.str.lstrip("0"), lambda ids: ids),
    ("there are leading zeros too many: keep ids as they stand", lambda ids: ids, lambda ids: ids.str.lstrip("0")),
    ("ids became decimals: read ids as text (dtype=str)", lambda ids: ids + ".0", lambda ids: ids),
    ("there are spaces around the ids: strip them", lambda ids: ids, lambda ids: ids.str.strip()),
    ("ids differ in upper and lower case", lambda ids: ids.str.lower(), lambda ids: ids.str.lower()),
    ("the file ending is lost", lambda ids: ids.str.replace(ENDING, "", regex=True), lambda ids: ids),
    ("there is a file ending too many", lambda ids: ids, lambda ids: ids.str.replace(ENDING, "", regex=True)),
)


class IdJudge:
    """Takes a submission's ids batch by batch; keeps none of them while they are what they should be."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.agreed = 0  # rows from the first on whose ids are right
        self.rest: list[str] = []  # all ids from the first wrong batch on

    def take(self, ids: list[str]) -> None:
        """The ids of the next rows."""
        if not self.rest and ids == self.sample.texts[self.agreed : self.agreed + len(ids)]:
            self.agreed += len(ids)
        else:
            self.rest.extend(ids)

    def problems(self) -> list[Problem]:
        """What is wrong with the ids as a whole."""
        expected = self.sample.ids
        if not self.rest and self.agreed == len(expected):
            return []
        got = pd.Index([*expected[: self.agreed], *self.rest], dtype=object)
        missing, extra = expected[~expected.isin(got)], got[~got.isin(expected)].unique()
        if len(extra) and len(missing) == len(expected) and not find_mistake(missing, extra):
            return [name_stranger(self.sample, extra)]
        problems = [*count_rows(expected, got), *name_unequal(missing, extra), *name_twice(got)]
        return problems or [name_misplaced(expected, got)]


def find_mistake(missing: pd.Index, extra: pd.Index) -> str:
    """The usual mistake that explains most of the wrong ids, as a hint; "" where none does."""
    for hint, on_missing, on_extra in MISTAKES:
        if len(missing) and on_missing(missing).isin(on_extra(extra)).mean() > 0.5:
            return hint
    return ""


def count_rows(expected: pd.Index, got: pd.Index) -> list[Problem]:
    """Another number of rows."""
    if len(got) == len(expected):
        return []
    return [Problem("rows", f"expected {len(expected):,} rows, got {len(got):,}; predict each row once")]


def name_unequal(missing: pd.Index, extra: pd.Index) -> list[Problem]:
    """Ids that are not there, and ids that should not be."""
    hint = find_mistake(missing, extra)
    problems = []
    if len(missing):
        message = f"expected every id of sample_submission, got none of {len(missing):,} ({first(missing)})"
        problems.append(Problem("missing ids", f"{message}; {hint or 'predict those rows too'}"))
    if len(extra):
        message = f"expected no other ids than sample_submission's, got {len(extra):,} more ({first(extra)})"
        problems.append(Problem("extra ids", f"{message}; {hint or 'drop those rows'}"))
    return problems


def name_twice(got: pd.Index) -> list[Problem]:
    """Ids that came more than once."""
    twice = got[got.duplicated()].unique()
    if not len(twice):
        return []
    message = f"expected every id once, got {len(twice):,} of them again ({first(twice)})"
    return [Problem("duplicate ids", f"{message}; average or drop the repeats")]


def name_misplaced(expected: pd.Index, got: pd.Index) -> Problem:
    """The right ids in another order."""
    wrong = expected.to_numpy(dtype=object) != got.to_numpy(dtype=object)
    row = int(wrong.argmax())
    message = f"expected sample_submission's order, got {wrong.sum():,} ids in other places"
    return Problem("order", f"{message} (row {row + 1}: {got[row]}, not {expected[row]}); sort the rows like it")


def name_stranger(sample: Sample, extra: pd.Index) -> Problem:
    """No id in common."""
    message = f"expected ids like {first(sample.ids[:3])}, got {first(extra[:3])} and none of sample_submission's"
    return Problem("competition", f"{message}; this belongs to another competition, or to other test rows")
