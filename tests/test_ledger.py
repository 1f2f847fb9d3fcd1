"""The ledger keeps what was committed through kills, takes two writers at once, and migrates earlier files."""

from __future__ import annotations

import csv
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from submissions.ledger import Ledger
from submissions.ledger_rows import LedgerRow, RunRow, SubmissionRow
from submissions.schema import FIRST, STEPS
from submissions.standing import standing

RUN = RunRow(
    competition="petfinder",
    run="swin-1",
    metric="RMSE",
    higher_is_better=False,
    score=17.5,
    score_se=0.4,
    baseline=20.6,
    seed_sd=0.02,
    fold_scores=(17.4, 17.6, None),
    folds="f" * 64,
    commit="abc123",
    note="mixup, clipped",
    date="2021-12-01T10:00:00",
)
SENT = SubmissionRow(competition="petfinder", run="swin-1", file="submission.csv", digest="d" * 64, message="first")


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "runs" / "ledger.sqlite")


def test_looking_at_a_missing_ledger_makes_none(ledger):
    assert ledger.rows() == ledger.runs() == ledger.submissions("petfinder") == []
    assert ledger.best_run("petfinder") is None
    assert ledger.last_submission("petfinder") is None
    assert ledger.find_submission("petfinder", "d") is None
    assert not ledger.path.parent.exists()


def test_a_run_reads_back_as_it_was_and_is_replaced_when_recorded_again(ledger):
    ledger.record_run(RUN)
    assert ledger.runs() == [RUN]
    again = replace(RUN, score=17.3, fold_scores=(17.2, 17.4), toy=True, limit=100)
    ledger.record_run(again)
    ledger.record_run(replace(RUN, competition="other"))
    assert ledger.runs("petfinder") == [again]
    assert [row.competition for row in ledger.runs()] == ["other", "petfinder"]


def test_a_score_that_is_no_number_is_kept_as_none(ledger):
    ledger.record_run(replace(RUN, score=float("nan"), baseline=None))
    assert ledger.runs() == [replace(RUN, score=None, baseline=None)]
    assert ledger.best_run("petfinder") is None


def test_the_best_run_goes_by_the_metrics_direction(ledger):
    for name, score in (("a", 17.5), ("b", 17.1), ("c", 18.0)):
        ledger.record_run(replace(RUN, run=name, score=score))
        ledger.record_run(replace(RUN, competition="auc", run=name, score=score / 20, higher_is_better=True))
    assert ledger.best_run("petfinder").run == "b"
    assert ledger.best_run("auc").run == "c"


def test_quick_passes_and_other_metrics_are_never_the_best(ledger):
    ledger.record_run(RUN)
    ledger.record_run(replace(RUN, run="limited", score=1.0, limit=100))
    ledger.record_run(replace(RUN, run="toy", score=2.0, toy=True))
    ledger.record_run(replace(RUN, run="old", score=0.1, metric="MAE", date="2020-01-01"))
    assert ledger.best_run("petfinder").run == "swin-1"
    assert ledger.best_run("petfinder", toy=True).run == "toy"


def test_a_submission_is_one_row_from_upload_to_private_score(ledger):
    ledger.record_submission(replace(SENT, status="uploading"))
    ledger.record_submission(SENT)
    assert ledger.submissions() == [replace(SENT, status="uploading")]
    ledger.record_submission(replace(SENT, ref="50000001", status="pending", date="2021-12-02"))
    ledger.update_scores("petfinder", "50000001", "complete", public=17.9)
    ledger.update_scores("petfinder", "50000001", "complete", private=17.1)
    expected = replace(SENT, ref="50000001", status="complete", date="2021-12-02", public=17.9, private=17.1)
    assert ledger.submissions() == [expected]
    assert ledger.find_submission("petfinder", SENT.digest) == expected
    assert ledger.find_submission("other", SENT.digest) is None


def test_the_same_file_sent_twice_is_two_rows(ledger):
    for ref in ("1", "2"):
        ledger.record_submission(SENT)
        ledger.record_submission(replace(SENT, ref=ref))
    assert [row.ref for row in ledger.submissions()] == ["1", "2"]


