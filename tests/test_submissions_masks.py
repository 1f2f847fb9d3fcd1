"""The checker on run-length codes: every row's runs are judged, unlikely areas are warnings, '' is an empty mask."""

from __future__ import annotations

import gzip
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from submissions.check import check_file, check_rows
from submissions.masks import MaskJudge
from submissions.rle import encode
from submissions.rules import Masks, Rules
from submissions.sample import read_sample
from submissions.verdict import SubmissionError
from submissions.write import write_submission

IDS = ["a_01.jpg", "a_02.jpg", "b_01.jpg", "b_02.jpg"]
RULES = Rules(masks=Masks(shape=(3, 4), order="rows", share=(0.25, 0.5)))


def sample_of(root, ids=IDS, value="1 1"):
    (root / "sample_submission.csv").write_text("".join(["img,rle_mask\n", *(f"{id},{value}\n" for id in ids)]))
    return read_sample(root / "sample_submission.csv")


@pytest.fixture
def sample(tmp_path):
    return sample_of(tmp_path)


def put(root, codes, ids=IDS, name="submission.csv"):
    text = "".join(["img,rle_mask\n", *(f"{id},{code}\n" for id, code in zip(ids, codes, strict=True))])
    (root / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return root / name


def refused(path, sample, rules=RULES):
    with pytest.raises(SubmissionError) as refusal:
        check_file(path, sample, rules)
    return refusal.value


@pytest.mark.parametrize("name", ["submission.csv", "submission.csv.gz"])
def test_masks_of_likely_size_pass_without_a_word(tmp_path, sample, name):
    verdict = check_file(put(tmp_path, ["1 3", "1 6", "1 2 5 2", "10 3"], name=name), sample, RULES)
    assert (verdict.rows, verdict.warnings, verdict.notes) == (4, (), ())


def test_every_bad_code_is_counted_and_the_first_are_named_with_their_run(tmp_path, sample):
    error = refused(put(tmp_path, ["1 3 12 2", "5 2 1 1", "1 3 7", "1 x"]), sample)
    assert error.kinds == {"runs"}
    assert (
        str(error)
        .splitlines()[1]
        .startswith(
            "  - rle_mask: expected runs 'start length', ascending and within 12 pixels, got 4 codes that are not "
            "(a_01.jpg: run 2 (12 2), which ends at pixel 13 of 12, a_02.jpg: run 2 (1 1), which starts before the end"
        )
    )
    assert "b_01.jpg: run 2 (7), which has no length" in str(error)
    assert "b_02.jpg: run 1 (1 x), which has 'x' for a number" in str(error)
    assert "; encode with submissions.rle, in the competition's order and shape" in str(error)


def test_one_bad_row_far_down_a_file_is_found(tmp_path):
    ids = [f"{number:06d}" for number in range(30_000)]
    sample = sample_of(tmp_path, ids)
    codes = [f"{1 + number % 4} 3" for number in range(30_000)]
    codes[28_765] = "1 3 3 1"
    error = refused(put(tmp_path, codes, ids), sample)
    assert "got 1 codes that are not (028765: run 2 (3 1)" in str(error)


def test_a_line_break_within_a_cell_is_no_way_past(tmp_path, sample):
    (tmp_path / "s.csv").write_text('img,rle_mask\na_01.jpg,"1 3\n5 1"\na_02.jpg,1 4\nb_01.jpg,1 3\nb_02.jpg,1 3\n')
    assert "a_01.jpg: run 1 (1 3\n5), which has '3\\n5' for a number" in str(refused(tmp_path / "s.csv", sample))


def test_an_empty_cell_is_an_empty_mask_and_read_as_text(tmp_path, sample):
    path = put(tmp_path, ["", "1 3", "1 3", ""])
    unsized = Rules(masks=Masks(shape=(3, 4), order="columns"))
    assert check_file(path, sample, unsized).warnings == ()
    (warning,) = check_file(path, sample, RULES).warnings
    assert warning.endswith("less than 0.25 or more than 0.5 of the image (a_01.jpg: 0.0000, b_02.jpg: 0.0000)")
    kept = pd.read_csv(path, keep_default_na=False)
    assert check_rows(kept["img"], {"rle_mask": kept["rle_mask"]}, sample, unsized).rows == 4
    lost = pd.read_csv(path)
    with pytest.raises(SubmissionError, match=r"a_01\.jpg: nan, which is no text"):
        check_rows(lost["img"], {"rle_mask": lost["rle_mask"]}, sample, unsized)


def test_areas_unlike_training_are_a_warning_with_the_first_of_them(tmp_path):
    ids = [f"{number:03d}" for number in range(600)]
    sample = sample_of(tmp_path, ids)
    codes = ["1 12" if number % 60 == 7 else f"1 {3 + number % 4}" for number in range(600)]
    (warning,) = check_file(put(tmp_path, codes, ids), sample, RULES).warnings
    assert warning.startswith("rle_mask: 10 of 600 masks cover less than 0.25 or more than 0.5 of the image (007: 1.0")
    assert warning.endswith("247: 1.0000, ...)")


def test_areas_of_groups_are_their_rows_mean_and_empty_masks_are_named(tmp_path):
    ids = [f"{car}_{angle}.jpg" for car in "abcd" for angle in range(3)]
    rules = Rules(masks=Masks(shape=(3, 4), order="rows", share=(0.25, 0.5), group=lambda id: id[0]))
    sample = sample_of(tmp_path, ids)
    codes = ["1 2", "1 4", "1 6", "1 6", "1 7", "1 8", "", "1 7", "1 8", "1 9", "1 1", "1 9"]
    path = put(tmp_path, codes, ids)
    assert check_file(path, sample, rules).warnings == (
        "rle_mask: 1 of 12 cells are sample_submission's own",
        "rle_mask: 1 of 12 masks are empty (c_0.jpg)",
        "rle_mask: 1 of 4 groups of masks cover on average less than 0.25 or more than 0.5 of the image (b: 0.5833)",
    )
    whole = check_file(path, sample, rules)
    judge = MaskJudge("rle_mask", rules.masks)
    for start in range(0, 12, 2):  # a batch may end within a group
        judge.take(ids[start : start + 2], codes[start : start + 2], ["1 1", "1 1"])
    assert tuple(judge.warnings()) == whole.warnings


def test_rows_that_nobody_filled_are_counted_and_not_called_too_small(tmp_path, sample):
    verdict = check_file(put(tmp_path, ["1 1", "1 4", "1 1", "2 1"]), sample, RULES)
    assert verdict.warnings == (
        "rle_mask: 2 of 4 cells are sample_submission's own",
        "rle_mask: 1 of 4 masks cover less than 0.25 or more than 0.5 of the image (b_02.jpg: 0.0833)",
    )


def test_the_sample_and_one_mask_for_all_are_refused(tmp_path, sample):
    assert refused(put(tmp_path, ["1 1"] * 4), sample).kinds == {"sample"}
    assert "got '' in all of them" in str(refused(put(tmp_path, [""] * 4), sample))
    many = Rules(masks=Masks(shape=(1, 1000), order="rows"))
    code = " ".join(f"{start} 1" for start in range(1, 999, 2))
    error = refused(put(tmp_path, [code] * 4), sample, many)
    assert "got 1 1 3 1 5 1 7 1 9 1 11 1 13 1 15 1 17 1  in all of them" in str(error)
    baseline = Rules(masks=RULES.masks, constant=True)
    assert check_file(put(tmp_path, ["1 4"] * 4), sample, baseline).warnings == ("rle_mask is 1 4 in every row",)


def test_what_encode_makes_is_written_and_numbers_are_not(tmp_path, sample):
    masks = [np.arange(12).reshape(3, 4) < number for number in (3, 4, 5, 0)]
    cells = np.array([encode(mask, "rows") for mask in masks], dtype=object)
    write_submission(tmp_path / "s.csv.gz", sample.ids, {"rle_mask": cells}, sample, RULES)
    text = gzip.decompress((tmp_path / "s.csv.gz").read_bytes()).decode()
    assert text == "img,rle_mask\na_01.jpg,1 3\na_02.jpg,1 4\nb_01.jpg,1 5\nb_02.jpg,\n"
    with pytest.raises(SubmissionError, match=r"a_01\.jpg: 0, which is no text"):
        check_rows(sample.ids, {"rle_mask": np.arange(4)}, sample, RULES)


def test_checking_takes_no_more_memory_for_ten_times_the_rows(tmp_path):
    random = np.random.default_rng(0)
    rules = Rules(masks=Masks(shape=(1280, 1918), order="rows"))
    codes = [encode(random.random((1280, 1918)) < 1e-4, "rows") for _ in range(8)]  # 2,000 characters each
    peaks = []
    for rows in (500, 5000):
        ids = [f"{row:06d}" for row in range(rows)]
        sample = sample_of(tmp_path, ids)
        path = put(tmp_path, [codes[row % 8] for row in range(rows)], ids)
        assert len(sample.texts) == rows
        tracemalloc.start()
        check_file(path, sample, rules)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert path.stat().st_size > 3 * peaks[1]
    assert peaks[1] < 1.1 * peaks[0]
