"""Predictions survive the disk to the bit, whatever their shape, and carry their marks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.predictions import Predictions, collect, read_predictions, write_predictions

shapes = st.sampled_from([(1,), (3,), (70,), (2, 256)])
kinds = st.sampled_from([np.float64, np.float32, np.int32, np.uint8])


@settings(max_examples=30, deadline=None)
@given(drawn=st.data())
def test_what_is_written_is_read(tmp_path_factory, drawn):
    texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
    names = drawn.draw(st.lists(texts, min_size=1, max_size=5, unique=True))
    kept = {
        name: drawn.draw(arrays(drawn.draw(kinds), (len(names), *drawn.draw(shapes))))
        for name in ("prediction", "seed0_kept")
    }
    path = tmp_path_factory.mktemp("predictions") / "oof.parquet"
    written = Predictions(pd.Index(names, name="Id"), kept, {"run": "abc"})
    write_predictions(path, written)
    first = path.read_bytes()
    read = read_predictions(path)
    assert list(read.ids) == names
    assert read.ids.name == "Id"
    assert read.marks == {"run": "abc"}
    for name, array in kept.items():
        assert read.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(read.arrays[name], array)
    write_predictions(path, written)
    assert path.read_bytes() == first


def test_a_torn_file_is_named(tmp_path):
    path = tmp_path / "oof.parquet"
    write_predictions(path, Predictions(pd.Index(["a"], name="id"), {"prediction": np.ones((1, 1))}, {}))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"oof\.parquet: expected predictions"):
        read_predictions(path)


def test_chunks_are_joined_in_order():
    chunks = [(pd.Index(["b"]), np.zeros((1, 2))), (pd.Index(["a", "c"]), np.ones((2, 2)))]
    ids, values = collect(chunks)
    assert list(ids) == ["b", "a", "c"]
    assert values.tolist() == [[0, 0], [1, 1], [1, 1]]