def test_a_lost_answer_found_later_in_kaggles_list_leaves_no_double(ledger):
    ledger.record_submission(replace(SENT, status="uploading"))
    ledger.record_submission(SubmissionRow(competition="petfinder", ref="7", status="complete", public=18.0))
    assert len(ledger.submissions()) == 2  # nothing says yet that they are the same
    ledger.record_submission(replace(SENT, ref="7"))
    assert ledger.submissions() == [replace(SENT, ref="7", status="complete", public=18.0)]


def test_scores_of_an_unknown_submission_are_refused(ledger):
    ledger.record_submission(replace(SENT, ref="7"))
    with pytest.raises(ValueError, match="got ref 8; known are 7: record it first"):
        ledger.update_scores("petfinder", "8", "complete", public=1.0)
    with pytest.raises(ValueError, match="to other, got ref 7; known are none"):
        ledger.update_scores("other", "7", "complete")
    assert ledger.submissions() == [replace(SENT, ref="7")]


def test_the_last_submission_is_the_latest_by_date_then_as_recorded(ledger):
    for ref, date in (("1", "2021-12-05"), ("2", "2021-12-04"), ("3", "2021-12-05")):
        ledger.record_submission(replace(SENT, ref=ref, date=date))
    assert ledger.last_submission("petfinder").ref == "3"


def test_rows_and_csv_join_runs_with_their_submissions(ledger, tmp_path):
    ledger.record_run(RUN)
    ledger.record_run(replace(RUN, run="unsent"))
    ledger.record_submission(replace(SENT, ref="1", public=17.9))
    ledger.record_submission(replace(SENT, ref="2", run="elsewhere", digest=""))
    pairs = [(row.run and row.run.run, row.submission and row.submission.ref) for row in ledger.rows()]
    assert pairs == [("swin-1", "1"), ("unsent", None), (None, "2")]
    assert ledger.rows("other") == []
    assert ledger.rows()[0] == LedgerRow(RUN, replace(SENT, ref="1", public=17.9))
    ledger.export_csv(tmp_path / "ledger.csv")
    with (tmp_path / "ledger.csv").open(newline="") as lines:
        first, second, third = csv.DictReader(lines)
    assert (first["note"], first["fold_scores"], first["score"]) == ("mixup, clipped", "17.4 17.6 ", "17.5")
    assert (first["submission_public"], first["submission_ref"], second["submission_ref"]) == ("17.9", "1", "")
    assert (third["run"], third["submission_run"]) == ("", "elsewhere")


def made_by_hand(path, script, version):
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()


OLD_ROWS = """
INSERT INTO runs VALUES ('petfinder', 'swin-1', 'RMSE', 0, 17.5, 0.4, 20.6, NULL, 'f', 'abc', '', '2021-12-01');
INSERT INTO fold_scores VALUES ('petfinder', 'swin-1', 0, 17.4);
INSERT INTO submissions VALUES (1, 'petfinder', 'swin-1', 's.csv', 'd', 'm', '7', 'complete', '2021-12-02', 17.9, NULL);
"""


def version_of(path):
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()


def test_a_file_of_version_1_keeps_its_rows_and_gains_the_columns(ledger):
    made_by_hand(ledger.path, FIRST + OLD_ROWS, 1)
    (run,) = ledger.runs()
    assert (run.run, run.score, run.fold_scores, run.toy, run.limit) == ("swin-1", 17.5, (17.4,), False, 0)
    assert ledger.last_submission("petfinder").public == 17.9
    assert version_of(ledger.path) == len(STEPS)
    ledger.record_run(replace(RUN, run="next", toy=True))
    assert len(ledger.runs()) == 2


