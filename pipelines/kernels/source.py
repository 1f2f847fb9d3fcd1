"""The one source file of a kernel, as a notebook or as a script."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipelines.kernels import entry

Form: TypeAlias = Literal["notebook", "script"]
INPUTS, WORKING = "/kaggle/input", "/kaggle/working"

STEPS = """\
inputs, working = Path("{inputs}"), Path("{working}")
content, carried, scratch = open_bundle(inputs, {owner!r}, {code!r}, {carried!r})
"""
CALL = """\
from competitions.inside import Kernel, {verb}

{verb}(Kernel(content, carried, inputs, working, scratch))
"""


@dataclass(frozen=True)
class Told:
    """What is written into the source."""

    title: str
    about: str
    owner: str
    code: str  # slugs of the datasets: of the code,
    carried: str  # and of models or weights; "" where there are none
    verb: Literal["predict", "train"]

    @property
    def cells(self) -> list[tuple[str, str]]:
        """The cells, (markdown or code, text)."""
        given = {"inputs": INPUTS, "working": WORKING, "owner": self.owner, "code": self.code, "carried": self.carried}
        head = inspect.getsource(entry).split("\n\n", 1)[1]  # its docstring is about the file
        return [
            ("markdown", f"# {self.title}\n\n{self.about}\n"),
            ("code", head),
            ("code", STEPS.format(**given)),
            ("code", CALL.format(verb=self.verb)),
        ]


def as_notebook(told: Told) -> str:
    """A notebook's JSON."""
    cells = [_cell(kind, text) for kind, text in told.cells]
    about = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return json.dumps({"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 4}, indent=1) + "\n"


def as_script(told: Told) -> str:
    """A script in jupytext's percent format."""
    parts = []
    for kind, text in told.cells:
        lines = text.splitlines()
        head = "# %% [markdown]" if kind == "markdown" else "# %%"
        parts.append("\n".join([head, *(f"# {line}".rstrip() if kind == "markdown" else line for line in lines)]))
    return "\n\n".join(parts) + "\n"


def _cell(kind: str, text: str) -> dict[str, object]:
    cell: dict[str, object] = {"cell_type": kind, "metadata": {}, "source": text.rstrip("\n").splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})
