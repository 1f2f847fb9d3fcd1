"""Maps of test rows are the same wherever a prediction goes on, even from a model that looks at a chunk as a whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from competitions.registry import find_competition
from pipelines.maps import predicted_maps
from pipelines.predicting import Trained
from pipelines.report import Report
from pipelines.runfolder import RunFolder


@dataclass(frozen=True)
class Chunked:
    """Rows in chunks of four."""

    seed: int = 0
    chunk: int = 4

    def inputs(self, table):
        for start in range(0, len(table), self.chunk):
            rows = table.iloc[start : start + self.chunk]
            yield rows.index, rows["number"].to_numpy()


class Mixing:
    """A model whose maps tell how many rows it saw together, and which."""

    def predict(self, inputs):
        return np.repeat((inputs + inputs.mean() + len(inputs))[:, None, None] / 255, 4, axis=1).repeat(5, axis=2)


class Blanked(Trained):
    """Rows without a file have maps of nothing."""

    def blanks(self, rows, report):
        return iter([(rows.index, np.zeros((len(rows), 4, 5)))])


@pytest.mark.parametrize("without", [(), ("r02", "r03", "r11")])
def test_a_prediction_goes_on_with_the_chunks_it_would_have_had(without):
    rows = pd.DataFrame({"number": np.arange(14.0)}, index=[f"r{row:02}" for row in range(14)])
    competition = replace(find_competition("carvana_masks"), learner=Chunked())
    trained = Blanked(
        competition=competition, folder=RunFolder(Path()), sources=("fold0",), seeds=1, choice=None, marks={}
    )
    whole = list(predicted_maps(trained, [Mixing()], rows, Report(quiet=True), without))
    assert len(whole) == 14
    assert {id for id, levels in zip(rows.index, whole, strict=True) if not levels.any()} == {*without}
    for start in range(15):
        rest = list(predicted_maps(trained, [Mixing()], rows, Report(quiet=True), without, start))
        assert np.array_equal(rest, whole[start:])
