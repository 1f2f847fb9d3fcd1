"""The size of things: short files, short functions, few parameters, little nesting, plain names."""

from __future__ import annotations

import ast
import re
import statistics

import pytest

from tests.source import path_of, sources

BANNED = {"df", "data", "cfg", "config", "args", "utils", "helper", "common", "misc", "manager", "process", "handle"}
BANNED |= {"preds", "pp", "ds", "mdl", "tmp", "final", "v2"}
FLAGS = {
    "competitions.requests",
    "competitions.fetching",
    "pipelines.options",
    "competitions.judging",
    "competitions.combining",
    "competitions.explaining",
}  # where --data is declared
NESTS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(module: str) -> list[Function]:
    return [node for node in ast.walk(sources()[module]) if isinstance(node, Function)]


def length(node: ast.AST) -> int:
    return node.end_lineno - node.lineno + 1


def depth(node: ast.AST) -> int:
    inner = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            continue
        chained = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]  # elif
        inner = max(inner, depth(child) + (isinstance(child, NESTS) and not chained))
    return inner


def test_files_are_short():
    lines = {module: len(path_of(module).read_text().splitlines()) for module in sources()}
    assert {module: count for module, count in lines.items() if count > 300} == {}
    assert statistics.median(count for count in lines.values() if count) <= 120


def test_functions_are_short():
    lengths = {f"{module}.{each.name}": length(each) for module in sources() for each in functions(module)}
    assert {name: count for name, count in lengths.items() if count > 50} == {}
    assert statistics.median(lengths.values()) <= 12


@pytest.mark.parametrize("module", sorted(sources()))
def test_parameters_are_few_and_nesting_shallow(module):
    for each in functions(module):
        given = [*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs]
        count = len([name for name in given if name.arg not in ("self", "cls")])
        assert count <= 6, f"{module}.{each.name} takes {count} parameters; more than six belong in a dataclass"
        assert depth(each) <= 3, f"{module}.{each.name} nests {depth(each)} deep"


@pytest.mark.parametrize("module", sorted(sources()))
def test_names_say_what_they_are(module):
    names = set()
    for node in ast.walk(sources()[module]):
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, Function | ast.ClassDef):
            names.add(node.name)
    banned = (names & BANNED) - ({"data"} if module in FLAGS else set())
    banned |= {name for name in names - {"sha256"} if re.fullmatch(r"new_.*|[a-z_]{2,}[0-9]+", name)}
    assert not banned, f"{module} uses {banned}"


@pytest.mark.parametrize("module", sorted(sources()))
def test_every_public_thing_says_in_a_sentence_what_it_is(module):
    tree = sources()[module]
    if tree.body:
        assert ast.get_docstring(tree), module
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in [each for holder in (tree, *classes) for each in holder.body]:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{module}.{node.name}"
