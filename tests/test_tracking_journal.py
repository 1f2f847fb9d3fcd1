"""What the mirror knows of W&B: nothing is sent twice and nothing is left out, whatever was lost on the way."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contract import Metric, Targets
from pipelines.metrics import METRICS
from pipelines.predictions import Predictions, write_predictions
from pipelines.runfolder import RunFolder
from pipelines.stops import UsageError
from pipelines.tracking.journal import Journal
from pipelines.tracking.mirror import settled_state
from pipelines.tracking.mode import settle_mode
from pipelines.tracking.rows import Naming
from pipelines.tracking.tail import Tail
from pipelines.tracking.worst import write_worst

KEY = "k" * 40


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.booleans()), max_size=8), st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_whatever_w_and_b_loses_it_ends_up_with_every_step_once(tmp_path_factory, stretches, torn):
    path = tmp_path_factory.mktemp("journal") / "fold0.journal"
    rows, taken = [], []  # what the run logged, what W&B holds
    for more, lost, ended in [*stretches, (1, 0, True)]:
        rows += [f"row{len(rows) + number}" for number in range(more)]
        journal = Journal(path)
        journal.begin("online", len(taken))
        waiting = [key for key in rows if key not in journal]
        journal.add(waiting)
        sent = [(journal.place(key), key) for key in waiting]
        assert [step for step, _ in sent] == list(range(len(taken), len(taken) + len(sent)))
        taken += sent
        if ended:
            journal.end("")
        else:
            del taken[len(taken) - min(lost, len(sent)) :]
            with path.open("a") as lines:
                lines.write(json.dumps(["row", "torn"])[:torn])  # a kill in the middle of a line
    assert sorted(taken) == sorted(enumerate(key for _, key in taken))
    assert sorted(key for _, key in taken) == sorted(rows)


def test_marks_are_kept_when_they_are_sure(tmp_path):
    path = tmp_path / "cv.journal"
    journal = Journal(path)
    journal.begin("offline", 0)
    journal.mark("first")
    journal.end("folder")
    journal.begin("offline", 0)
    journal.mark("second")
    journal = Journal(path)  # the second stretch was killed
    assert journal.open == "offline"
    journal.begin("offline", 0)
    assert journal.marks == {"first"}
    journal.begin("online", 0, marked=False)
    assert journal.marks == set()


LINE = st.dictionaries(st.sampled_from(["fold", "step", "loss"]), st.integers(), min_size=1)


@given(st.lists(st.tuples(st.booleans(), st.lists(LINE, max_size=3), st.integers(0, 20)), max_size=8))
@settings(max_examples=60, deadline=None)
def test_the_tail_sees_every_line_however_they_are_written(tmp_path_factory, writes):
    path = tmp_path_factory.mktemp("tail") / "metrics.jsonl"
    tail = Tail(path)
    assert tail.read() == (False, [])
    there, seen, rest = [], [], b""
    for anew, lines, split in writes:
        text = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        if anew:
            draft = path.with_name("draft")
            draft.write_bytes(text)
            draft.replace(path)
            there, rest = list(lines), b""
        else:
            with path.open("ab") as file:
                file.write(rest + text[:split])
            rest, there = text[split:], [*there, *lines]
        again, found = tail.read()
        seen = found if again else [*seen, *found]
    with path.open("ab") as file:
        file.write(rest)
    again, found = tail.read()
    assert (found if again else [*seen, *found]) == there
    tail.close()


def test_rows_are_told_apart_by_fold_seed_and_names():
    line = {"fold": "1", "seed": 0, "step": 5, "loss": 0.5}
    folds, one = Naming("folds", 1), Naming("one", 2)
    assert (folds.row(line).place, dict(folds.row(line).content())) == ("fold1", {"loss": 0.5, "step": 5})
    assert dict(one.row(line).content()) == {"fold1/seed0/loss": 0.5, "fold1/seed0/step": 5}
    blank = {**line, "fold": "baseline1"}
    assert (folds.row(blank).place, folds.row(blank).axis) == ("fold1", "baseline/step")
    assert {one.row({**line, **other}).key for other in ({}, {"seed": 1}, {"fold": "2"}, {"rmse": 1})} == {
        "1/0/5/loss",
        "1/1/5/loss",
        "2/0/5/loss",
        "1/0/5/loss/rmse",
    }


def test_a_run_keeps_its_names_until_it_is_started_over(tmp_path):
    folder = RunFolder(tmp_path / "run")
    first = settled_state(folder, "one")
    assert settled_state(folder, "folds") == first
    folder.empty()
    assert settled_state(folder, "folds")["token"] != first["token"]


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A home without a key, and no variables of W&B's."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_DISABLED", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


def test_auto_is_online_with_a_key_else_off(bare, tmp_path):
    assert settle_mode("auto") == ("off", "")
    bare.setenv("WANDB_API_KEY", KEY)
    assert settle_mode("auto") == ("online", "")
    bare.setenv("WANDB_MODE", "offline")
    assert settle_mode("auto") == ("offline", "")
    assert settle_mode("online") == ("online", "")
    bare.setenv("WANDB_MODE", "disabled")
    assert settle_mode("auto") == ("off", "")
    bare.delenv("WANDB_MODE")
    bare.delenv("WANDB_API_KEY")
    (tmp_path / ".netrc").write_text(f"machine api.wandb.ai\n  login user\n  password {KEY}\n")
    assert settle_mode("auto") == ("online", "")
    bare.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    assert settle_mode("auto") == ("off", "")
    with pytest.raises(UsageError, match=r"--wandb online: expected a key.*127.0.0.1:9, got none; run `wandb login`"):
        settle_mode("online")


def test_without_the_package_one_sentence(bare):
    bare.setitem(__import__("sys").modules, "wandb", None)
    assert settle_mode("auto") == ("off", "")
    bare.setenv("WANDB_API_KEY", KEY)
    mode, said = settle_mode("auto")
    assert mode == "off"
    assert 'pip install "podium[track]"' in said
    with pytest.raises(UsageError, match=r"--wandb offline: expected the wandb package, got none; pip install"):
        settle_mode("offline")


def worst_rows(tmp_path, metric, kept: str, truth, values, choice=None):
    """What write_worst writes for these out-of-fold values."""
    folder = RunFolder(tmp_path)
    ids = pd.Index([f"row{number}" for number in range(len(truth))], name="id", dtype="string[pyarrow]")
    arrays = {"fold": np.zeros((len(ids), 1), np.int32), kept: values}
    write_predictions(folder.oof, Predictions(ids, arrays, {}))
    table = pd.DataFrame({"target": np.arange(len(ids))}, index=ids)
    run = SimpleNamespace(folder=folder, rows=table, competition=SimpleNamespace(metric=metric))
    run.targets = Targets(("target",), lambda cells: truth[cells["target"].to_numpy()], metric)
    write_worst(run, choice)
    return json.loads((folder.tracking / "worst.table.json").read_text())


def test_the_worst_rows_are_the_metrics_worst_and_else_the_farthest_off(tmp_path):
    truth, prediction = np.array([[100.0], [1.0], [10.0]]), np.array([[90.0], [3.0], [10.0]])
    for name, order in (("rmse", ["row0", "row1", "row2"]), ("smape", ["row1", "row0", "row2"])):
        content = worst_rows(tmp_path, METRICS[name], "prediction", truth, prediction)
        assert [row[0] for row in content["rows"]] == order
        assert content["rows"][order.index("row1")][2:] == [1.0, 3.0, 2.0]
    label, chance = np.array([[0], [1], [1]], np.uint8), np.array([[0.1], [0.2], [0.9]])
    content = worst_rows(tmp_path, METRICS["auc"], "prediction", label, chance)  # a single row has no AUC
    assert content["rows"][0][0] == "row1"


def test_of_maps_the_rows_that_score_worst_are_listed(tmp_path):
    share = Metric(
        name="share",
        higher_is_better=True,
        best=1.0,
        keep=lambda truth, shown: shown,
        combine=lambda kept, choice, weights: float(kept.mean()),
    )
    content = worst_rows(tmp_path, share, "kept", np.zeros((3, 2)), np.array([[0.9, 0.9], [0.1, 0.3], [0.5, 0.5]]))
    assert content["columns"] == ["id", "fold", "share"]
    assert content["rows"] == [["row1", 0, 0.2], ["row2", 0, 0.5], ["row0", 0, 0.9]]
