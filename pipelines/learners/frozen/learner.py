"""The learner of frozen features: backbones that are only looked through, and a head that is fitted in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from pipelines.contract import Chunks, Out, Table, Targets
from pipelines.learners.frozen.memory import bytes_of
from pipelines.learners.tasks import Binary, Task
from pipelines.report import Watcher
from pipelines.training.settings import usable_cores
from pipelines.training.views import Views

if TYPE_CHECKING:
    from pipelines.learners.frozen.model import FrozenModel


@dataclass(frozen=True, kw_only=True)
class FrozenLearner:
    """A head on what frozen backbones make of images; each image goes through each backbone once, for all runs."""

    head: Literal["svr", "ridge", "knn", "lightgbm"] = "svr"
    """What is fitted: support vectors, ridge (for classes logistic) regression, nearest neighbours or boosted trees."""
    backbones: tuple[str, ...] = ("convnext_tiny",)
    """timm backbones whose features are laid side by side, as in a,b,c."""
    weights: str = "pretrained"
    """pretrained, none, or a folder with NAME.safetensors or NAME/model.safetensors for each backbone."""
    output: Literal["embedding", "logits"] = "embedding"
    """What of a backbone: its pooled features, or what the classifier that it came with makes of them."""
    size: int = 0
    """Side of the images that the backbones see; 0: what each was trained on."""
    fit_image: Literal["crop", "squash", "letterbox"] = "crop"
    """How an image becomes square: its middle, squashed, or whole with bars."""
    views: Views = "none"
    """Looks at each image, whose features are averaged."""
    strength: float = 0.0
    """Penalty of svr (1 / C) and ridge; 0: 1 for svr, found on the training rows for ridge, 100 for logistic."""
    neighbours: int = 30
    """How many training rows knn asks."""
    rounds: int = 300
    """Trees of lightgbm."""
    param: tuple[str, ...] = ()
    """More settings of lightgbm, key=value."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Number format of the backbones' arithmetic."""
    threads: int = 0
    """CPU threads of the head; 0: all."""
    seed: int = 0
    """What every random draw derives from."""
    memory: str = field(default="2GB", compare=False)
    """Most memory that the command may take while a head is fitted, as in 500MB; more is not needed, it is refused."""
    cache: Literal["disk", "off"] = field(default="disk", compare=False)
    """Whether features are kept on disk."""
    feature_dir: Path = field(default=Path("runs/cache/features"), compare=False)
    """Folder of the features."""
    workers: int = field(default_factory=usable_cores, compare=False)
    """Threads that decode images."""
    device: str = field(default="auto", compare=False)
    """Where the backbones compute: auto, cpu, cuda, cuda:1, mps."""
    task: Task = field(default_factory=Binary)
    open_images: Callable[[Table], Any] | None = None  # features.images.Images of pixels that are no files

    def __post_init__(self) -> None:
        if not self.backbones or len(set(self.backbones)) < len(self.backbones):
            raise ValueError(f"--backbones: expected one or more, each once, got {', '.join(self.backbones) or 'none'}")
        if self.size and self.size < 8:
            raise ValueError(f"--size: expected 0 or at least 8 pixels, got {self.size}")
        for name, low in {"strength": 0, "neighbours": 1, "rounds": 1, "workers": 0, "threads": 0}.items():
            if getattr(self, name) < low:
                raise ValueError(f"--{name}: expected at least {low}, got {getattr(self, name)}")
        bytes_of(self.memory)

    def inputs(self, table: Table) -> Chunks:
        """Chunks of features, float32 (rows, width), out of the store or made now."""
        from pipelines.learners.frozen.features import chunks

        return chunks(self, table)

    def fit(self, train: Table, valid: Table | None, targets: Targets, out: Out) -> FrozenModel:
        """A head on the training rows' features; valid rows are not looked at."""
        from pipelines.learners.frozen.model import fit_frozen

        return fit_frozen(self, train, targets, out)

    def load(self, out: Out) -> FrozenModel:
        """The model that fit left in out."""
        from pipelines.learners.frozen.model import load_frozen

        return load_frozen(self, out.folder)

    def carry(self, folder: Path) -> list[Path]:
        """Write the backbones' weights into a folder, so that predicting needs no others."""
        from pipelines.learners.frozen.carrying import carry

        return carry(self, folder)

    def carried(self, folder: Path) -> FrozenLearner:
        """The same learner with the weights that lie in a folder; it names those that do not."""
        from pipelines.learners.frozen.carrying import carried

        return carried(self, folder)

    def unreadable(self, train: Table, test: Table, watcher: Watcher) -> dict[Path, str]:
        """Why files cannot be read, for all that cannot; where all can, their features are made on the way."""
        from features.decode import scan
        from pipelines.learners.frozen.features import stored, unseen

        files = [] if self.open_images is not None else [*unseen(self, train), *unseen(self, test)]
        reasons = scan(files, self.workers, watcher.steps)
        if not reasons and self.cache == "disk":
            stored(self, pd.concat([train, test]), watcher)
        return reasons
