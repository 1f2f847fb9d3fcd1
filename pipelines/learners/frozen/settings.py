"""The settings of the frozen-feature learner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipelines.contents import Contents
from pipelines.contract import Table
from pipelines.learners.frozen.memory import bytes_of
from pipelines.learners.tasks import Binary, Task
from pipelines.training.settings import usable_cores
from pipelines.training.views import Views

FEATURES = Path("runs/cache/features")  # where the command line says nothing else


@dataclass(frozen=True, kw_only=True)
class FrozenSettings:
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
    """Most memory that the command may hold while a head is fitted, as in 500MB; what needs more is refused."""
    cache: Literal["disk", "off"] = field(default="disk", compare=False)
    """Whether features are kept on disk."""
    feature_dir: Path | None = field(default=None, compare=False)
    """Folder of the features (default: cache/features under --runs)."""
    workers: int = field(default_factory=usable_cores, compare=False)
    """Threads that decode images."""
    device: str = field(default="auto", compare=False)
    """Where the backbones compute: auto, cpu, cuda, cuda:1, mps."""
    task: Task = field(default_factory=Binary)
    open_images: Callable[[Table], Any] | None = None  # features.images.Images of pixels that are no files

    @property
    def kept_in(self) -> Path:
        """Folder of the features."""
        return self.feature_dir or FEATURES

    @property
    def contents(self) -> Contents:
        """What is known of files' contents, kept beside the features."""
        return Contents(self.kept_in / "contents.sqlite")

    def __post_init__(self) -> None:
        if not self.backbones or len(set(self.backbones)) < len(self.backbones):
            raise ValueError(f"--backbones: expected one or more, each once, got {', '.join(self.backbones) or 'none'}")
        if self.size and self.size < 8:
            raise ValueError(f"--size: expected 0 or at least 8 pixels, got {self.size}")
        for name, low in {"strength": 0, "neighbours": 1, "rounds": 1, "workers": 0, "threads": 0}.items():
            if getattr(self, name) < low:
                raise ValueError(f"--{name}: expected at least {low}, got {getattr(self, name)}")
        bytes_of(self.memory)
