"""The ledger: a local SQLite file that remembers runs, submissions and what the leaderboard said."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from submissions.ledger_rows import BoardRow, LedgerRow, RunRow, SubmissionRow
from submissions.place import placed
from submissions.schema import migrate

LEDGER = "ledger.sqlite"  # the ledger's name in the folder of all runs
WAIT = 30.0  # seconds to wait for another process's write, which takes milliseconds
RUN = tuple(field.name for field in fields(RunRow) if field.name != "fold_scores")
SUBMISSION = tuple(field.name for field in fields(SubmissionRow))


class Ledger:
    """A ledger file; the first thing recorded makes it, looking never does.

    It keeps SQLite's default journal: WAL cannot be read in a read-only folder, does not work on network disks, and
    processes that switch a new file to it at the same moment are told that it is locked, without waiting.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def record_run(self, row: RunRow) -> None:
        """Record a run and its fold scores; recorded again, it is replaced."""
        key = (row.competition, row.run)
        with self._writing() as connection:
            connection.execute("DELETE FROM fold_scores WHERE competition = ? AND run = ?", key)
            connection.execute(f"INSERT OR REPLACE INTO runs {_slots(RUN)}", [getattr(row, name) for name in RUN])
            scores = [(*key, fold, score) for fold, score in enumerate(row.fold_scores)]
            connection.executemany("INSERT INTO fold_scores VALUES (?, ?, ?, ?)", scores)

    def record_submission(self, row: SubmissionRow) -> None:
        """Record a submission, or add to what is known of it: a row with its ref, else its file's without a ref yet.

        Recorded before the upload without a ref and after it with one, a lost answer leaves a trace and no double.
        """
        known = {name: value for name, value in asdict(row).items() if value not in ("", None)}
        with self._writing() as connection:
            found = connection.execute(
                "SELECT number FROM submissions WHERE competition = :competition AND "
                "(ref = :ref AND ref != '' OR ref = '' AND digest = :digest AND digest != '') ORDER BY ref = ''",
                asdict(row),
            ).fetchall()
            if not found:
                connection.execute(f"INSERT INTO submissions {_slots(SUBMISSION)}", list(asdict(row).values()))
                return
            number, *others = (each["number"] for each in found)
            _update(connection, number, known)
            connection.executemany("DELETE FROM submissions WHERE number = ?", [(other,) for other in others])

    def update_scores(
        self, competition: str, ref: str, status: str, public: float | None = None, private: float | None = None
    ) -> None:
        """What Kaggle says of a submission now; a score it does not give stays as it was."""
        known = {"status": status, "public": public, "private": private}
        with self._writing() as connection:
            rows = connection.execute("SELECT number, ref FROM submissions WHERE competition = ?", (competition,))
            numbers = {row["ref"]: row["number"] for row in rows if row["ref"]}
            if ref not in numbers:
                raise ValueError(
                    f"{self.path}: expected a recorded submission to {competition}, got ref {ref}; "
                    f"known are {', '.join(sorted(numbers)) or 'none'}: record it first"
                )
            _update(connection, numbers[ref], {name: value for name, value in known.items() if value is not None})

    def record_board(self, competition: str, board: str, rows: Sequence[BoardRow]) -> None:
        """Record a leaderboard, "public" or "private", in place of what was known of it."""
        lines = [(competition, board, row.place, row.team, row.score, row.date) for row in rows]
        with self._writing() as connection:
            connection.execute("DELETE FROM boards WHERE competition = ? AND board = ?", (competition, board))
            connection.executemany("INSERT INTO boards VALUES (?, ?, ?, ?, ?, ?)", lines)

    def board(self, competition: str, board: str) -> list[BoardRow]:
        """A recorded leaderboard, best first; empty where none was recorded."""
        query = "SELECT place, team, score, date FROM boards WHERE competition = ? AND board = ? ORDER BY place"
        return [BoardRow(**dict(row)) for row in self._select(query, (competition, board))]

    def runs(self, competition: str = "") -> list[RunRow]:
        """Recorded runs, of one competition or all, by date."""
        where, values = _only(competition)
        scores: dict[tuple[str, str], list[float | None]] = {}
        for row in self._select(f"SELECT * FROM fold_scores{where} ORDER BY fold", values):
            scores.setdefault((row["competition"], row["run"]), []).append(row["score"])
        found = self._select(f"SELECT * FROM runs{where} ORDER BY date, competition, run", values)
        return [_run(row, scores.get((row["competition"], row["run"]), ())) for row in found]

    def submissions(self, competition: str = "") -> list[SubmissionRow]:
        """Recorded submissions, of one competition or all, by date."""
        where, values = _only(competition)
        found = self._select(f"SELECT * FROM submissions{where} ORDER BY date, number", values)
        return [SubmissionRow(**{name: row[name] for name in SUBMISSION}) for row in found]

    def rows(self, competition: str = "") -> list[LedgerRow]:
        """Every run with each of its submissions, then submissions of no recorded run."""
        runs, sent = self.runs(competition), self.submissions(competition)
        joined = []
        for run in runs:
            own = [each for each in sent if (each.competition, each.run) == (run.competition, run.run)]
            joined += [LedgerRow(run, each) for each in own] or [LedgerRow(run, None)]
        names = {(run.competition, run.run) for run in runs}
        return joined + [LedgerRow(None, each) for each in sent if (each.competition, each.run) not in names]

    def best_run(self, competition: str, toy: bool = False) -> RunRow | None:
        """The run with the best score by the metric of the latest one; quick passes with a limit do not count."""
        whole = [run for run in self.runs(competition) if run.toy == toy and not run.limit]
        scored = [(run.score, run) for run in whole if run.score is not None]
        if not scored:
            return None
        latest = scored[-1][1]
        alike = [pair for pair in scored if pair[1].metric == latest.metric]
        pick = max if latest.higher_is_better else min
        return pick(alike, key=lambda pair: pair[0])[1]

    def last_submission(self, competition: str) -> SubmissionRow | None:
        """The latest submission to a competition."""
        sent = self.submissions(competition)
        return sent[-1] if sent else None

    def find_submission(self, competition: str, digest: str) -> SubmissionRow | None:
        """The latest submission of exactly this file."""
        sent = [each for each in self.submissions(competition) if each.digest == digest]
        return sent[-1] if sent else None

    def export_csv(self, path: Path) -> None:
        """Everything as CSV, a line for each of rows()."""
        names = [*RUN, "fold_scores", *(f"submission_{name}" for name in SUBMISSION)]
        text = io.StringIO()
        lines = csv.DictWriter(text, names, lineterminator="\n")
        lines.writeheader()
        for row in self.rows():
            lines.writerow(_flat(row))
        with placed(Path(path)) as raw:
            raw.write(text.getvalue().encode())

    def _select(self, query: str, values: Sequence[str]) -> list[sqlite3.Row]:
        if not self.path.exists():
            return []
        with self._open() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")  # after an error the connection closes without it, and nothing has happened

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)) as connection:
                connection.row_factory = sqlite3.Row
                migrate(connection, str(self.path))
                yield connection
        except sqlite3.OperationalError as error:
            message = f"{self.path}: expected a ledger that can be read and written, got '{error}'"
            raise OSError(f"{message}; is its folder writable, its disk full, or another podium stuck?") from error
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # that one alone speaks of the file: no database, or damaged
                raise
            message = f"{self.path}: expected a ledger, got '{error}'"
            raise ValueError(f"{message}; move the file away and podium starts another") from error


def _slots(names: Sequence[str]) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"({quoted}) VALUES ({', '.join('?' * len(names))})"


def _update(connection: sqlite3.Connection, number: int, known: dict[str, Any]) -> None:
    changes = ", ".join(f'"{name}" = ?' for name in known)
    connection.execute(f"UPDATE submissions SET {changes} WHERE number = ?", [*known.values(), number])


def _only(competition: str) -> tuple[str, tuple[str, ...]]:
    return (" WHERE competition = ?", (competition,)) if competition else ("", ())


def _run(row: sqlite3.Row, scores: Sequence[float | None]) -> RunRow:
    values = {name: row[name] for name in RUN}
    flags = {name: bool(values[name]) for name in ("higher_is_better", "toy")}
    return RunRow(**{**values, **flags, "fold_scores": tuple(scores)})


def _flat(row: LedgerRow) -> dict[str, Any]:
    run = {} if row.run is None else asdict(row.run)
    if row.run is not None:
        run["fold_scores"] = " ".join("" if score is None else repr(score) for score in row.run.fold_scores)
    sent = {} if row.submission is None else asdict(row.submission)
    return run | {f"submission_{name}": value for name, value in sent.items()}
