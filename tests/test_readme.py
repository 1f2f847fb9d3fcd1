"""What the README tells a newcomer to type works as it stands."""

from __future__ import annotations

import re
import shlex

import pytest

from competitions.cli import VERBS
from tests.source import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
TYPED = [line.strip().split("  ")[0].split(" #")[0].strip() for line in README.splitlines() if line.startswith("    ")]
COMMANDS = [line for line in TYPED if re.match(r"(podium|make)( |$)", line)]


def test_the_readme_shows_commands():
    assert {"make demo", "make test", "podium", "podium run tps_tabular/may-2022 --toy"} <= set(COMMANDS)


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("make ")])
def test_make_knows_what_the_readme_names(command):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{command.split()[1]}:.*##", makefile, re.MULTILINE)


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("podium ")])
def test_the_verbs_of_the_readme_exist(command):
    assert command.split()[1] in VERBS


@pytest.mark.parametrize("command", [each for each in COMMANDS if re.search(" --?[a-z]", each)])
def test_the_flags_of_the_readme_exist(podium, command):
    words = [{"NAME": "petfinder"}.get(word, word) for word in shlex.split(command)[1:] if word not in ("[RUN", "...]")]
    known = podium(*words, "--help")
    assert known.code == 0, known.err
    for flag in [word for word in words if word.startswith("-")]:
        assert re.search(rf"(?<![\w-]){flag}(?![\w-])", known.out), flag


@pytest.mark.parametrize("command", [each for each in COMMANDS if "--toy" in each or each == "podium"])
def test_what_needs_no_files_runs(podium, command):
    said = podium(*command.split()[1:])
    assert said.code == 0, said.err
    assert said.out


def test_the_table_of_exit_codes_is_the_command_lines(podium):
    told = set(re.findall(r"^\| (\d+) \|", README, re.MULTILINE))
    assert told == set(re.findall(r"(?:^|[ ·:]) ?(\d+) (?=[a-z])", podium("--help").out.split("exit codes")[1]))