def test_an_empty_file_becomes_a_ledger(ledger):
    ledger.path.parent.mkdir()
    ledger.path.touch()
    assert ledger.runs() == []
    assert version_of(ledger.path) == len(STEPS)


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(ledger):
    made_by_hand(ledger.path, FIRST + OLD_ROWS, 99)
    before = ledger.path.read_bytes()
    for look in (ledger.runs, lambda: ledger.record_run(RUN)):
        with pytest.raises(ValueError, match=f"version {len(STEPS)} at most, got 99; it was written by a newer podium"):
            look()
    assert ledger.path.read_bytes() == before


def test_a_file_that_is_no_ledger_is_refused(ledger):
    ledger.path.parent.mkdir()
    ledger.path.write_text("id,target\n" * 1000)
    with pytest.raises(ValueError, match="move the file away"):
        ledger.runs()


def test_a_folder_in_the_way_is_told(ledger):
    ledger.path.mkdir(parents=True)
    with pytest.raises(OSError, match="expected a ledger that can be read and written"):
        ledger.runs()


def test_a_failed_step_leaves_nothing_of_it(ledger):
    ledger.record_run(RUN)
    with pytest.raises(sqlite3.IntegrityError):
        ledger.record_run(replace(RUN, fold_scores=(1.0,), metric=None))
    assert ledger.runs() == [RUN]


WRITER = """
import sys
from submissions.ledger import Ledger
from submissions.ledger_rows import RunRow
ledger, name, count = Ledger(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for number in range(count):
    row = RunRow(competition="c", run=f"{name}-{number}", metric="m", higher_is_better=True, score=number,
                 fold_scores=(1.0, 2.0, 3.0))
    ledger.record_run(row)
    print(number, flush=True)
"""


def writer(ledger, name, count):
    command = [sys.executable, "-c", WRITER, str(ledger.path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_that_start_and_write_at_once_lose_nothing(ledger):
    writers = [writer(ledger, name, 25) for name in "abcd"]
    for each in writers:
        each.communicate()
        assert each.returncode == 0
    assert {row.run for row in ledger.runs()} == {f"{name}-{number}" for name in "abcd" for number in range(25)}
    assert all(row.fold_scores == (1.0, 2.0, 3.0) for row in ledger.runs())


@pytest.mark.parametrize("seconds", [0.0, 0.02])
def test_a_killed_writer_loses_nothing_that_it_had_recorded(ledger, seconds):
    with writer(ledger, "a", 100_000) as writing:
        for _ in range(20):
            writing.stdout.readline()
        time.sleep(seconds)
        writing.kill()
        told = 20 + len(writing.stdout.read().split())
    rows = ledger.runs()
    assert told <= len(rows) <= told + 1
    assert all(row.fold_scores == (1.0, 2.0, 3.0) for row in rows)
    ledger.record_run(RUN)
    assert ledger.runs("petfinder") == [RUN]


def test_reading_never_waits_for_a_writer(ledger):
    ledger.record_run(RUN)
    connection = sqlite3.connect(ledger.path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM runs")
    assert ledger.runs() == [RUN]
    connection.close()


def test_a_ledger_needs_no_heavy_import():
    code = "import sys, submissions.ledger, submissions.standing; print({'numpy', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


LINES = {"1st": 0.9977, "gold": 0.99505, "silver": 0.99237, "bronze": 0.98979, "median": 0.96999}


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (0.9900, "between silver and bronze"),
        (0.98979, "between silver and bronze"),
        (0.9960, "between 1st and gold"),
        (0.9800, "between bronze and median"),
        (0.5, "below median"),
        (0.9977, "at 1st"),
        (0.9999, "above 1st"),
        (float("nan"), ""),
    ],
)
def test_where_a_score_would_stand(score, text):
    assert standing(score, LINES, higher_is_better=True) == text
    assert standing(-score, {name: -line for name, line in LINES.items()}, higher_is_better=False) == text


def test_lines_at_the_same_score_count_as_the_better_one():
    lines = {"gold": 0.95660, "silver": 0.95658, "bronze": 0.95658}
    assert standing(0.95658, lines, True) == "between gold and silver"
    assert standing(0.9, lines, True) == "below bronze"
    assert standing(0.9, {}, True) == ""
