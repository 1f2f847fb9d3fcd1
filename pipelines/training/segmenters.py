"""Networks of maps: segmentation-models-pytorch over encoders of its own or timm's, and a plain U-Net."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pipelines.stops import UsageError
from pipelines.training.networks import Pixels, check_model, check_names, find_weights, pixels_of
from pipelines.training.pretrained import naming_ways, require, require_timm
from pipelines.training.unet import Padded, PlainUnet

TIMM = "tu-"  # what names a timm encoder, as segmentation-models-pytorch calls them
STRIDE = 32  # encoders halve five times


@dataclass(frozen=True, kw_only=True)
class Segmenter:
    """A network from images (rows, channels, height, width) of any size to raw maps (rows, 1, height, width)."""

    arch: str  # unet, unetplusplus, fpn, linknet, deeplabv3plus or plain
    encoder: str
    channels: int
    width: int = 32  # channels of a plain U-Net's first level
    depth: int = 4  # halvings of a plain U-Net

    def build(self, weights: str, seed: int) -> tuple[torch.nn.Module, Pixels]:
        """The network with its encoder's pretrained weights, those of a file, or none, and the pixels it expects."""
        torch.manual_seed(seed)
        check_weights(self.arch, self.encoder, weights)
        if self.arch == "plain":
            return self._plain(weights), Pixels((0.5,), (0.5,), "bilinear")
        file = None if weights in ("pretrained", "none") else find_weights(weights)
        with naming_ways(weights, self.encoder):
            if weights == "pretrained":
                require_encoder(self.encoder)
            network = self._made(weights, file)
            pixels = encoder_pixels(self.encoder, network.encoder, weights)
        return Padded(network, STRIDE), pixels

    def _plain(self, weights: str) -> torch.nn.Module:
        network = Padded(PlainUnet(self.channels, self.width, self.depth), 2**self.depth)
        if weights != "none":
            load_strictly(network, find_weights(weights))
        return network

    def _made(self, weights: str, file: Path | None) -> Any:
        """The architecture over its encoder; a file of weights is that encoder's own, as its library names them."""
        timms, more = self.encoder.startswith(TIMM), dict[str, Any]()
        if timms and file is not None:
            import timm

            check_names(timm.create_model(self.encoder[len(TIMM) :], in_chans=self.channels), file)
            more = {"pretrained_cfg_overlay": {"file": str(file)}}
        given = weights == "pretrained" or bool(more)
        made = architecture(self.arch)
        try:
            network = made(
                encoder_name=self.encoder,
                encoder_weights=first_weights(self.encoder) if given else None,
                in_channels=self.channels,
                classes=1,
                **more,
            )
        except ValueError as error:
            raise UsageError(
                f"--encoder: expected one that --arch {self.arch} can stand on, got {self.encoder}: {error}; "
                "take one that halves its maps step by step, as resnet34 or tu-convnext_tiny"
            ) from error
        if file is not None and not timms:
            load_strictly(network.encoder, file)
        return network


def architecture(arch: str) -> Callable[..., Any]:
    """The class of segmentation-models-pytorch."""
    try:
        import segmentation_models_pytorch as smp
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--arch {arch}: expected segmentation-models-pytorch, got no module {error.name}; "
            'install it: pip install "podium[seg]", or use --arch plain --weights none'
        ) from error
    known: Mapping[str, Callable[..., Any]] = {
        "unet": smp.Unet,
        "unetplusplus": smp.UnetPlusPlus,
        "fpn": smp.FPN,
        "linknet": smp.Linknet,
        "deeplabv3plus": smp.DeepLabV3Plus,
    }
    return known[arch]


def check_weights(arch: str, encoder: str, weights: str) -> None:
    """Refuse an encoder that does not exist, and pretrained weights of what nobody has trained."""
    if arch != "plain":
        check_encoder(encoder)
    elif weights == "pretrained":
        raise ValueError("--weights pretrained: expected --weights none for --arch plain, which nobody has trained")


def check_encoder(encoder: str) -> None:
    """Refuse an encoder that neither library knows, naming near ones."""
    if encoder.startswith(TIMM):
        check_model(encoder[len(TIMM) :], "--encoder")
        return
    known = own_encoders()
    if encoder not in known:
        near = ", ".join(difflib.get_close_matches(encoder, known, n=5, cutoff=0.4)) or "none"
        raise UsageError(
            f"--encoder: expected an encoder of segmentation-models-pytorch, or {TIMM} and a timm backbone, got "
            f"{encoder!r}; near: {near}"
        )


def own_encoders() -> dict[str, Any]:
    """The encoders that come with segmentation-models-pytorch, by name."""
    architecture("unet")
    from segmentation_models_pytorch.encoders import encoders

    return dict(encoders)


def first_weights(encoder: str) -> Any:
    """What segmentation-models-pytorch calls an encoder's usual pretrained weights."""
    if encoder.startswith(TIMM):
        return True
    known = list(own_encoders()[encoder]["pretrained_settings"])
    return "imagenet" if "imagenet" in known else known[0]


def require_encoder(encoder: str) -> None:
    """Refuse an encoder's pretrained weights that are neither there nor to be had now."""
    if encoder.startswith(TIMM):
        require_timm(encoder[len(TIMM) :])
    else:
        known = own_encoders()[encoder]["pretrained_settings"][first_weights(encoder)]
        require(known["repo_id"], known["revision"])


def encoder_pixels(encoder: str, network: Any, weights: str) -> Pixels:
    """The statistics of the pixels that an encoder was trained on; ImageNet's where nothing says which."""
    if encoder.startswith(TIMM):
        return pixels_of(network.model)
    if weights != "pretrained":
        from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

        return Pixels(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, "bilinear")
    from segmentation_models_pytorch.encoders import get_preprocessing_params

    found = get_preprocessing_params(encoder, pretrained=first_weights(encoder))
    top = max(found["input_range"])
    return Pixels(tuple(each / top for each in found["mean"]), tuple(each / top for each in found["std"]), "bilinear")


def load_strictly(network: torch.nn.Module, file: Path) -> None:
    """Give a network the weights of a file; one that lacks any, or has others of its own, is refused."""
    from safetensors.torch import load_file

    try:
        network.load_state_dict(load_file(file))
    except RuntimeError as error:
        raise ValueError(f"{file} is of another network: {' '.join(str(error).split())[:200]}") from error
