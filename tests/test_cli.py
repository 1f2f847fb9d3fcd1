"""The command line as a stranger meets it: right and wrong words, exit codes, what goes where."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import zipfile

import pytest

from competitions.cli import main
from pipelines.runfolder import RunFolder, read_json, write_json
from tests.conftest import QUICK
from tests.source import ROOT

MAY = "tps_tabular/may-2022"


def test_a_command_without_flags_asks_for_the_files(podium):
    said = podium("run", "tps_tabular/may-2022")
    assert said.code == 1
    assert "data/tabular-playground-series-may-2022/" in said.err
    assert "train.csv" in said.err


def test_a_run_ends_with_a_submission_and_json(podium, files, tmp_path):
    said = podium("run", MAY, "--data", files, *QUICK, "--json")
    assert said.code == 0
    result = json.loads(said.out.splitlines()[-1])
    assert result["competition"] == MAY
    assert len(result["fold_scores"]) == 5
    assert result["score"] > 0.6 > result["baseline"]
    assert 0 < result["score_se"] < 0.1
    written = (tmp_path / result["submission"]).read_text().splitlines()
    sample = (files / "sample_submission.csv").read_text().splitlines()
    assert written[0] == sample[0]
    assert [line.split(",")[0] for line in written] == [line.split(",")[0] for line in sample]
    assert "fold 0" in said.err
    assert "fold 0 seed" not in said.out


def test_quiet_says_nothing_on_stderr(podium, files):
    assert podium("run", MAY, "--data", files, *QUICK, "--quiet").err == ""


@pytest.mark.parametrize(
    ("arguments", "known"),
    [
        (["rum"], "did you mean run"),
        (["run"], "expected NAME right after the verb"),
        (["run", "nosuch"], "known: "),
        (["run", "tps_tabular"], "tps_tabular/dec-2021"),
        (["run", "tps_tabular/june-2021"], "did you mean tps_tabular/jun-2021"),
        (["run", "tps_tabular/jun-2022"], "not supported"),
        (["run", MAY, "--round", "5"], "did you mean --rounds"),
        (["run", MAY, "--folds", "a"], "--folds: expected int values"),
        (["run", MAY, "--limit", "-1"], "--limit: expected a number of rows"),
        (["run", MAY, "--limit", "1e3"], "--limit: expected a number of rows"),
        (["run", MAY, "--experiment", "best"], "expected a named experiment"),
        (["run", "tps_tabular/mar-2022", "--model", "histgb"], "--param '' drops that"),
        (["predict"], "expected a run first"),
        (["predict", "nosuch"], "expected a run, got 'nosuch'"),
        (["check", "some.csv"], "--competition NAME"),
        (["check-competition", MAY, "--toy"], "expected one name and no flags, got --toy too"),
        (["new", "Bad-Name"], "a-z"),
        (["new", "tps_tabular"], "taken"),
        (["new", "cli"], "no module or word of Python"),
        (["new", "class"], "no module or word of Python"),
    ],
)
def test_what_is_not_understood_lists_what_is_known(podium, arguments, known):
    said = podium(*arguments)
    assert said.code == 2
    assert known in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--rounds many", "--rounds: expected a whole number, got 'many'"),
        ("--rate=fast", "--rate: expected a number, got 'fast'"),
        (
            "--model lightgmb",
            "--model: expected a value, got 'lightgmb' (did you mean lightgbm?); known: lightgbm, xgb",
        ),
        ("--rounds", "--rounds: expected a whole number after it, got nothing"),
        ("--toy --rounds --quiet", "--rounds: expected a whole number after it, got nothing"),
        ("--toy=3", "--toy: expected no value, got '3'; leave it out"),
        ("--toy yes", "expected flags only, got 'yes'"),
        ("--quiet -3", "expected flags only, got '-3'"),
        ("--limit -3", "--limit: expected a number of rows above 0"),
    ],
)
def test_a_bad_value_is_one_sentence_about_its_flag(podium, flags, sentence):
    said = podium("run", MAY, *flags.split())
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith("podium: ")
    assert sentence in said.err


def test_a_terminal_that_lacks_a_letter_is_shown_the_rest(monkeypatch):
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, "ascii"))
    assert main(["--help"]) == 0
    assert rb"3 stopped by --strict \xb7 75 another process" in shown.getvalue()


def test_help_lists_verbs_flags_and_exit_codes(podium):
    assert "exit codes" in podium("--help").out
    flags = podium("run", MAY, "--help").out
    for flag in ("--rounds", "--folds", "--limit", "--seed", "--fresh", "--data"):
        assert flag in flags
    assert "boosting" in flags.lower()  # a field's own line
    for verb in ("run", "folds", "check", "runs", "new", "check-competition", "predict"):
        said = podium(verb, "--help")
        assert (said.code, said.err) == (0, "")
        assert f"usage: podium {verb} " in said.out


def test_missing_files_show_the_tree_and_the_way(podium, tmp_path):
    said = podium("run", MAY, "--data", tmp_path / "nowhere")
    assert said.code == 1
    for text in ("train.csv", "sample_submission.csv", "kaggle.com/c/tabular-playground-series-may-2022"):
        assert text in said.err


def test_bare_podium_lists_competitions_runs_and_scores(podium, files, tmp_path):
    before = podium()
    assert before.code == 0
    line = next(line for line in before.out.splitlines() if line.startswith(MAY))
    assert line.split()[1:3] == ["no", "0"]
    assert not (tmp_path / "runs").exists()
    (tmp_path / "data").mkdir()
    files.rename(tmp_path / "data" / "tabular-playground-series-may-2022")
    result = json.loads(podium("run", MAY, *QUICK, "--json").out.splitlines()[-1])
    line = next(line for line in podium().out.splitlines() if line.startswith(MAY))
    assert line.split()[1:4] == ["yes", "1", f"{result['score']:.5f}"]


def test_check_judges_any_file(podium, files, tmp_path):
    result = json.loads(podium("run", MAY, "--data", files, *QUICK, "--json").out.splitlines()[-1])
    good = tmp_path / result["submission"]
    assert podium("check", good, "--competition", MAY, "--data", files).code == 0
    lines = good.read_text().splitlines()
    short = tmp_path / "short.csv"
    short.write_text("\n".join(lines[:-1]) + "\n")
    said = podium("check", short, "--competition", MAY, "--data", files)
    assert said.code == 1
    assert lines[-1].split(",")[0] in said.err
    said = podium("check", tmp_path / "absent.csv", "--competition", MAY)  # before any data are looked for
    assert (said.code, "absent.csv: expected a submission to judge, got no file" in said.err) == (1, True)


def test_out_of_time_the_baseline_is_submitted_even_where_it_is_what_the_sample_holds(podium):
    said = podium("run", "tps_tabular/dec-2021", "--toy", "--budget", "0.001s", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out.splitlines()[-1])["sources"] == ["baseline0"]
    assert "the score and the submission are of the baseline" in said.out


def test_the_flags_of_a_plan_say_what_they_do(podium):
    told = " ".join(podium("folds", MAY, "--help").out.replace("│", " ").split())
    for words in ("Folds per repeat", "Column that orders the rows", "Groups that validate at once", "Length of the"):
        assert words in told


def test_check_unpacks_the_sample_submission_and_nothing_else(podium, files, tmp_path):
    root, rows = tmp_path / "packed", (files / "sample_submission.csv").read_text().splitlines()
    root.mkdir()
    with zipfile.ZipFile(root / "all.zip", "w") as archive:
        for path in files.iterdir():
            archive.write(path, path.name)
    made = tmp_path / "made.csv"
    made.write_text("\n".join([rows[0], *(f"{row.split(',')[0]},0.{place}" for place, row in enumerate(rows[1:]))]))
    assert podium("check", made, "--competition", MAY, "--data", root).code == 0
    assert {path.name for path in root.iterdir()} == {"all.zip", "sample_submission.csv"}


def test_folds_shows_the_split_and_the_audit_can_stop(podium, files, tmp_path):
    said = podium("folds", MAY, "--data", files, "--audit")
    (kept,) = (tmp_path / "runs" / MAY / "folds").glob("audit-*.json")
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    again = podium("folds", MAY, "--data", files, "--audit")
    assert (again.code, again.out, kept.read_bytes()) == (said.code, said.out, whole)
    assert said.code == 0
    assert "never validate: 0" in said.out
    assert list((tmp_path / "runs" / MAY / "folds").glob("stratified-5-*.parquet"))
    lines = (files / "train.csv").read_text().splitlines()
    target = lines[0].split(",").index("target")
    leaked = [lines[0] + ",oracle", *(f"{line},{line.split(',')[target]}" for line in lines[1:])]
    (files / "train.csv").write_text("\n".join(leaked) + "\n")
    test = (files / "test.csv").read_text().splitlines()
    (files / "test.csv").write_text("\n".join([test[0] + ",oracle", *(f"{line},0" for line in test[1:])]) + "\n")
    said = podium("folds", MAY, "--data", files, "--audit", "--strict", "--remake")
    assert said.code == 3
    assert "oracle" in said.out


def test_runs_diff_and_clean(podium, files, tmp_path):
    first, second = (
        json.loads(podium("run", MAY, "--data", files, *QUICK, "--rate", rate, "--json").out.splitlines()[-1])["run"]
        for rate in ("0.1", "0.3")
    )
    shown = podium("runs", MAY, "--diff", first, second).out
    assert [line.split() for line in shown.splitlines()[1:]] == [["rate", "0.1", "0.3"]]
    assert podium("clean", MAY, "--keep", "1").out.count("would delete") == 1
    assert podium("clean", MAY, "--keep", "1", "--yes").code == 0
    left = [path.parent.name for path in (tmp_path / "runs" / MAY).glob("*/run.json")]
    assert len(left) == 1
    assert left[0] in (first, second)


def test_a_quick_pass_never_counts_as_the_best(podium, files, tmp_path):
    (tmp_path / "data").mkdir()
    files.rename(tmp_path / "data" / "tabular-playground-series-may-2022")
    runs = []
    for flags in (["--folds", "3"], ["--folds", "2"], ["--limit", "300"], []):
        said = podium("run", MAY, *QUICK, "--rate", f"0.1{len(runs)}", *flags, "--json")
        runs.append(json.loads(said.out.splitlines()[-1]))
    assert max(run["score"] for run in runs) > runs[-1]["score"]
    line = next(line for line in podium().out.splitlines() if line.startswith(MAY))
    assert line.split()[3] == f"{runs[-1]['score']:.5f}"
    assert podium("clean", MAY, "--keep", "1", "--yes").code == 0
    assert [path.parent.name for path in (tmp_path / "runs" / MAY).glob("*/run.json")] == [runs[-1]["run"]]


def test_runs_that_were_killed_are_stopped_and_live_ones_are_left(podium, files, tmp_path):
    name = json.loads(podium("run", MAY, "--data", files, *QUICK, "--json").out.splitlines()[-1])["run"]
    folder = RunFolder(tmp_path / "runs" / MAY / name)
    write_json(folder.record, {**read_json(folder.record), "state": "running", "scores": None})
    with folder.lock():
        assert podium("runs", MAY).out.split("\n")[1].split()[1] == "running"
        said = podium("clean", MAY, "--yes")
        assert (said.code, said.out) == (75, "")
    assert podium("runs", MAY).out.split("\n")[1].split()[1] == "stopped"
    assert podium("clean", MAY, "--keep", "-1").code == 2


def test_only_fits_that_stop_early_are_called_optimistic(podium, files):
    command = ("run", MAY, "--data", files, "--folds", "0", "--rounds", "30", "--patience", "5", "--no-audit")
    assert "optimistic" in podium(*command).out
    assert "optimistic" not in podium(*command, "--model", "linear").out


def test_a_folder_that_cannot_be_written_is_named_with_a_way_out(podium, files, tmp_path):
    (tmp_path / "taken").write_text("a file")
    said = podium("run", MAY, "--data", files, *QUICK, "--runs", "taken", "--quiet")
    assert (said.code, said.err.startswith("podium: taken")) == (1, True)
    assert "expected to read or write it" in said.err
    said = podium("board", MAY, "--csv", "taken/all.csv")
    assert (said.code, said.err.startswith("podium: taken")) == (1, True)


def test_an_error_that_names_its_way_out_comes_without_the_systems_number(podium, monkeypatch):
    def full():
        raise OSError(errno.ENOSPC, "a.csv: expected room to write it, got none; free disk space")

    monkeypatch.setattr("competitions.overview.overview", full)
    assert podium().err == "podium: a.csv: expected room to write it, got none; free disk space\n"


def test_where_there_are_toy_runs_only_they_are_pointed_to(podium, tmp_path):
    assert "--toy" not in podium("runs", MAY).out
    record = RunFolder(tmp_path / "runs" / "toy" / MAY / "lightgbm-0").record
    record.parent.mkdir(parents=True)
    write_json(record, {})
    assert f"podium runs {MAY} --toy lists those on toy files" in podium("runs", MAY).out
    assert "did you mean lightgbm-0?" in podium("predict", "lightgbm-1").err


def test_a_reader_that_leaves_early_ends_the_command_without_a_word():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "competitions", "--help"]
    said = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (said.returncode, said.stderr) == (1, b"")


def test_flags_of_a_plan_make_another_kind_or_are_bad_values(podium, files):
    command = ("folds", MAY, "--data", files, "--quiet")
    said = podium(*command, "--kind", "group", "--group", "f_07")  # without the target that the declared plan spreads
    assert (said.code, "group-5-" in said.out) == (0, True), said.err
    for flags, named in (("--n 1", "FoldPlan.n"), ("--kind group", "column of group"), ("--kind x", "known: random")):
        said = podium(*command, *flags.split())
        assert (said.code, named in said.err) == (2, True)
    assert "no serious leak" in podium(*command, "--strict").out
