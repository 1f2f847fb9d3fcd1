"""Pretrained weights without a network: a copy on this machine is enough, without one nothing is decoded in vain."""

from __future__ import annotations

import shutil
import socket
from contextlib import closing

import pytest
import timm
import torch
from safetensors.torch import save_file

from pipelines.learners.frozen.learner import FrozenLearner
from pipelines.learners.mask import MaskLearner
from pipelines.report import Report
from pipelines.training.networks import Backbone
from pipelines.training.pretrained import FILES, require
from tests.photos import load, run_photos, write_photos

NEEDS = r"--weights pretrained: expected weights of {}, got: .*no answer from .*--weights PATH .*--weights none"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub that takes connections and never says a word; the folder of its cache."""
    with closing(socket.create_server(("127.0.0.1", 0))) as port:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port.getsockname()[1]}")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 0.2)
        monkeypatch.setattr("pipelines.training.pretrained.PATIENCE", 0.2)
        yield tmp_path / "hub"


@pytest.fixture
def raw(tmp_path):
    write_photos(tmp_path / "raw")
    return tmp_path / "raw"


def test_a_run_is_refused_before_any_image_is_decoded(hub, raw, tmp_path):
    with pytest.raises(ValueError, match=NEEDS.format("test_resnet")):
        run_photos(raw, tmp_path / "runs", network=None, model="test_resnet", size=32, weights="pretrained")
    assert not (tmp_path / "runs" / "cache").exists()


def test_masks_and_frozen_backbones_are_refused_as_soon(hub, raw, tmp_path):
    for encoder in ("resnet18", "tu-test_resnet"):
        with pytest.raises(ValueError, match=NEEDS.format(encoder)):
            MaskLearner(encoder=encoder, device="cpu").require_weights()
    train, test = load(raw)
    frozen = FrozenLearner(backbones=("test_vit",), feature_dir=tmp_path / "features", device="cpu")
    (raw / "train" / "photo003.png").write_bytes(b"")  # decoding would find it
    with pytest.raises(ValueError, match=NEEDS.format("test_vit")):
        frozen.unreadable(train, test, Report(quiet=True))


@pytest.mark.parametrize("name", FILES)
def test_weights_of_any_usual_name_are_found_in_the_hubs_cache(hub, name):
    kept = hub / "models--someone--clip"
    for folder in ("refs", "snapshots/abc"):
        (kept / folder).mkdir(parents=True)
    (kept / "refs" / "main").write_text("abc")
    (kept / "snapshots" / "abc" / name).touch()
    require("someone/clip")
    with pytest.raises(ConnectionError, match="no copy in the hub's cache"):
        require("someone/other")


def test_a_copy_in_the_hubs_cache_needs_no_network(hub, raw, tmp_path):
    kept = hub / f"models--{timm.get_pretrained_cfg('test_resnet').hf_hub_id.replace('/', '--')}"
    state = {name: value + 1 for name, value in timm.create_model("test_resnet").state_dict().items()}
    for folder in ("refs", "snapshots/abc"):
        (kept / folder).mkdir(parents=True)
    (kept / "refs" / "main").write_text("abc")
    save_file(state, kept / "snapshots" / "abc" / "model.safetensors")
    made = Backbone(model="test_resnet", outputs=0).build("pretrained", seed=0).state_dict()
    assert all(torch.equal(value, state[name]) for name, value in made.items())
    chosen = {"network": None, "model": "test_resnet", "size": 32, "weights": "pretrained", "epochs": 1}
    for _ in range(2):
        assert run_photos(raw, tmp_path / "runs", {"folds": (0,)}, predict=False, **chosen).run.finished() == [0]
        shutil.rmtree(hub, ignore_errors=True)  # what is fitted needs no weights to start from
