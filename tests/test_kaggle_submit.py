"""podium submit: checked, uploaded once whatever becomes of the answer, waited for, and all of it in the ledger."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from competitions.registry import find_competition
from pipelines.kaggle.answers import Sent
from pipelines.kaggle.sending import Sending, arrived
from submissions.ledger import LEDGER, Ledger
from submissions.ledger_rows import BoardRow, SubmissionRow
from tests.kaggle_server import FOREVER, Fault, State
from tests.kaggling import HASTY, MAY, SLUG, aimed, copy_run


@pytest.fixture
def run(raw_files, tmp_path) -> str:
    return copy_run(raw_files, tmp_path)


@pytest.fixture
def state() -> State:
    return State(slug=SLUG)


@pytest.fixture(autouse=True)
def server(monkeypatch, tmp_path, state):
    with aimed(monkeypatch, tmp_path / "home", state) as server:
        yield server


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "runs" / LEDGER)


def test_a_submission_is_uploaded_scored_and_recorded(podium, run, state, ledger, tmp_path):
    board = [BoardRow(place=place, team=str(place), score=1 - place / 100) for place in range(1, 41)]
    ledger.record_board(MAY, "public", board)
    said = podium("submit", run, "-m", "first try")
    assert said.code == 0, said.err
    (given,) = state.submissions
    assert (given["description"], given["fileName"]) == ("first try", "submission.csv")
    (content,) = state.uploads.values()
    path = tmp_path / "runs" / MAY / run / "submission.csv"
    assert content == path.read_bytes()
    assert "5 left" in said.err
    assert "has no score yet" in said.err
    cv = ledger.runs(MAY)[0]
    assert f"CV {cv.score:.5f} ± {cv.score_se:.5f} · public 0.87000" in said.out
    assert "public: place 13 of 40 (top 32.5 %), between silver and bronze" in said.out
    (row,) = ledger.submissions(MAY)
    assert (row.run, row.message, row.status, row.public) == (run, "first try", "complete", 0.87)
    assert row.ref == str(given["ref"])


def test_a_file_that_another_command_writes_anew_meanwhile_is_not_sent(
    podium, run, state, ledger, tmp_path, monkeypatch
):
    path, judge = tmp_path / "runs" / MAY / run / "submission.csv", Sending.judge_allowance

    def write_anew(sending, slug):
        path.write_text(path.read_text().replace("0.", "0.0"))
        judge(sending, slug)

    monkeypatch.setattr(Sending, "judge_allowance", write_anew)
    said = podium("submit", run)
    assert (said.code, "expected the file that was checked, got another" in said.err) == (1, True)
    assert (state.submissions, ledger.submissions()) == ([], [])


def test_the_message_names_the_run_and_its_score(podium, run, state, ledger):
    assert podium("submit", run).code == 0
    assert state.submissions[0]["description"] == f"{run} CV {ledger.runs(MAY)[0].score:.5f}"


def test_a_dry_run_does_all_but_upload(podium, run, state, ledger):
    said = podium("submit", run, "--dry-run")
    assert said.code == 0
    assert "nothing was uploaded" in said.out
    assert (state.submissions, state.uploads, ledger.submissions()) == ([], {}, [])
    assert state.count("GetSubmissionLimits") == 1


def test_a_file_made_elsewhere_needs_its_competition(podium, run, state, ledger, tmp_path):
    path = tmp_path / "mine.csv"
    shutil.copy(tmp_path / "runs" / MAY / run / "submission.csv", path)
    assert podium("submit", path).code == 2
    assert podium("submit", path, "--competition", MAY, "-m", "by hand").code == 0
    assert [(row.run, row.file) for row in ledger.submissions()] == [("", str(path))]
    assert podium("submit", tmp_path / "runs" / MAY / run / "submission.csv", "--again").code == 0
    assert ledger.submissions()[-1].run == run  # a file in a run's folder is that run's


def test_a_file_that_does_not_pass_is_not_sent(podium, run, state, tmp_path):
    path = tmp_path / "runs" / MAY / run / "submission.csv"
    path.write_text(path.read_text().rsplit("\n", 2)[0] + "\n")
    said = podium("submit", run)
    assert said.code == 1
    assert "refused" in said.err
    assert state.asked == []


def test_the_same_file_again_waits_for_its_score_then_is_refused(podium, run, state):
    state.looks = 3
    assert "no score after" in podium("submit", run, "--wait", "0").out
    assert "public 0.87000" in podium("submit", run).out
    said = podium("submit", run)
    assert said.code == 1
    assert "expected one not submitted before, got one submitted as" in said.err
    assert "· public 0.87000: submit it once more with --again" in said.err
    assert len(state.submissions) == 1
    assert podium("submit", run, "--again").code == 0
    assert len(state.submissions) == 2


def test_the_wait_ends_and_says_how_to_go_on(podium, run, state, ledger):
    state.looks = 10**6
    said = podium("submit", run, "--wait", "0.1s")
    assert said.code == 0
    assert f"podium sync {MAY}" in said.out
    assert ledger.submissions()[0].status == "pending"


def test_a_submission_that_kaggle_cannot_score_fails_with_its_reason(podium, run, state, ledger):
    state.error = "Evaluation Exception: Submission must have 700000 rows"
    said = podium("submit", run)
    assert said.code == 1
    assert "must have 700000 rows" in said.err
    assert ledger.submissions()[0].status == "error"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"daily": 0, "submissions": [{"ref": 1, "status": "COMPLETE", "looks": 0}]}, "starts anew at 00:00 UTC, in "),
        ({"joined": False}, f"https://www.kaggle.com/c/{SLUG}/rules"),
        ({"slug": "other"}, "got HTTP 404"),
    ],
)
def test_what_kaggle_would_refuse_is_refused_before_the_upload(podium, run, state, ledger, changes, told):
    for name, value in changes.items():
        setattr(state, name, value)
    said = podium("submit", run)
    assert said.code == 1
    assert told in said.err
    assert (state.uploads, ledger.submissions()) == ({}, [])


def test_a_refusal_after_the_upload_is_recorded_as_one(podium, run, state, ledger):
    state.closed = True
    said = podium("submit", run)
    assert said.code == 1
    assert "takes no submissions any more" in said.err
    assert [(row.status, row.ref) for row in ledger.submissions()] == [("refused", "")]
    state.closed = False
    assert podium("submit", run).code == 0
    assert [row.status for row in ledger.submissions()] == ["complete"]


LOST = [
    Fault("CreateSubmission", drop=True, after=True),  # it was made, the answer got lost
    Fault("CreateSubmission", 503, after=True),
    Fault("CreateSubmission", 200, b"<html>", "text/html", after=True),
    Fault("CreateSubmission", drop=True),  # it was not made
    Fault("CreateSubmission", 502, times=2),
    Fault("StartSubmissionUpload", drop=True),
    Fault("StartSubmissionUpload", 429, retry_after="0.01"),
    Fault("/upload/", 503, times=2),  # which the client reports as a submission, with ref 0
    Fault("/upload/", 400),
]


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_makes_no_second_submission(podium, run, state, ledger, fault):
    state.faults = [replace(fault)]
    said = podium("submit", run)
    assert said.code == 0, said.err
    assert len(state.submissions) == 1
    (row,) = ledger.submissions()
    assert (row.ref, row.status) == (str(state.submissions[0]["ref"]), "complete")


def test_an_earlier_submission_of_the_same_words_is_not_taken_for_this_one(podium, run, state, ledger):
    assert podium("submit", run).code == 0
    state.faults = [Fault("CreateSubmission", drop=True)]
    assert podium("submit", run, "--again").code == 0
    assert len(state.submissions) == 2
    assert len({row.ref for row in ledger.submissions()}) == 2


def test_an_upload_that_keeps_failing_is_told_and_may_be_repeated(podium, run, state):
    state.faults = [Fault("/upload/", 503, times=99)]
    said = podium("submit", run)
    assert said.code == 1
    assert "got a failed upload: nothing was submitted" in said.err
    state.faults = []
    assert podium("submit", run).code == 0
    assert len(state.submissions) == 1


@pytest.mark.parametrize("made_it", [True, False])
def test_what_a_killed_command_left_open_is_settled_by_the_next(podium, run, state, ledger, made_it):
    """The first command gives up while Kaggle is silent; only Kaggle knows what became of its upload."""
    silent = Fault("ListSubmissions", 503, times=4)
    state.faults = [Fault("CreateSubmission", drop=True, after=made_it, then=silent)]
    said = podium("submit", run)
    assert said.code == 1
    assert "the same command asks Kaggle before it uploads again" in said.err
    assert [row.status for row in ledger.submissions()] == ["uploading"]
    said = podium("submit", run)
    assert said.code == 0, said.err
    assert "asking Kaggle whether it arrived" in said.err
    assert len(state.submissions) == 1
    assert [row.ref for row in ledger.submissions()] == [str(state.submissions[0]["ref"])]


def test_a_hanging_upload_is_not_doubled(podium, run, state, ledger, monkeypatch):
    monkeypatch.setattr("pipelines.kaggle.client.PATIENCE", replace(HASTY, call=2.0))
    state.faults = [Fault("CreateSubmission", hang=FOREVER)]
    said = podium("submit", run)
    assert said.code == 1
    assert "got no answer in" in said.err
    assert state.count("StartSubmissionUpload") == 1
    assert [row.status for row in ledger.submissions()] == ["uploading"]


def test_a_toy_run_and_a_code_competition_are_no_case_for_it(podium, run, state, tmp_path, monkeypatch):
    record = tmp_path / "runs" / MAY / run / "run.json"
    text = record.read_text()
    record.write_text(text.replace('"toy": false', '"toy": true'))
    said = podium("submit", run)
    assert said.code == 1
    assert "got one on toy files" in said.err
    record.write_text(text)
    may = replace(find_competition(MAY), code=True)
    monkeypatch.setattr("competitions.submitting.find_competition", lambda name: may)
    said = podium("submit", run)
    assert said.code == 1
    assert "podium kernel build RUN" in said.err
    assert state.asked == []


def test_a_bad_wait_is_not_understood(podium, run):
    said = podium("submit", run, "--wait", "soon")
    assert said.code == 2
    assert "--wait" in said.err


ROW = SubmissionRow(competition="c", file="runs/x/s.csv", message="words", date="2026-01-01T12:00:00+00:00")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"message": "words "}, True),  # Kaggle may trim
        ({"file": ""}, True),
        ({"date": "2026-01-01T11:50:00+00:00"}, True),  # its clock goes behind
        ({"date": "2026-01-01T11:00:00+00:00"}, False),
        ({"message": "other"}, False),
        ({"file": "other.csv"}, False),
        ({"ref": "7"}, False),  # known already
    ],
)
def test_which_submission_an_upload_became(changes, found):
    sent = Sent("8", "s.csv", "words", "2026-01-01T12:00:05+00:00", "pending", None, None, "")
    assert (arrived([replace(sent, **changes)], ROW, {"7"}) is not None) == found
