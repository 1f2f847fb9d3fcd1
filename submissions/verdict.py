"""What a check says: problems that refuse a submission, and what is only worth knowing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

SHOWN = 20  # problems listed in full; a file that is wrong throughout fills no more than a screen
FIRST = 5  # offending ids named per problem


@dataclass(frozen=True)
class Problem:
    """One reason to refuse: its kind, for programs, and a sentence with expected, got and what to do."""

    kind: str
    message: str

    def __str__(self) -> str:
        return self.message


class SubmissionError(ValueError):
    """A submission, or a sample_submission, that must not be used; carries every problem found."""

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.name = name
        self.problems = tuple(problems)
        listed = [f"  - {problem}" for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            listed.append(f"  - and {len(self.problems) - SHOWN} more")
        super().__init__("\n".join([f"{name} is refused:", *listed]))

    def __reduce__(self) -> tuple[type[SubmissionError], tuple[str, tuple[Problem, ...]]]:
        return type(self), (self.name, self.problems)

    @property
    def kinds(self) -> set[str]:
        """The kinds of its problems."""
        return {problem.kind for problem in self.problems}


@dataclass(frozen=True)
class Verdict:
    """A submission that may be sent, and what is worth knowing about it."""

    name: str
    rows: int
    digest: str = ""  # SHA-256 of the file; "" before it is written
    warnings: tuple[str, ...] = ()  # probably a mistake
    notes: tuple[str, ...] = ()  # nothing wrong with it

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.rows} rows, ready to submit"]
        lines += [f"  warning: {warning}" for warning in self.warnings]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def first(items: Iterable[object]) -> str:
    """The first few of many, as a list for a message."""
    head = [str(item) for item in islice(items, FIRST + 1)]
    return ", ".join(head[:FIRST]) + (", ..." if len(head) > FIRST else "")


def refuse(name: str, kind: str, message: str) -> SubmissionError:
    """The error of a single problem."""
    return SubmissionError(name, [Problem(kind, message)])
