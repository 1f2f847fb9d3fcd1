"""podium sync and podium board: what Kaggle knows comes into the ledger once, and CV is laid beside it."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competitions.registry import find_competition
from pipelines.kaggle.answers import Team
from pipelines.kaggle.board import line_through, standings
from pipelines.kaggle.syncing import ranked, read_board
from submissions.ledger import LEDGER, Ledger
from submissions.ledger_rows import BoardRow, RunRow, SubmissionRow
from submissions.standing import estimate, medal_lines, medal_places, place_of
from tests.kaggle_server import Fault, State, zipped
from tests.kaggling import MAY, SLUG, aimed

RUN = RunRow(
    competition=MAY,
    run="boosting-1",
    metric="AUC",
    higher_is_better=True,
    score=0.91,
    score_se=0.004,
    fold_scores=(0.90, 0.92),
    date="2022-05-01",
)
TEAMS = [(f"team {place}", round(1 - place / 100, 2)) for place in range(1, 46)]


def listed(ref: int, **more) -> dict[str, object]:
    given = {"ref": ref, "fileName": "s.csv", "status": "COMPLETE", "publicScore": "0.87", "looks": 0}
    return given | {"date": f"2022-05-02T10:{ref % 60:02d}:00.000Z", "description": "by hand"} | more


@pytest.fixture
def state() -> State:
    return State(slug=SLUG, board=list(TEAMS))


@pytest.fixture
def server(monkeypatch, tmp_path, state):
    with aimed(monkeypatch, tmp_path / "home", state) as server:
        yield server


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "runs" / LEDGER)


def test_sync_brings_all_submissions_once(podium, server, state, ledger):
    ledger.record_run(RUN)
    state.submissions = [listed(ref) for ref in range(1, 46)]
    state.submissions[3] |= {"description": "boosting-1 CV 0.91000", "privateScore": "0.88"}
    state.submissions[4] |= {"status": "ERROR", "publicScore": ""}
    said = podium("sync", MAY)
    assert said.code == 0, said.err
    assert "45 submissions, 45 of them not in the ledger before" in said.out
    assert "public leaderboard: 45 teams" in said.out
    first = ledger.submissions(MAY)
    assert [row.ref for row in first] == [str(ref) for ref in range(1, 46)]
    assert (first[3].run, first[3].public, first[3].private) == ("boosting-1", 0.87, 0.88)
    assert (first[4].status, first[4].public) == ("error", None)
    assert "0 of them not in the ledger before" in podium("sync", MAY).out
    assert ledger.submissions(MAY) == first


def test_sync_gives_a_pending_submission_its_score_and_an_open_upload_its_ref(podium, server, state, ledger):
    sent = SubmissionRow(competition=MAY, run="boosting-1", file="runs/x/s.csv", digest="d", message="mine")
    ledger.record_submission(replace(sent, digest="e", ref="7", status="pending", date="2022-05-02T10:07:00+00:00"))
    ledger.record_submission(replace(sent, status="uploading", date="2022-05-02T10:08:00+00:00"))
    state.submissions = [listed(7), listed(8, description="mine", privateScore="0.5")]
    assert "0 of them not in the ledger before" in podium("sync", MAY).out
    rows = ledger.submissions(MAY)
    assert [(row.ref, row.status, row.public, row.digest) for row in rows] == [
        ("7", "complete", 0.87, "e"),
        ("8", "complete", 0.87, "d"),
    ]
    assert {row.file for row in rows} == {"runs/x/s.csv"}


def test_the_board_comes_page_by_page_where_there_is_no_download(podium, server, state, ledger):
    state.board_download = False
    assert podium("sync", MAY).code == 0
    assert [(row.team, row.score) for row in ledger.board(MAY, "public")] == TEAMS
    state.board_download, state.faults = True, [Fault("DownloadLeaderboard", 200, b"<html>", "text/html")]
    assert podium("sync", MAY).code == 0
    assert len(ledger.board(MAY, "public")) == 45


def test_the_private_board_is_taken_once_it_is_out_and_whole(podium, server, state, ledger):
    state.private = [(name, score - 0.05) for name, score in TEAMS]
    podium("sync", MAY)
    assert ledger.board(MAY, "private") == []
    state.ended = True
    assert "private leaderboard: 45 teams" in podium("sync", MAY).out
    assert ledger.board(MAY, "private")[0].score == pytest.approx(0.94)
    ledger.record_board(MAY, "private", [])
    state.private = state.private[:20]  # only the top is shown
    assert "private" not in podium("sync", MAY).out
    state.private = []  # nothing is out: the public one is shown in its place
    assert "private" not in podium("sync", MAY).out


def test_a_refusal_leaves_the_ledger_as_it_was(podium, server, state, ledger):
    ledger.record_board(MAY, "public", [BoardRow(place=1, team="a", score=0.5)])
    state.joined = False
    said = podium("sync", MAY)
    assert said.code == 1
    assert "/rules" in said.err
    assert ledger.board(MAY, "public") == [BoardRow(place=1, team="a", score=0.5)]


def test_the_board_shows_every_run_beside_its_scores(podium, ledger, tmp_path):
    for number, (score, public) in enumerate([(0.91, 0.90), (0.92, 0.915), (0.93, 0.92)]):
        run = replace(RUN, run=f"boosting-{number}", score=score)
        ledger.record_run(run)
        sent = SubmissionRow(competition=MAY, run=run.run, ref=str(number), status="complete", public=public)
        ledger.record_submission(sent)
    ledger.record_run(replace(RUN, run="unsent", limit=100))
    ledger.record_submission(SubmissionRow(competition=MAY, ref="9", message="by hand", status="pending"))
    ledger.record_board(
        MAY, "public", [BoardRow(place=1, team="a", score=0.95), BoardRow(place=2, team="b", score=0.9)]
    )
    said = podium("board", MAY, "--csv", tmp_path / "out.csv")
    assert said.code == 0, said.err
    lines = {line.split("  ")[0]: line for line in said.out.splitlines()}
    for text in ("0.93000", "0.00400", "0.01414", "0.92000", "public: place 2 of 2 (top 100.0 %)"):
        assert text in lines["boosting-2"]
    assert "unsent (--limit 100)" in lines
    assert lines["by hand"].split()[-1] == "pending"
    assert "CV against public: correlation +0.961 over 3 submissions" in said.out
    picture = tmp_path / "runs" / MAY / "board.png"
    assert f"plot: {picture.relative_to(tmp_path)}" in said.out
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with (tmp_path / "out.csv").open(newline="") as rows:
        assert len(list(csv.DictReader(rows))) == 5


def test_the_plot_shows_its_points(podium, ledger, tmp_path):
    """Two leaderboards in their colours; a picture without points has neither."""
    from PIL import Image

    ledger.record_run(RUN)
    sent = SubmissionRow(competition=MAY, run=RUN.run, ref="1", status="complete", public=0.9, private=0.8)
    ledger.record_submission(sent)
    assert podium("board", MAY, "--picture", tmp_path / "board.png").code == 0
    pixels = np.asarray(Image.open(tmp_path / "board.png").convert("RGB")).reshape(-1, 3)
    for colour in ((0x1F, 0x77, 0xB4), (0xFF, 0x7F, 0x0E)):
        assert (pixels == colour).all(axis=1).sum() > 20


def test_where_there_is_nothing_it_says_so(podium, ledger, tmp_path):
    assert f"no runs of {MAY}" in podium("board", MAY).out
    assert f"podium run {MAY} --toy" in podium("board", MAY, "--toy").out
    assert not ledger.path.exists()
    ledger.record_run(RUN)
    said = podium("board", MAY)
    assert said.code == 0
    assert "no run has a leaderboard score yet, so there is no plot" in said.out
    assert not (tmp_path / "runs" / MAY / "board.png").exists()


def test_without_matplotlib_the_table_comes_and_the_plot_is_told(podium, ledger, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ledger.record_run(RUN)
    ledger.record_submission(SubmissionRow(competition=MAY, run=RUN.run, ref="1", status="complete", public=0.9))
    said = podium("board", MAY)
    assert said.code == 1
    assert RUN.run in said.out
    assert 'pip install "podium[plot]"' in said.err
    assert podium("board", MAY, "--no-plot").code == 0


def test_without_a_board_the_lines_of_the_last_private_one_serve(ledger):
    competition = find_competition(MAY)
    assert standings(ledger, competition).place(0.5, 0.99) == "private: between bronze and median"
    assert standings(ledger, competition).place(0.5, None) == ""


# -- where a score stands


@pytest.mark.parametrize(
    ("teams", "expected"),
    [
        (3538, {"1st": 1, "gold": 17, "silver": 176, "bronze": 353, "median": 1769}),
        (512, {"1st": 1, "gold": 11, "silver": 50, "bronze": 100, "median": 256}),
        (120, {"1st": 1, "gold": 10, "silver": 24, "bronze": 48, "median": 60}),
        (50, {"1st": 1, "gold": 5, "silver": 10, "bronze": 20, "median": 25}),
        (1, {"1st": 1, "median": 1}),
    ],
)
def test_medals_go_by_the_number_of_teams(teams, expected):
    assert medal_places(teams) == expected
    scores = [float(number) for number in range(teams)]
    assert medal_lines(scores, higher_is_better=False) == {name: place - 1 for name, place in expected.items()}


@given(st.lists(st.integers(0, 20).map(float), min_size=1, max_size=40), st.integers(-1, 21), st.booleans())
def test_a_place_is_one_more_than_the_teams_ahead(scores, score, higher):
    ahead = sum(each > score if higher else each < score for each in scores)
    assert place_of(score, scores, higher) == ahead + 1


def test_an_estimate_says_place_share_and_neighbours():
    scores = [1 - place / 100 for place in range(1, 41)]
    assert estimate(0.87, scores, {}, True) == "place 13 of 40 (top 32.5 %), between silver and bronze"
    assert estimate(0.1, scores, {}, True) == "place 40 of 40 (top 100.0 %), below median"
    assert estimate(None, scores, {}, True) == estimate(float("nan"), scores, {}, True) == ""


# -- leaderboards as they come


def test_an_older_download_has_a_line_for_each_step_up():
    text = "TeamId,TeamName,SubmissionDate,Score\n1,a,2022-05-01,0.5\n2,b,2022-05-01,0.6\n1,a,2022-05-02,0.7\n3,c,,\n"
    teams = read_board(zipped({"x-publicleaderboard.csv": text.encode()}))
    rows = [(row.place, row.team, row.score) for row in ranked(teams, higher_is_better=True)]
    assert rows == [(1, "a", 0.7), (2, "b", 0.6)]
    assert ranked([Team("1", "a", 0.5, ""), Team("2", "a", 0.4, "")], False)[0].score == 0.4  # names may repeat
    assert read_board(b"<html>") == read_board(zipped({"x.txt": b""})) == []


def test_a_line_needs_three_points_that_differ():
    assert line_through([(0.1, 0.2), (0.2, 0.3)]) is None
    assert line_through([(0.1, 0.2)] * 3) is None
    line = line_through([(0.1, 0.2), (0.2, 0.4), (0.3, 0.6)])
    assert (line.slope, line.correlation) == (pytest.approx(2.0), pytest.approx(1.0))


def test_boards_of_other_competitions_stay(ledger):
    for name in ("a", "b"):
        ledger.record_board(name, "public", [BoardRow(place=1, team=name, score=0.5)])
    ledger.record_board("a", "public", [])
    assert ledger.board("a", "public") == []
    assert [row.team for row in ledger.board("b", "public")] == ["b"]
