"""Imports point left, lazy ones too; there is no cycle; heavy libraries wait for the function that uses them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.source import PACKAGES, ROOT, imported, sources

LEAVES = {
    # pyarrow is what pandas writes parquet with; threadpoolctl keeps scikit-learn's threads off a busy machine
    "folds": {"numpy", "pandas", "sklearn", "pyarrow", "threadpoolctl"},
    "features": {"numpy", "pandas", "cv2", "albumentations", "torch", "PIL"},  # PIL: GIF, EXIF, what OpenCV lacks
    "submissions": {"numpy", "pandas", "scipy", "pyarrow"},
}
MAY_IMPORT = {
    **{leaf: {leaf} for leaf in LEAVES},
    "pipelines": {*LEAVES, "pipelines"},
    "competitions": {*LEAVES, "pipelines", "competitions"},
}
HEAVY = {
    "torch",
    "torchvision",
    "timm",
    "sklearn",
    "lightgbm",
    "xgboost",
    "catboost",
    "wandb",
    "kaggle",
    "albumentations",
}
HEAVY |= {"matplotlib", "segmentation_models_pytorch", "skops"}


@pytest.mark.parametrize("module", sorted(sources()))
def test_imports_point_left(module):
    package = module.split(".")[0]
    ours = {name.split(".")[0] for name in imported(module)} & {*PACKAGES, "tests"}
    assert ours <= MAY_IMPORT[package], f"{module} imports {ours - MAY_IMPORT[package]}"


@pytest.mark.parametrize("module", [name for name in sorted(sources()) if name.split(".")[0] in LEAVES])
def test_leaves_import_only_their_libraries(module):
    tops = {name.split(".")[0] for name in imported(module)} - set(sys.stdlib_module_names) - set(PACKAGES)
    assert tops <= LEAVES[module.split(".")[0]], f"{module} imports {tops - LEAVES[module.split('.')[0]]}"


def test_one_competition_never_imports_another():
    for module in sources():
        parts = module.split(".")
        if parts[0] == "competitions" and len(parts) > 2:
            others = {name for name in imported(module) if name.startswith("competitions.")}
            strange = {name for name in others if name.split(".")[1] != parts[1]}
            assert not strange, f"{module} imports {strange}"


def test_stages_know_no_competition_by_name():
    names = {path.parent.name for path in (ROOT / "competitions").glob("*/spec.py")}
    for module in sources():
        if module.split(".")[0] != "competitions":
            texts = {node.value for node in ast.walk(sources()[module]) if isinstance(node, ast.Constant)}
            assert not names & {text for text in texts if isinstance(text, str)}, module


def test_no_import_cycle():
    graph = {}
    for module in sources():
        graph[module] = {name for name in imported(module) if name in sources() and name != module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")


def top_imports(module: str) -> set[str]:
    """What importing a module imports at once: not what its functions import, nor what only type checkers read."""
    lines = [node for node in sources()[module].body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in lines if isinstance(node, ast.Import) for alias in node.names}
    for node in lines:
        if isinstance(node, ast.ImportFrom):
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_heavy_libraries_wait_for_the_function_that_uses_them():
    """Whatever the command line or a competition's spec imports at once is free of them."""
    specs = [name for name in sources() if name.endswith(".spec") or ".months." in name]
    verbs = ["competitions.verbs", "competitions.combining", "competitions.explaining"]
    waiting, seen = ["competitions.cli", *verbs, *specs], set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        heavy = {name.split(".")[0] for name in top_imports(module)} & HEAVY
        assert not heavy, f"{module} imports {heavy} at its top and is imported at every start"
        waiting += [name for name in top_imports(module) if name in sources() and name not in seen]
    assert len(seen) > 20


def loaded_by(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds after running code."""
    listing = f"{code}\nimport sys; print('loaded:', *{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())


def test_help_imports_no_competition_and_nothing_heavy():
    loaded = loaded_by("from competitions.cli import main; main(['--help'])")
    assert not loaded & (HEAVY | {"pandas", "tyro"})


def test_the_bare_command_imports_nothing_heavy():
    loaded = loaded_by("from competitions.cli import main; main([])")
    assert "pandas" in loaded
    assert not loaded & HEAVY


def test_the_package_list_is_what_the_code_uses():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    names = {re.split(r"[<>=!~ ]", each)[0] for each in declared}
    import_name = {
        "huggingface-hub": "huggingface_hub",
        "opencv-python-headless": "cv2",
        "pillow": "PIL",
        "python-dateutil": "dateutil",
        "scikit-learn": "sklearn",
        "segmentation-models-pytorch": "segmentation_models_pytorch",
        "xgboost-cpu": "xgboost",
    }
    used = {name.split(".")[0] for module in sources() for name in imported(module)}
    used -= {*sys.stdlib_module_names, *PACKAGES}
    # six is declared for kaggle, which imports it without saying so; torchvision must match torch, or timm fails
    assert {import_name.get(name, name) for name in names} - {"six", "torchvision"} == used
