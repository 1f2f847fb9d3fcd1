"""Settings as JSON and as a fingerprint: every field counts, and so does the code that a field names."""

import enum
import functools
import importlib
import json
import math
import sys
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

from pipelines.settings import diff, settings, settings_fingerprint

FEATURES = """
import functools

RATE = 0.5

def ratio(table):
    return table["a"] / table["b"]  # of two columns

def clip(low, high=1):
    def clipped(table):
        return table.clip(low, high)
    return clipped

class Lags:
    def __init__(self, steps):
        self.steps = steps

one, other = (lambda table: table + 1), (lambda table: table + 2)
made = [lambda table, k=k: table * k for k in (1, 2)]
"""


class Side(enum.Enum):
    LEFT = 1
    RIGHT = 2


@dataclass(frozen=True)
class Tree:
    depth: int = 3
    rate: float = 0.1


@dataclass(frozen=True)
class Toy:
    tree: Tree = field(default_factory=Tree)
    columns: tuple[str, ...] = ("a", "b")
    side: Side = Side.LEFT
    feature: Any = None
    seed: int = 0
    workers: int = field(default=2, compare=False)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Imports the given text as a module of its own, anew each time."""
    monkeypatch.syspath_prepend(tmp_path)

    def load(text):
        (tmp_path / "toy_features.py").write_text(text)
        sys.modules.pop("toy_features", None)
        importlib.invalidate_caches()
        sys.dont_write_bytecode = True
        return importlib.import_module("toy_features")

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield load
    sys.modules.pop("toy_features", None)


def of(feature) -> str:
    return settings_fingerprint(Toy(feature=feature))


def test_settings_are_plain_json():
    made = settings(Toy(feature={"weights": np.array([1.5, 2]), "cap": math.inf, "some": {"b", "a"}}))
    assert json.loads(json.dumps(made)) == made
    assert made == {
        "class": f"{__name__}.Toy",
        "tree": {"class": f"{__name__}.Tree", "depth": 3, "rate": 0.1},
        "columns": ["a", "b"],
        "side": "LEFT",
        "feature": {"weights": [1.5, 2.0], "cap": math.inf, "some": ["a", "b"]},
        "seed": 0,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"tree": Tree(depth=4)},
        {"columns": ("b", "a")},
        {"columns": ("a", "b", "c")},
        {"side": Side.RIGHT},
        {"seed": 1},
        {"feature": 1},
        {"feature": "None"},
    ],
)
def test_every_setting_counts(change):
    assert settings_fingerprint(replace(Toy(), **change)) != settings_fingerprint(Toy())
    assert [name.split(".")[0] for name, _, _ in diff(settings(Toy()), settings(replace(Toy(), **change)))] == [*change]


def test_what_decides_no_result_does_not_count():
    assert settings_fingerprint(Toy(workers=16)) == settings_fingerprint(Toy())


def test_another_class_of_the_same_fields_counts():
    twin = make_dataclass("Twin", [("depth", int, 3), ("rate", float, 0.1)], frozen=True)
    assert settings_fingerprint(twin()) != settings_fingerprint(Tree())


def test_differences_are_named_with_their_path_and_both_values():
    one, other = settings(Toy()), settings(Toy(tree=Tree(rate=0.2), seed=5))
    assert diff(one, other) == [("tree.rate", 0.1, 0.2), ("seed", 0, 5)]
    assert diff(one, one | {"extra": 1}) == [("extra", "(absent)", 1)]
    assert diff({"a": math.nan}, {"a": math.nan}) == []


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(one=plain, other=plain)
@options(max_examples=150, deadline=None)
def test_fingerprints_differ_exactly_where_diff_finds_something(one, other):
    found = diff(settings(Toy(feature=one)), settings(Toy(feature=other)))
    assert (of(one) == of(other)) == (not found)
    assert settings(Toy(feature=one))["feature"] == one


def test_an_edited_function_is_another_setting(module):
    before = of(module(FEATURES).ratio)
    assert of(module(FEATURES).ratio) == before
    assert (
        of(
            module(
                FEATURES.replace("  # of two columns", "").replace(
                    '    return table["a"]', '    return table["a"]\\\n     '
                )
            ).ratio
        )
        == before
    )
    assert of(module(FEATURES.replace('table["b"]', 'table["c"]')).ratio) != before
    assert of(module(FEATURES.replace("RATE = 0.5", "RATE = 0.6")).ratio) != before
    assert of(module(FEATURES).clip) != before


def test_lambdas_are_told_apart_even_on_one_line(module):
    features = module(FEATURES)
    assert of(features.one) != of(features.other)
    assert of(features.made[0]) != of(features.made[1])
    before = of(features.one)
    assert of(module(FEATURES).one) == before
    assert of(module("\n\n" + FEATURES).one) == before


def test_values_bound_to_a_function_count(module):
    features = module(FEATURES)
    bound = [features.clip(0), features.clip(1), features.clip(0, 2), functools.partial(features.clip, 0)]
    bound += [functools.partial(features.clip, 1), functools.partial(features.clip, low=0)]
    assert len({of(each) for each in bound}) == len(bound)
    assert of(features.clip(0)) == of(features.clip(0))


def test_methods_count_with_their_object(module):
    class_ = make_dataclass("Scale", [("by", int)], namespace={"run": lambda self, table: table * self.by}, frozen=True)
    assert of(class_(1).run) != of(class_(2).run)
    assert of(class_(1).run) == of(class_(1).run)
    with pytest.raises(ValueError, match=r"Toy\.feature\[0\]: expected .*got Lags"):
        of([module(FEATURES).Lags(3)])


def test_a_dataclass_that_is_called_counts_with_its_code(module):
    text = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Scale:
    by: float = 1
    def __call__(self, table):
        return table * self.by
"""
    scale = module(text).Scale
    before = of(scale())
    assert of(scale(2)) != before
    assert of(module(text.replace("table *", "table /")).Scale()) != before


def test_classes_and_compiled_functions_count_by_name(module):
    assert len({of(math.log), of(math.exp), of(np.log1p), of(np.expm1), of(len)}) == 5
    features = module(FEATURES)
    assert of(features.Lags) != of(module(FEATURES.replace("steps", "lags")).Lags)


def test_a_function_without_a_file_is_refused():
    made: dict[str, Any] = {"__name__": "nowhere"}
    exec("def feature(table):\n    return table", made)
    with pytest.raises(
        ValueError, match=r"Toy\.feature: expected a function from a module's file, got nowhere\.feature"
    ):
        of(made["feature"])


def test_a_function_alone_has_settings_too(module):
    found = settings(module(FEATURES).ratio)
    assert found["name"] == "toy_features.ratio"
    assert json.loads(json.dumps(found)) == found


def test_a_file_counts_by_name_and_content(tmp_path):
    for folder, content in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "weights.bin").write_text(content)
    here, there, edited = (of(tmp_path / folder / "weights.bin") for folder in "abc")
    assert here == there
    assert here != edited
    assert str(tmp_path) not in json.dumps(settings(Toy(feature=tmp_path / "a" / "weights.bin")))
    assert settings(Toy(feature=Path("models/none.bin")))["feature"] == "models/none.bin"


def test_unknown_objects_are_refused_with_their_field():
    with pytest.raises(ValueError, match=r"Toy\.feature\['deep'\]\[1\]: expected .*got object"):
        settings(Toy(feature={"deep": [1, object()]}))
    with pytest.raises(ValueError, match="expected a learner or a function, got 5"):
        settings(5)
