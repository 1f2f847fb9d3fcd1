"""The training loop: what a step computes, what each setting changes, and when it stops."""

from __future__ import annotations

import json
import math
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipelines.budget import OutOfTime
from pipelines.parallel import spread
from pipelines.training.checkpoint import load_snapshot
from pipelines.training.device import check_card, choose_precision
from pipelines.training.fit import load_weights
from pipelines.training.loop import train
from pipelines.training.rates import FLOOR, Rates
from pipelines.training.settings import AUTO_BATCH, NetworkSettings
from tests.networks import Rows, draw_rows, folder_at, judge, normed_network, plain_network, start, weights_of

TB = 2**40  # bytes


def trained(out, **chosen):
    training = start(out, **chosen)
    train(training)
    return training


def logged(out):
    return [json.loads(line) for line in out.run.metrics.read_text().splitlines()]


# -- steps


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_step_is_what_pytorch_does(tmp_path, optimiser):
    chosen = {"optimiser": optimiser, "decay": 0.1, "warmup": 0.0, "schedule": "constant", "clip": 0.5}
    training = trained(folder_at(tmp_path), **chosen)
    network = plain_network()
    groups = [
        {"params": [each for each in network.parameters() if each.ndim < 2], "weight_decay": 0.0},
        {"params": [each for each in network.parameters() if each.ndim > 1], "weight_decay": 0.1},
    ]
    bare = (
        torch.optim.AdamW(groups, lr=0.01)
        if optimiser == "adamw"
        else torch.optim.SGD(groups, lr=0.01, momentum=0.9, nesterov=True)
    )
    for epoch in range(3):
        for inputs, targets in draw_rows().epoch(epoch, 0):
            bare.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(network(inputs), targets).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
            bare.step()
    np.testing.assert_allclose(weights_of(training.network), weights_of(network), atol=1e-6)


@pytest.mark.parametrize("pieces", [2, 3, 8])
def test_a_batch_in_pieces_is_the_same_step(tmp_path, pieces):
    whole = trained(folder_at(tmp_path / "whole"), clip=0.1)
    cut = trained(folder_at(tmp_path / "cut"), clip=0.1, accumulate=pieces)
    np.testing.assert_allclose(weights_of(cut.network), weights_of(whole.network), atol=1e-6)


class Large(torch.nn.Module):
    """A network of which more than two rows need more memory than any machine has."""

    def __init__(self):
        super().__init__()
        self.inner = plain_network()

    def forward(self, inputs):
        torch.empty(256 * TB * (len(inputs) > 2), dtype=torch.uint8)
        return self.inner(inputs)


def test_out_of_memory_means_more_pieces_and_the_same_batch(tmp_path, capsys):
    out = folder_at(tmp_path / "large")
    large = trained(replace(out, report=replace(out.report, quiet=False)), network=Large(), batch="auto")
    said = [line for line in capsys.readouterr().err.splitlines() if "out of memory" in line]
    assert said == ["fold 0: out of memory: batches of 8 rows are computed in 2 pieces from now on",
                    "fold 0: out of memory: batches of 8 rows are computed in 4 pieces from now on"]  # fmt: skip
    assert large.stepper.pieces == 4
    small = trained(folder_at(tmp_path / "small"), accumulate=4)
    np.testing.assert_array_equal(weights_of(large.network), weights_of(small.network))


def test_a_row_that_does_not_fit_is_an_error_that_says_what_to_do(tmp_path):
    class Hopeless(Large):
        def forward(self, inputs):
            return super().forward(inputs.repeat(3, 1))

    with pytest.raises(ValueError, match=r"8 rows in 8 pieces.*--size"):
        trained(folder_at(tmp_path), network=Hopeless())


def test_an_error_that_is_not_about_memory_stays_itself(tmp_path):
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        trained(folder_at(tmp_path), network=torch.nn.Linear(5, 1))


def test_auto_batch_is_the_same_everywhere():
    assert NetworkSettings(batch="auto").step_rows == AUTO_BATCH


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_trains_as_well(tmp_path, precision):
    training = trained(folder_at(tmp_path), precision=precision, epochs=20, rate=0.05)
    assert training.stepper.scaler.is_enabled() == (precision == "fp16")
    assert judge(training.predictor) > 0.95


class Rootless(torch.nn.Module):
    """A network of finite outputs whose gradients are no numbers."""

    def __init__(self):
        super().__init__()
        self.inner = plain_network()

    def forward(self, inputs):
        made = self.inner(inputs)
        return made + (0 * made).sqrt()


def test_gradients_that_half_precision_never_holds_stop_the_training(tmp_path):
    with pytest.raises(ValueError, match=r"scale fell to .* in epoch 6; use --precision fp32"):
        trained(folder_at(tmp_path), network=Rootless(), precision="fp16", epochs=8)


def test_a_compiled_network_trains_and_its_checkpoint_is_the_plain_ones(tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or Wrapped(network))
    made = trained(folder_at(tmp_path / "compiled"), compile=True)
    assert compiled == [made.network]
    assert made.path.read_bytes() == trained(folder_at(tmp_path / "plain")).path.read_bytes()


