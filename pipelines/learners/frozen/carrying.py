"""Weights of frozen backbones that travel with a run, for where there is no internet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pipelines.learners.frozen.settings import FrozenSettings

Kind = TypeVar("Kind", bound=FrozenSettings)


def carry(learner: FrozenSettings, folder: Path) -> list[Path]:
    """Write NAME.safetensors for each backbone; weights none are drawn anew wherever they are needed."""
    if learner.weights == "none":
        return []
    from safetensors.torch import save_file

    from pipelines.learners.frozen.network import Glasses
    from submissions.place import replacing

    files = []
    for backbone in learner.backbones:
        state = Glasses(learner, backbone).network.state_dict()
        files.append(folder / f"{backbone}.safetensors")
        with replacing(files[-1]) as draft:
            save_file({name: tensor.cpu().clone().contiguous() for name, tensor in state.items()}, draft)
    return files


def carried(learner: Kind, folder: Path) -> Kind:
    """The learner with the weights that carry wrote."""
    if learner.weights == "none":
        return learner
    wanted = [folder / f"{backbone}.safetensors" for backbone in learner.backbones]
    absent = [path for path in wanted if not path.is_file()]
    if absent:
        raise FileNotFoundError(
            f"expected the backbones' weights to travel with the run, got no {', '.join(map(str, absent))}; "
            "`podium kernel build RUN` puts them there where the weights are at hand"
        )
    return replace(learner, weights=str(folder))
