"""Run-length codes: masks come back as they were in either order, and codes that are no masks are refused by id."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco

from submissions.rle import decode, encode
from submissions.runs import find_fault, read_runs

ORDERS = ("rows", "columns")


def walk(mask, order):
    """Pixel by pixel, as the competitions' pages say it."""
    pixels = (mask if order == "rows" else mask.T).ravel().tolist()
    words, length = [], 0
    for place, pixel in enumerate([*pixels, 0], start=1):
        if pixel:
            length += 1
        elif length:
            words += [place - length, length]
            length = 0
    return " ".join(map(str, words))


def from_coco(text, shape):
    """What pycocotools draws from a column-major code, given as the gaps and runs it counts."""
    numbers = np.array(text.split(), dtype=int).reshape(-1, 2)
    stops = np.concatenate([[0], (numbers[:, 0] - 1 + numbers[:, 1])[:-1]]) if len(numbers) else []
    counts = np.stack([numbers[:, 0] - 1 - stops, numbers[:, 1]], axis=1).ravel().tolist()
    area = shape[0] * shape[1]
    return coco.decode(coco.frPyObjects({"counts": [*counts, area - sum(counts)], "size": list(shape)}, *shape))


def random_mask(random):
    """Noise, stripes, blocks, nothing or everything; rarely a whole number of words long."""
    height, width = random.integers(1, 21, 2)
    kind = random.integers(5)
    if kind == 0:
        return random.random((height, width)) < random.random()
    if kind == 1:
        return np.broadcast_to(np.arange(width) // random.integers(1, 4) % 2 == random.integers(2), (height, width))
    if kind == 2:
        return np.full((height, width), random.integers(2), dtype=np.uint8)
    mask = np.zeros((height, width), dtype=np.uint8)
    top, left = random.integers(0, height), random.integers(0, width)
    mask[top : top + random.integers(1, height + 1), left : left + random.integers(1, width + 1)] = 1
    return mask if kind == 3 else mask * np.uint8(255)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools with numpy 2
def test_ten_thousand_random_masks():
    random = np.random.default_rng(0)
    for turn in range(10_000):
        mask = random_mask(random)
        truth = (mask != 0).astype(np.uint8)
        for order in ORDERS:
            code = encode(mask, order)
            assert code == walk(mask, order)
            assert np.array_equal(decode(code, mask.shape, order), truth)
        if turn % 5 == 0:
            assert read_runs([code], mask.size).areas == truth.sum()
            assert np.array_equal(from_coco(code, mask.shape), truth)


@given(
    mask=arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=40)), order=st.sampled_from(ORDERS)
)
def test_any_mask_comes_back(mask, order):
    assert np.array_equal(decode(encode(mask, order), mask.shape, order), mask)
    assert encode(mask, order) == walk(mask, order)


@pytest.mark.parametrize(
    ("rows", "in_rows", "in_columns"),
    [
        ([[1]], "1 1", "1 1"),
        ([[0]], "", ""),
        ([[0, 0], [0, 0]], "", ""),
        ([[1, 1], [1, 1]], "1 4", "1 4"),
        ([[1, 0, 0], [0, 0, 1]], "1 1 6 1", "1 1 6 1"),  # first and last pixel: where the circulating encoder fails
        ([[0, 1, 1], [1, 0, 0]], "2 3", "2 2 5 1"),  # a run goes on from line to line
        ([[1] * 8, [0] * 8], "1 8", "1 1 3 1 5 1 7 1 9 1 11 1 13 1 15 1"),
    ],
)
def test_codes_written_by_hand(rows, in_rows, in_columns):
    mask = np.array(rows, dtype=np.uint8)
    assert (encode(mask, "rows"), encode(mask, "columns")) == (in_rows, in_columns)


def test_carvanas_size_padded_cropped_and_turned():
    random = np.random.default_rng(1)
    padded = np.zeros((1280, 1920), dtype=bool)
    for row in range(300, 900):
        padded[row, random.integers(0, 40) : random.integers(1880, 1921)] = True
    cropped = padded[:, 1:1919]  # neither contiguous nor aligned
    for mask in (cropped, cropped[:1279, :1917], np.asfortranarray(cropped)):
        for order in ORDERS:
            code = encode(mask, order)
            assert np.array_equal(decode(code, mask.shape, order), mask)
            assert encode(decode(code, mask.shape, order), order) == code


