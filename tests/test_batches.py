"""Batches: the same for any number of workers and from any step on, clean when something goes wrong."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from features.augment import Augment
from features.batches import Batches, Normalise
from features.images import FileImages, HeldImages
from features.reading import Reading
from features.recipes import RECIPES, Recipe
from tests.forking import FORKS, finish

COUNT = 37


def photos(count: int = COUNT) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.integers(0, 256, (20 + row % 3, 24 + row % 5, 3), np.uint8) for row in range(count)]


def make(count: int = COUNT, recipe: str = "medium", **settings: object) -> Batches:
    names = [f"id{row:03}" for row in range(count)]
    given = {"images": HeldImages(photos(count), names), "ids": pd.Index(names, name="id"), "batch": 5}
    return Batches(**{**given, "augment": Augment(RECIPES[recipe], 16, 18), **settings})


def gather(batches: Batches, epoch: int, **settings: object) -> tuple[np.ndarray, np.ndarray]:
    made = list(batches.epoch(epoch, **settings))
    return np.concatenate([each.rows for each in made]), torch.cat([each.images for each in made]).numpy()


@pytest.mark.parametrize("recipe", ["medium", "heavy"])
def test_the_number_of_workers_changes_nothing(recipe):
    for epoch in (0, 3):
        results = [gather(make(recipe=recipe, workers=workers), epoch) for workers in (0, 1, 2, 5)]
        for rows, images in results[1:]:
            assert np.array_equal(rows, results[0][0])
            assert np.array_equal(images, results[0][1])


def by_row(batches: Batches, epoch: int) -> dict[int, bytes]:
    rows, images = gather(batches, epoch)
    return {int(row): image.tobytes() for row, image in zip(rows, images, strict=True)}


def test_epochs_samples_and_seeds_all_differ():
    one = [np.zeros((16, 18, 3), np.uint8) + np.arange(18, dtype=np.uint8)[:, None]] * COUNT  # all images alike
    images = HeldImages(one, [""] * COUNT)
    first, second, other = (by_row(make(images=images, seed=seed), epoch) for seed, epoch in ((0, 0), (0, 1), (1, 0)))
    assert len(set(first.values())) == COUNT
    for row in range(COUNT):
        assert len({first[row], second[row], other[row]}) == 3


def test_rows_come_once_and_in_an_order_of_the_epoch():
    orders = [gather(make(), epoch)[0] for epoch in range(3)]
    for order in orders:
        assert sorted(order) == list(range(COUNT))
    assert len({order.tobytes() for order in orders}) == 3
    assert list(gather(make(shuffle=False), 1)[0]) == list(range(COUNT))


@settings(max_examples=30, deadline=None)
@given(
    start=st.integers(0, 9),
    workers=st.sampled_from([0, 2]),
    batch=st.integers(1, 20),
    drop=st.booleans(),
    epoch=st.integers(0, 5),
)
def test_an_epoch_continues_at_any_step(start, workers, batch, drop, epoch):
    batches = make(20, workers=workers, batch=batch, drop_last=drop)
    whole = list(batches.epoch(epoch))
    rest = list(batches.epoch(epoch, start=start))
    assert len(whole) == batches.steps() == (20 // batch if drop else -(-20 // batch))
    assert len(rest) == max(0, len(whole) - start)
    for one, other in zip(whole[start:], rest, strict=True):
        assert np.array_equal(one.rows, other.rows)
        assert torch.equal(one.images, other.images)


def test_dropping_rows_leaves_the_views_of_others_unchanged():
    whole, kept = make(), [row for row in range(COUNT) if row % 4]
    names = [f"id{row:03}" for row in kept]
    held = HeldImages([photos()[row] for row in kept], names)
    part = by_row(make(images=held, ids=pd.Index(names)), 2)
    full = by_row(whole, 2)
    assert all(part[place] == full[row] for place, row in enumerate(kept))


def test_a_row_drawn_twice_is_two_views_and_the_first_is_the_usual_one():
    rows = np.array([4, 7, 4, 4, 9])
    drawn, images = gather(make(), 0, rows=rows)
    assert list(drawn) == list(rows)
    assert len({image.tobytes() for image in images}) == 5
    usual = by_row(make(), 0)
    assert [images[place].tobytes() == usual[int(row)] for place, row in enumerate(rows)] == [
        True, True, False, False, True,
    ]  # fmt: skip


def test_masks_come_with_their_images():
    marks = [np.where(pixels[:, :, :1] > 128, 200, 0).astype(np.uint8) for pixels in photos()]
    names = [""] * COUNT
    flat = HeldImages([np.repeat(mark, 3, axis=2) for mark in marks], names)
    augment = Augment(Recipe(frame="window", flip=0.5, flop=0.5), 16, 18)
    batches = make(images=flat, masks=HeldImages(marks, names), augment=augment)
    for batch in batches.epoch(0):
        assert batch.masks is not None
        assert batch.masks.shape == (len(batch.rows), 16, 18, 1)
        assert torch.equal(batch.masks, batch.images[..., :1])


def test_gray_images_have_one_channel():
    gray = HeldImages([pixels[:, :, :1].copy() for pixels in photos()], [""] * COUNT)
    assert next(make(images=gray, recipe="digits").epoch(0)).images.shape == (5, 16, 18, 1)


def files(folder: Path, broken: int) -> FileImages:
    for row, pixels in enumerate(photos(12)):
        Image.fromarray(pixels).save(folder / f"{row:02}.png")
    (folder / f"{broken:02}.png").write_bytes(b"no image")
    return FileImages(sorted(folder.iterdir()), Reading(height=16, width=18))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_a_worker_names_the_file_and_ends_the_threads(tmp_path, workers):
    batches = make(12, images=files(tmp_path, 7), workers=workers, shuffle=False)
    taken = batches.epoch(0)
    assert len(next(taken).rows) == 5
    with pytest.raises(ValueError, match=r"07\.png"):
        list(taken)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_an_image_that_cannot_be_augmented_is_named():
    odd = photos()
    odd[6] = np.zeros((20, 24, 2), np.uint8)
    held = HeldImages(odd, [f"plate {row}" for row in range(COUNT)])
    with pytest.raises(ValueError, match=r"plate 6 \(id id006\)"):
        list(make(images=held).epoch(0))


def test_leaving_an_epoch_early_ends_its_threads():
    taken = make(workers=3).epoch(0)
    next(taken)
    taken.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def interrupted(said: Path, noise: Path) -> None:
    """Training batches in a process that gets Ctrl-C at the fourth; the batches and threads it still had."""
    with noise.open("w") as sink:
        os.dup2(sink.fileno(), 2)
    images = HeldImages([np.zeros((64, 64, 3), np.uint8)] * 4000, [""] * 4000)
    batches = Batches(images=images, ids=pd.RangeIndex(4000), augment=Augment(RECIPES["light"], 64, 64), batch=8)
    before = threading.active_count()
    try:
        for step, _ in enumerate(batches.epoch(0)):
            if step == 3:
                os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        said.write_text(f"{step} {threading.active_count() - before}")


def test_ctrl_c_ends_at_once(tmp_path):
    child = FORKS.Process(target=interrupted, args=(tmp_path / "said", tmp_path / "noise"))
    child.start()
    assert finish(child) == 0
    step, threads = map(int, (tmp_path / "said").read_text().split())
    assert step < 10
    assert threads == 0
    assert (tmp_path / "noise").read_text() == ""


@pytest.mark.parametrize("workers", [0, 2])
def test_files_that_are_not_cached_are_decoded_once_each(tmp_path, workers):
    images, opened = files(tmp_path, 99), []

    class Counted(FileImages):
        def __getitem__(self, row: int) -> np.ndarray:
            opened.append(row)
            return super().__getitem__(row)

    counted = Counted(sorted(tmp_path.iterdir())[:12], Reading(height=16, width=18))
    gather(make(12, images=counted, workers=workers), 0)
    assert len(images) == 13
    assert len(opened) == 13  # one more to learn the number of channels
    assert list(make(12, images=counted).epoch(0, rows=np.array([], int))) == []


def test_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"'images': 37, 'ids': 2"):
        make(ids=pd.Index(["a", "b"]))
    with pytest.raises(ValueError, match="'masks': 3"):
        make(masks=HeldImages(photos(3), ["", "", ""]))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("last", [False, True])
def test_normalised_batches_are_what_a_network_takes(channels, last):
    mean, std = (0.485, 0.456, 0.406)[:channels], (0.229, 0.224, 0.225)[:channels]
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (6, 9, 11, channels), np.uint8))
    made = Normalise(mean, std, channels_last=last)(images)
    assert made.shape == (6, channels, 9, 11)
    assert made.dtype == torch.float32
    assert made.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    expected = (images.numpy() / 255.0 - mean) / std
    assert np.abs(made.permute(0, 2, 3, 1).numpy() - expected).max() < 1e-6


@pytest.mark.parametrize("last", [False, True])
def test_other_devices_get_the_same_shape_and_layout(last):
    images = torch.zeros((2, 5, 7, 3), dtype=torch.uint8)
    made = Normalise((0.5, 0.4, 0.3), (0.2, 0.3, 0.4), "meta", last)(images)  # a device without memory
    here = Normalise((0.5, 0.4, 0.3), (0.2, 0.3, 0.4), "cpu", last)(images)
    assert (made.device.type, made.dtype, made.shape, made.stride()) == ("meta", here.dtype, here.shape, here.stride())
