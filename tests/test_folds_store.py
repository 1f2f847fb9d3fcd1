"""Folds as an object and as a file: fingerprint, split, restrict, save, load, compare."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from folds.plan import FoldPlan
from folds.split import make_folds
from folds.store import NEITHER, TRAIN, VALID, Folds, compare


def named(rows: int, name: str = "id") -> pd.Index:
    return pd.Index([f"r{row}" for row in range(rows)], name=name)


def random_folds(rows: int = 20, **plan: int) -> Folds:
    return make_folds(pd.DataFrame(index=named(rows)), FoldPlan(**plan))


@st.composite
def any_folds(draw: st.DrawFn) -> Folds:
    ids = draw(st.lists(st.text(max_size=3), min_size=4, max_size=12, unique=True))
    count = draw(st.integers(1, 3))
    cells = draw(
        st.lists(st.sampled_from([NEITHER, TRAIN, VALID]), min_size=len(ids) * count, max_size=len(ids) * count)
    )
    roles = np.array(cells, dtype=np.uint8).reshape(len(ids), count)
    roles[0], roles[1] = TRAIN, VALID
    return Folds(ids=pd.Index(ids, name="id"), roles=roles, repeats=np.zeros(count, dtype=np.int64), recipe={})


def sides(folds: Folds) -> list[tuple[frozenset, frozenset]]:
    return [
        (frozenset(folds.ids[folds.roles[:, fold] == TRAIN]), frozenset(folds.ids[folds.roles[:, fold] == VALID]))
        for fold in range(len(folds))
    ]


@settings(max_examples=100, deadline=None)
@given(one=any_folds(), data=st.data())
def test_fingerprint_changes_exactly_when_a_row_moves(one: Folds, data: st.DataObject) -> None:
    order = np.array(data.draw(st.permutations(range(len(one.ids)))))
    same = replace(one, ids=one.ids[order], roles=one.roles[order], recipe={"kind": "else"}, notes=("else",))
    assert same.fingerprint == one.fingerprint
    assert len(compare(one, same)) == 0
    row, fold = data.draw(st.integers(2, len(one.ids) - 1)), data.draw(st.integers(0, len(one) - 1))
    roles = one.roles.copy()
    roles[row, fold] = (roles[row, fold] + data.draw(st.integers(1, 2))) % 3
    moved = replace(one, roles=roles)
    assert moved.fingerprint != one.fingerprint
    assert compare(one, moved).tolist() == [one.ids[row]]


@settings(max_examples=100, deadline=None)
@given(one=any_folds(), other=any_folds())
def test_equal_fingerprints_mean_equal_sides(one: Folds, other: Folds) -> None:
    assert (one.fingerprint == other.fingerprint) == (sides(one) == sides(other))


def test_fingerprint_is_that_of_the_sorted_ids() -> None:
    folds = Folds(
        ids=pd.Index(["b", "é", "a"]),
        roles=np.array([[TRAIN], [VALID], [TRAIN]], dtype=np.uint8),
        repeats=np.array([0]),
        recipe={},
    )
    expected = hashlib.sha256()
    for role, ids in ((TRAIN, ["a", "b"]), (VALID, ["é"])):
        texts = [one.encode() for one in ids]
        expected.update(f"fold 0 role {role} ids {len(ids)}\n".encode())
        expected.update(np.array([len(text) for text in texts], dtype="<i8").tobytes() + b"".join(texts))
    assert folds.fingerprint == expected.hexdigest()


@settings(max_examples=40, deadline=None)
@given(folds=any_folds())
def test_save_and_load_give_the_same_folds(folds: Folds, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("folds") / "folds.parquet"
    folds.save(path)
    loaded = Folds.load(path)
    assert loaded.ids.equals(folds.ids)
    assert loaded.ids.name == folds.ids.name
    assert (loaded.roles == folds.roles).all()
    assert loaded.fingerprint == folds.fingerprint
    assert list(path.parent.iterdir()) == [path]


def test_a_file_keeps_recipe_notes_and_repeats_and_its_bytes(tmp_path: Path) -> None:
    table = pd.DataFrame({"label": list("aaaabbbbbbbbc")}, index=named(13, "Id"))
    folds = make_folds(table, FoldPlan(kind="stratified", stratify="label", n=2, repeats=2))
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    folds.save(first)
    make_folds(table, FoldPlan(kind="stratified", stratify="label", n=2, repeats=2)).save(second)
    assert first.read_bytes() == second.read_bytes()
    loaded = Folds.load(first)
    assert loaded.recipe == folds.recipe
    assert loaded.recipe["stratify"] == "label"
    assert loaded.notes == folds.notes
    assert len(loaded.notes) == 1
    assert loaded.repeats.tolist() == [0, 0, 1, 1]
    assert loaded.ids.name == "Id"


@pytest.mark.parametrize("kept", [0, 3, 40, 0.5, 0.99])
def test_a_truncated_file_is_refused_by_name(kept: float, tmp_path: Path) -> None:
    path = tmp_path / "folds.parquet"
    random_folds().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(ValueError, match=r"expected a whole fold file.*folds\.parquet"):
        Folds.load(path)


def test_missing_foreign_and_altered_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "folds.parquet"
    with pytest.raises(FileNotFoundError, match=r"expected a fold file at .*folds\.parquet"):
        Folds.load(path)
    pd.DataFrame({"id": ["a"], "fold 0": [1]}).to_parquet(path)
    with pytest.raises(ValueError, match="got another parquet file"):
        Folds.load(path)
    random_folds().save(path)
    stored = pq.read_table(path)
    roles = stored.column("fold 0").to_numpy().copy()
    roles[[0, 1]] = roles[[0, 1]] % 2 + 1
    place = stored.schema.get_field_index("fold 0")
    pq.write_table(stored.set_column(place, "fold 0", pa.array(roles)), path)
    with pytest.raises(
        ValueError, match=r"a fold file with fingerprint .*folds\.parquet was changed after it was written"
    ):
        Folds.load(path)
    about = {b"podium folds": json.dumps({"repeats": [0, 0]}).encode()}
    pq.write_table(stored.select(["id", "fold 0"]).replace_schema_metadata(about), path)
    with pytest.raises(ValueError, match=r"columns id, fold 0, fold 1, got id, fold 0: .*folds\.parquet was changed"):
        Folds.load(path)


def test_split_gives_positions_in_the_index_asked_for() -> None:
    folds = random_folds(30, n=3)
    shuffled = pd.DataFrame(index=folds.ids).sample(frac=1, random_state=1).index
    for fold in range(3):
        train, valid = folds.split(fold, folds.ids)
        their_train, their_valid = folds.split(fold, shuffled)
        assert set(shuffled[their_train]) == set(folds.ids[train])
        assert set(shuffled[their_valid]) == set(folds.ids[valid])
        assert (np.diff(their_train) > 0).all()
        assert (np.diff(their_valid) > 0).all()
    with pytest.raises(ValueError, match="expected a fold from 0 to 2, got 3"):
        folds.split(3, folds.ids)


def test_split_names_foreign_ids_in_both_directions() -> None:
    folds = random_folds(20)
    index = folds.ids[4:].append(pd.Index(["x", "y"]))
    with pytest.raises(ValueError) as caught:
        folds.split(0, index)
    assert "ids without a fold: 'x', 'y'" in str(caught.value)
    assert "ids of the folds that lack a row: 'r0', 'r1', 'r2' and 1 more" in str(caught.value)
    with pytest.raises(ValueError, match="lack a row: 'r0'"):
        folds.split(0, folds.ids[1:])
    with pytest.raises(ValueError, match="without a fold: 'x'"):
        folds.split(0, folds.ids.append(pd.Index(["x"])))
    with pytest.raises(ValueError, match="got 'r3' more than once"):
        folds.split(0, folds.ids[1:].append(pd.Index(["r3"])))


def test_restrict_keeps_sides_and_order_and_refuses_extra_or_too_few() -> None:
    folds = random_folds(20, n=4)
    few = folds.ids[[7, 3, 11, 5, 2, 0, 1, 13, 15, 17]]
    less = folds.restrict(few)
    assert less.ids.equals(few)
    assert (less.roles == folds.roles[[7, 3, 11, 5, 2, 0, 1, 13, 15, 17]]).all()
    assert less.recipe == folds.recipe
    with pytest.raises(ValueError, match="expected ids of the folds, got 'new' besides"):
        folds.restrict(few.append(pd.Index(["new"])))
    valid = folds.split(2, folds.ids)[1]
    with pytest.raises(ValueError, match=r"expected validating rows in every fold, got none in fold 2 of 15 rows"):
        folds.restrict(folds.ids.delete(valid))
    with pytest.raises(ValueError, match="'r0' more than once"):
        folds.restrict(folds.ids.append(pd.Index(["r0"])))


def test_compare_finds_rows_that_a_corrected_label_moves_and_rows_that_came_or_went() -> None:
    table = pd.DataFrame({"owner": list("aabbccddee")}, index=named(10))
    plan = FoldPlan(kind="leave-groups-out", group="owner")
    stored = make_folds(table, plan)
    corrected = make_folds(table.assign(owner=list("aabbccddde")), plan)
    assert compare(stored, corrected).tolist() == ["r8"]
    assert compare(stored, stored.align(stored.ids[::-1])).tolist() == []
    came = make_folds(pd.concat([table, pd.DataFrame({"owner": ["e"]}, index=["r99"])]), plan)
    assert compare(stored, came).tolist() == ["r99"]
    assert compare(came, stored).tolist() == ["r99"]
    fewer = make_folds(table.iloc[:8], plan)
    assert compare(fewer, make_folds(table.iloc[:6], plan)).tolist() == fewer.ids.tolist()


def test_folds_refuse_what_is_no_split() -> None:
    both = np.array([[TRAIN], [VALID]], dtype=np.uint8)
    with pytest.raises(ValueError, match="expected training rows in every fold"):
        Folds(ids=pd.Index(["a", "b"]), roles=np.full_like(both, VALID), repeats=np.array([0]), recipe={})
    with pytest.raises(ValueError, match="expected uint8 roles of shape"):
        Folds(ids=pd.Index(["a", "b"]), roles=both.astype(int), repeats=np.array([0]), recipe={})
    with pytest.raises(ValueError, match="expected roles 0, 1 or 2, got 7"):
        Folds(
            ids=pd.Index(["a", "b", "c"]), roles=np.array([[1], [2], [7]], np.uint8), repeats=np.array([0]), recipe={}
        )
    with pytest.raises(ValueError, match="got 1, 2; read the id column as text"):
        Folds(ids=pd.Index([1, 2]), roles=both, repeats=np.array([0]), recipe={})
    with pytest.raises(ValueError, match="got 'a' more than once"):
        Folds(ids=pd.Index(["a", "a"]), roles=both, repeats=np.array([0]), recipe={})
    folds = Folds(ids=pd.Index(["a", "b"]), roles=both, repeats=np.array([0]), recipe={})
    with pytest.raises(ValueError, match="read-only"):
        folds.roles[0] = VALID