def test_a_mask_without_pixels():
    assert encode(np.zeros((0, 5), dtype=bool), "rows") == ""
    assert decode("", (0, 5), "columns").shape == (0, 5)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros((2, 2)), "of bool or uint8, got float64 of shape (2, 2); threshold it"),
        (np.zeros((1, 2, 2), dtype=bool), "got bool of shape (1, 2, 2)"),
        (np.array([[0, 1, 2]], dtype=np.uint8), "of 0 and 1, or of 0 and 255, got 0, 1, 2"),
        (np.full((2, 4), 7, dtype=np.uint8), "got 7"),
        (np.tile(np.arange(16, dtype=np.uint8), (4, 2)), "got 0, 1, 2, 3, 4"),
    ],
)
def test_what_is_no_mask_is_refused(mask, words):
    with pytest.raises(ValueError) as refusal:
        encode(mask, "rows")
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1 2 3", "run 2 (3), which has no length"),
        ("5", "run 1 (5), which has no length"),
        ("4 2 1 1", "run 2 (1 1), which starts before the end of run 1 (4 2)"),
        ("1 3 3 2", "run 2 (3 2), which starts before the end of run 1 (1 3)"),
        ("1 1 1 1", "run 2 (1 1), which starts before the end of run 1 (1 1)"),
        ("0 2", "run 1 (0 2), which starts before pixel 1"),
        ("1 1 9 5", "run 2 (9 5), which ends at pixel 13 of 12"),
        ("13 1", "ends at pixel 13 of 12"),
        ("1 0", "run 1 (1 0), which is empty"),
        ("1 2.0", "run 1 (1 2.0), which has '2.0' for a number"),
        ("1 -2", "has '-2' for a number"),
        ("+1 2", "has '+1' for a number"),
        ("a b", "has 'a' for a number"),
        ("1,2", "has '1,2' for a number"),
        ("1\t2", "has '1\\t2' for a number"),
        ("1 2\n4 1", "has '2\\n4' for a number"),
        ("1 \N{ARABIC-INDIC DIGIT THREE}", "for a number"),
        ("1 \ud800", "for a number"),
        ("1  2", "run 1 (1 ), which has a space too many"),
        (" 1 2", "run 1 ( 1), which has a space too many"),
        ("1 2 ", "run 2 (), which has a space too many"),
        (" ", "run 1 ( ), which has a space too many"),
        ("1 99999999999999999999", "has '99999999999999999999' for a number"),
        ("9223372036854775807 9223372036854775807", "for a number"),
        (float("nan"), "nan, which is no text"),
    ],
)
@pytest.mark.parametrize("order", ORDERS)
def test_a_code_that_is_no_mask_is_refused_with_its_id_and_run(text, fault, order):
    with pytest.raises(ValueError) as refusal:
        decode(text, (3, 4), order, id="0004d4463b50_01.jpg")
    assert str(refusal.value).startswith(
        "0004d4463b50_01.jpg: expected ascending runs 'start length' within 3x4 pixels"
    )
    assert fault in str(refusal.value)


def test_an_order_that_is_none_is_refused():
    for call in (lambda: encode(np.zeros((2, 2), dtype=bool), "C"), lambda: decode("", (2, 2), "F")):
        with pytest.raises(ValueError, match=r"expected an order of rows, columns, got '[CF]'"):
            call()


codes = st.one_of(
    st.lists(st.integers(-1, 13), max_size=8).map(lambda numbers: " ".join(map(str, numbers))),
    st.text("0123 ", max_size=8),
    st.text(max_size=4),
    st.sampled_from(["", "1 2 4 1", "12 1", "1 12", "x", None, 1.5]),
)


@given(batch=st.lists(codes, min_size=1, max_size=6))
def test_many_codes_are_judged_as_each_alone(batch):
    runs = read_runs(batch, 12)
    assert runs.bad.tolist() == [find_fault(code, 12) != "" for code in batch]
    for code, bad, area in zip(batch, runs.bad, runs.areas, strict=True):
        assert bad or area == decode(code, (3, 4), "rows").sum()