class Wrapped(torch.nn.Module):
    """As torch.compile wraps: other names of weights, the same weights."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, inputs):
        return self.inner(inputs)


# -- learning rates


def shares(steps, **chosen):
    rates = Rates(NetworkSettings(**chosen), steps)
    return [rates.share(step) for step in range(steps)]


@given(st.integers(2, 400), st.sampled_from(["cosine", "onecycle", "constant"]), st.floats(0, 0.9))
def test_every_schedule_rises_once_falls_once_and_stays_below_its_peak(steps, schedule, warmup):
    found = shares(steps, schedule=schedule, warmup=warmup)
    top = int(np.argmax(found))
    assert all(0 <= share <= 1 + 1e-9 for share in found)
    assert max(found) > 0.9 or round(warmup * steps) >= steps
    assert np.all(np.diff(found[: top + 1]) > -1e-12)
    assert np.all(np.diff(found[top:]) < 1e-12)


def test_onecycle_and_cosine_are_pytorchs():
    weight = torch.nn.Parameter(torch.zeros(1))
    for schedule, make in (
        ("onecycle", lambda bare: torch.optim.lr_scheduler.OneCycleLR(bare, 1.0, total_steps=100)),
        ("cosine", lambda bare: torch.optim.lr_scheduler.CosineAnnealingLR(bare, 100, eta_min=FLOOR)),
    ):
        bare = torch.optim.SGD([weight], lr=1.0)
        scheduler, theirs = make(bare), []
        for _ in range(99):
            theirs.append(bare.param_groups[0]["lr"])
            bare.step()
            scheduler.step()
        np.testing.assert_allclose(shares(100, schedule=schedule, warmup=0.0)[:99], theirs, atol=1e-5)


def test_a_plateau_cuts_the_rate_after_epochs_without_progress():
    rates = Rates(NetworkSettings(schedule="plateau", warmup=0.0), 100)
    for loss in (3.0, 2.0, 2.0, 2.5):
        rates.heed(loss)
        assert rates.share(50) == 1
    rates.heed(2.0)
    assert rates.share(50) == pytest.approx(0.3)
    rates.heed(1.0)
    assert rates.share(50) == pytest.approx(0.3)


def test_lower_layers_learn_more_slowly(tmp_path):
    network = timm.create_model("test_vit", num_classes=1)
    optimiser = start(folder_at(tmp_path), network=network, layer_decay=0.5).optimiser
    peaks = {id(weight): group["lr"] for group in optimiser.param_groups for weight in group["params"]}
    own = {name: peaks[id(weight)] for name, weight in network.named_parameters()}
    assert len(own) == len(peaks)
    assert own["head.weight"] == 0.01
    assert own["blocks.5.attn.qkv.weight"] == 2 * own["blocks.4.attn.qkv.weight"]
    assert own["patch_embed.proj.weight"] == min(own.values()) < 0.001


# -- means of weights, best epochs, early stopping


def test_the_mean_of_weights_predicts_and_lags_behind(tmp_path):
    training = trained(folder_at(tmp_path), ema=0.9, epochs=6)
    assert training.predictor is not training.network
    distance = np.abs(weights_of(training.predictor) - weights_of(training.network)).max()
    assert 0 < distance < np.abs(weights_of(training.network) - weights_of(plain_network())).max()


def test_the_best_epoch_is_kept_apart(tmp_path):
    out = folder_at(tmp_path)
    training = trained(out, judged=True, epochs=8, rate=0.3, keep="best", schedule="constant")
    assert training.scores[training.best_epoch - 1] == max(training.scores)
    assert training.best_epoch == 1 + training.scores.index(max(training.scores))
    load_weights(training.network, training.best_path)
    assert judge(training.network) == max(training.scores)


def test_patience_ends_the_training(tmp_path):
    training = trained(folder_at(tmp_path), judged=True, epochs=50, rate=1e-9, patience=2)
    assert training.epoch == 3
    assert [numbers["step"] for numbers in logged(training.out)] == [1, 2, 3]


# -- stopping and going on


SETTINGS = [
    {"ema": 0.9, "layer_decay": 0.7},
    {"optimiser": "sgd", "schedule": "onecycle", "accumulate": 2},
    {"schedule": "plateau", "clip": 0.1, "keep": "best"},
    {"precision": "fp16"},
]


@pytest.mark.parametrize("chosen", SETTINGS)
def test_stopped_at_any_step_it_goes_on_to_the_same_bytes(tmp_path, chosen):
    chosen = {"judged": True, "epochs": 4, **chosen}
    whole = trained(folder_at(tmp_path / "whole"), network=normed_network(), **chosen)
    out = folder_at(tmp_path / "cut", seconds=-1)  # out of time at each step's end
    steps = 0
    while True:
        training = start(out, network=normed_network(), **chosen)
        try:
            train(training)
            break
        except OutOfTime:
            steps += 1
    assert steps == 4 * 6 + 3  # each step and each epoch's end but the last
    assert load_snapshot(training.path).state == load_snapshot(whole.path).state
    assert training.path.read_bytes() == whole.path.read_bytes()
    assert logged(training.out) == logged(whole.out)
    if "keep" in chosen:
        assert training.best_path.read_bytes() == whole.best_path.read_bytes()


@pytest.mark.parametrize(("before", "after"), [("fp32", "fp16"), ("fp16", "fp32")])
def test_a_fit_goes_on_in_another_devices_format(tmp_path, before, after):
    out = folder_at(tmp_path, seconds=-1)
    with pytest.raises(OutOfTime):
        trained(out, precision=before)
    training = trained(folder_at(tmp_path), precision=after)
    assert training.epoch == 3
    assert np.isfinite(weights_of(training.network)).all()


def test_checkpoints_within_an_epoch_come_every_so_many_steps(tmp_path):
    out = folder_at(tmp_path)

    class Torn(Rows):
        def epoch(self, number, start):
            for step, batch in enumerate(super().epoch(number, start), start):
                if (number, step) == (1, 5):
                    raise KeyboardInterrupt
                yield batch

    rows = draw_rows()
    with pytest.raises(KeyboardInterrupt):
        trained(out, rows=Torn(rows.inputs, rows.targets, 8), save_every=2)
    state = load_snapshot(out.folder / "checkpoint.safetensors").state
    assert (state["epoch"], state["step"]) == (1, 4)
    whole = trained(folder_at(tmp_path / "whole"))
    np.testing.assert_array_equal(weights_of(trained(out).network), weights_of(whole.network))


@pytest.mark.parametrize("cut", [0, 100, -1])
def test_a_torn_checkpoint_is_an_error_that_names_it(tmp_path, cut):
    out = folder_at(tmp_path)
    path = trained(out).path
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors: expected a checkpoint.*--fresh"):
        trained(out)


def test_a_target_that_is_no_number_stops_with_step_and_rate(tmp_path):
    rows = draw_rows()

    class Poisoned(Rows):
        def epoch(self, number, start):
            for step, (inputs, targets) in enumerate(super().epoch(number, start), start):
                yield inputs, targets * (math.nan if (number, step) == (1, 3) else 1)

    out = folder_at(tmp_path)
    with pytest.raises(ValueError, match=r"got nan in epoch 2 at step 4 of 6, learning rate 0\.00.*epoch 1 is kept"):
        trained(out, rows=Poisoned(rows.inputs, rows.targets, 8))
    assert load_snapshot(out.folder / "checkpoint.safetensors").state["epoch"] == 1
    whole = trained(folder_at(tmp_path / "whole"))
    np.testing.assert_array_equal(weights_of(trained(out).network), weights_of(whole.network))


def test_an_absurd_rate_stops_before_any_epoch_is_done(tmp_path):
    with pytest.raises(ValueError, match=r"got (nan|inf) in epoch 1.*no epoch was finished.*--rate"):
        trained(folder_at(tmp_path), optimiser="sgd", rate=1e30, warmup=0.0, epochs=5)


# -- devices and settings


def test_the_precision_follows_the_device():
    amx = torch.cpu._is_amx_tile_supported()
    assert choose_precision("cpu", "auto").name == ("bf16" if amx else "fp32")
    assert choose_precision("cpu", "bf16").name == "bf16"
    assert choose_precision("cpu,cuda:1", "auto").device.type == "cpu"


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(ValueError, match="--device: expected"):
        choose_precision(device, "auto")


def test_a_card_of_its_own_is_no_choice_under_torchrun(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match=r"--device: expected auto or cuda under torchrun.*got cuda:0"):
        choose_precision("cuda:0", "auto")


def test_a_process_that_is_killed_beside_another_is_an_error_that_says_what_to_do():
    with pytest.raises(ValueError, match=r"folds to be fitted on cpu, cpu at once, got a process that was killed"):
        spread(lambda device, folds: os.kill(os.getpid(), signal.SIGKILL), [0, 1], ["cpu", "cpu"])


def test_a_card_that_is_too_old_for_this_pytorch_is_refused():
    built = ["sm_75", "sm_80", "sm_90a", "compute_120"]
    check_card("Tesla T4", (7, 5), built)
    check_card("a later one", (12, 0), built)
    check_card("a card that is not NVIDIA's", (9, 4), ["gfx942"])
    with pytest.raises(ValueError, match=r"sm_75 or newer, got Tesla P100, sm_60; install .*--device cpu"):
        check_card("Tesla P100", (6, 0), built)


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"batch": 0}, {"rate": 0.0}, {"ema": 1.0}, {"smoothing": -0.1}, {"layer_decay": 0.0},
     {"clip": -1.0}, {"accumulate": 0}, {"mixup": -1.0}, {"warmup": 1.0}, {"patience": -1}],
)  # fmt: skip
def test_a_setting_out_of_range_names_its_flag(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"--{name.replace('_', '-')}: expected"):
        NetworkSettings(**wrong)
