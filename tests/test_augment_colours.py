"""Colours of views change as their definitions say; what albumentations adds, and that it stays behind its door."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np

from features.augment import Augment
from features.recipes import RECIPES, Recipe
from tests.source import ROOT


def photo(height: int = 90, width: int = 120, channels: int = 3) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(30, 220, (6, 8, channels), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, channels)


def test_colours_as_their_definitions_say():
    image = 60 + photo().astype(float) // 2  # far from both ends: nothing is clipped
    gray = image @ [0.299, 0.587, 0.114]
    for field, centre in (("brightness", 0.0), ("contrast", gray.mean()), ("saturation", gray[..., None])):
        seen = set()
        for seed in range(40):
            view = Augment(Recipe(frame="whole", **{field: 0.4}), 90, 120)(np.asarray(image, np.uint8), seed)
            apart = image - centre
            factor = ((view - centre) * apart).sum() / (apart * apart).sum()
            assert np.abs(centre + factor * apart - view).mean() < 0.6
            seen.add(round(factor, 3))
        assert 0.58 < min(seen) < 0.7
        assert 1.3 < max(seen) < 1.42


def test_hue_turns_colours_and_keeps_grays():
    gray = np.full((8, 8, 3), 120, np.uint8)
    red = np.full((8, 8, 3), (150, 100, 110), np.uint8)
    for seed in range(20):
        augment = Augment(Recipe(frame="whole", hue=0.3), 8, 8)
        assert np.abs(augment(gray, seed).astype(int) - 120).max() <= 1
        turned = augment(red, seed)[0, 0].astype(float)
        assert abs(turned @ [0.299, 0.587, 0.114] - red[0, 0] @ [0.299, 0.587, 0.114]) < 2
    hues = {tuple(Augment(Recipe(frame="whole", hue=0.3), 8, 8)(red, seed)[0, 0]) for seed in range(20)}
    assert len(hues) > 15


def test_colours_change_after_the_geometry_and_leave_it_alone():
    image = photo()
    plain = Augment(replace(RECIPES["medium"], brightness=0, contrast=0, saturation=0), 40, 56)(image, 9)
    bright = Augment(replace(RECIPES["medium"], contrast=0, saturation=0), 40, 56)(image, 9)
    assert np.corrcoef(plain.ravel(), bright.ravel())[0, 1] > 0.99


def test_extras_do_what_they_are_called():
    image = photo()
    for field in ("blur", "noise", "dropout", "distortion"):
        view = Augment(Recipe(frame="whole", **{field: 1.0}), 90, 120)(image, 3)
        assert not np.array_equal(view, image), field
    roughness = [np.abs(np.diff(Augment(Recipe(frame="whole", **{field: 1.0}), 90, 120)(image, 3).astype(int))).mean()
                 for field in ("blur", "noise")]  # fmt: skip
    assert roughness[0] < roughness[1]


def test_albumentations_is_loaded_late_and_asks_no_registry():
    code = """
import socket, sys
def refuse(*given): raise OSError(f"network was asked: {given}")
socket.socket.connect = socket.getaddrinfo = refuse
import numpy as np
from features.augment import Augment
from features.recipes import RECIPES
Augment(RECIPES["light"], 8, 8)(np.zeros((9, 9, 3), np.uint8), 1)
assert "albumentations" not in sys.modules and "torch" not in sys.modules
import urllib.request
urllib.request.urlopen = refuse
Augment(RECIPES["heavy"], 8, 8)(np.zeros((9, 9, 3), np.uint8), 1)
assert "albumentations" in sys.modules
"""
    environment = {name: value for name, value in os.environ.items() if name != "NO_ALBUMENTATIONS_UPDATE"}
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
