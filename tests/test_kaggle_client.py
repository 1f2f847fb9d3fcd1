"""The client's calls: deadlines, other tries, and for every way to fail one sentence with the remedy."""

from __future__ import annotations

import socket
import time
from dataclasses import replace

import pytest

from pipelines.kaggle.client import connect
from pipelines.kaggle.refusals import KaggleError
from tests.kaggle_server import FOREVER, KEY, SIGNATURE, Fault, State, zipped
from tests.kaggling import HASTY, aim, aimed
from tests.tracked import until

SLUG = "titanic"
FILES = {f"train/{number}.jpg": b"x" * number for number in range(1, 46)}


@pytest.fixture
def state() -> State:
    return State(slug=SLUG, files=dict(FILES))


@pytest.fixture
def kaggle(monkeypatch, tmp_path, state):
    with aimed(monkeypatch, tmp_path / "home", state):
        yield connect()


def test_lists_come_whole_though_pages_hold_twenty(kaggle, state):
    assert {each.name: each.size for each in kaggle.files(SLUG)} == {name: len(each) for name, each in FILES.items()}
    assert state.count("ListDataFiles") == 3
    state.board = [(f"team {number}", 1 - number / 100) for number in range(50)]
    assert [(team.name, team.score) for team in kaggle.teams(SLUG, "public")] == state.board
    state.submissions = [
        {"ref": number, "fileName": "s.csv", "status": "COMPLETE", "publicScore": "0.5", "looks": 0}
        for number in range(1, 50)
    ]
    assert [each.ref for each in kaggle.submissions(SLUG)] == [str(number) for number in range(49, 0, -1)]


ANSWERS = [
    (Fault("List", 403), {"joined": False}, "rules", "accept its rules at https://www.kaggle.com/c/titanic/rules"),
    (Fault("List", 400), {"closed": True}, "closed", "takes no submissions any more"),
    (Fault("List", 400), {"code": True}, "code", "code competition"),
    (Fault("List", 400), {}, "refused", "rules not accepted"),
    (Fault("List", 403, b'{"code":403,"message":"You must accept this competition\'s rules"}'), {}, "refused", "rules"),
    (Fault("List", 404), {}, "absent", "is there such a page as https://www.kaggle.com/c/titanic"),
    (Fault("List", 400, b'{"code":400,"message":"daily Submission allowance used"}'), {}, "limit", "00:00 UTC"),
    (Fault("List", 400, b'{"code":400,"message":"deadline has passed"}'), {}, "closed", "whether late ones count"),
    (Fault("List", 429, retry_after="999"), {}, "busy", "again in 16 min 39 s"),
    (Fault("List", 429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT", times=9), {}, "busy", "again in 0.0 s"),
    (Fault("List", 500, times=9), {}, "server", "a failure at Kaggle: run the same command again later"),
    (Fault("List", drop=True, times=9), {}, "offline", "unless its settings turn the internet on"),
    (
        Fault("List", 200, b"<html>sign in</html>", "text/html", times=9),
        {},
        "server",
        "a proxy or a login page in the way",
    ),
    (Fault("List", 200, b'{"files": 3}'), {}, "server", "update the client"),
    (Fault("List", 500, b'{"cut', times=9), {}, "server", "JSONDecodeError"),
]


@pytest.mark.parametrize(("fault", "changes", "kind", "remedy"), ANSWERS)
def test_every_refusal_is_one_sentence_with_its_remedy(kaggle, state, fault, changes, kind, remedy):
    state.faults = [replace(fault)]
    for name, value in changes.items():
        setattr(state, name, value)
    with pytest.raises(KaggleError) as told:
        kaggle.files(SLUG)
    message = str(told.value)
    assert (told.value.kind, remedy in message) == (kind, True), message
    assert message.startswith("titanic: expected to list its files, got ")
    assert "\n" not in message
    assert KEY not in message
    assert "127.0.0.1" not in message


@pytest.mark.parametrize(
    "fault",
    [
        Fault("List", 429, retry_after="0.05", times=2),
        Fault("List", 503, times=3),
        Fault("List", drop=True, times=2),
        Fault("List", 500, b'{"cut', times=1),
        Fault("List", 502, b"<html>bad gateway</html>", "text/html", times=1),
    ],
)
def test_what_may_pass_is_tried_again(kaggle, state, fault):
    state.faults = [replace(fault)]
    assert len(kaggle.files(SLUG)) == len(FILES)
    assert state.count("ListDataFiles") == 3 + fault.times


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_would_stay_is_asked_once(kaggle, state, status):
    state.faults = [Fault("List", status, times=9)]
    with pytest.raises(KaggleError):
        kaggle.files(SLUG)
    assert state.count("ListDataFiles") == 1


def test_the_server_says_how_long_to_wait(kaggle, state):
    state.faults = [Fault("List", 429, retry_after="0.3")]
    start = time.monotonic()
    kaggle.files(SLUG)
    assert time.monotonic() - start >= 0.3


def test_a_call_that_hangs_ends(kaggle, state):
    """The client has no time limit of its own."""
    hasty = replace(kaggle, patience=replace(HASTY, call=0.2, tries=2))
    state.faults = [Fault("List", hang=FOREVER, times=2)]
    with pytest.raises(
        KaggleError, match=r"got no answer in 0\.2 s: nothing is lost, run the same command again"
    ) as told:
        hasty.files(SLUG)
    assert told.value.kind == "slow"
    until(lambda: state.count("ListDataFiles") >= 2)  # on a busy machine the server hears of it later
    assert state.count("ListDataFiles") == 2


def test_no_network_at_all_is_one_sentence(kaggle, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        aim(monkeypatch, f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(KaggleError, match=r"got no connection \(Connection refused\): check the network"):
            kaggle.files(SLUG)


def test_a_failed_upload_that_the_client_reports_as_done_has_no_ref(kaggle, state, tmp_path):
    path = tmp_path / "submission.csv"
    path.write_text("id,target\n")
    state.faults = [Fault("/upload/", 503)]
    assert kaggle.submit(SLUG, path, "words") == ""
    assert state.submissions == []
    ref = kaggle.submit(SLUG, path, "words")
    assert [str(each["ref"]) for each in state.submissions] == [ref]


def test_an_upload_that_hangs_ends_too(kaggle, state, tmp_path):
    path = tmp_path / "submission.csv"
    path.write_text("id,target\n")
    hasty = replace(kaggle, patience=replace(HASTY, call=0.1))
    state.faults = [Fault("/upload/", hang=FOREVER)]
    with pytest.raises(KaggleError) as told:
        hasty.submit(SLUG, path, "words")
    assert told.value.kind == "slow"
    until(lambda: state.count("/upload/") == 1)


def test_a_link_is_signed_and_no_message_shows_it(kaggle, state):
    state.zipped = {"train/3.jpg"}
    link = kaggle.link(SLUG, "train/3.jpg")
    assert link.name == "train/3.jpg.zip"
    assert SIGNATURE in link.request.url
    assert kaggle.link(SLUG, "").name == f"{SLUG}.zip"
    assert SIGNATURE not in str(KaggleError("server", f"got {link.request.url}"))


def test_a_leaderboard_is_one_call(kaggle, state):
    state.board = [("first", 0.9)]
    assert kaggle.leaderboard(SLUG)[:2] == zipped({})[:2]
