"""Settings of the targets: what the decoders aim at."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from neurodecode.settings import Section

__all__ = [
    "ClipSettings",
    "GaborSettings",
    "GivenSettings",
    "LatentSettings",
    "MotionSettings",
    "OpenClipSettings",
    "PixelSettings",
    "TargetSettings",
]


class OpenClipSettings(Section):
    """Image embedding of an OpenCLIP model, L2-normalised."""

    kind: Literal["openclip"]
    weights: str = Field(
        "embedded",
        description="embedded: the tiny model that ships; else a folder in open_clip's layout",
    )


class PixelSettings(Section):
    """The pictures themselves, resized."""

    kind: Literal["pixels"]
    size: int = Field(64, ge=4, le=512, description="pixels a side")


class LatentSettings(Section):
    """Latent of the embedded autoencoder."""

    kind: Literal["latent"]
    weights: str = Field("embedded", description="embedded, or a folder of an AutoencoderKL")


class GaborSettings(Section):
    """Energy of edges in cells of the picture: a band for encoding models."""

    kind: Literal["gabor"]
    cells: Literal[2, 4, 8, 16] = Field(8, description="cells along a side")


class MotionSettings(Section):
    """Mean optical flow of clips, in cells: what tells a clip from its reverse."""

    kind: Literal["motion"]
    cells: Literal[2, 4, 8] = Field(4, description="cells along a side")


class ClipSettings(Section):
    """A clip's frames, small and few."""

    kind: Literal["clip"]
    size: int = Field(16, ge=4, le=64, description="pixels a side")
    n_frames: int = Field(4, ge=2, le=16, description="must divide the clips' number of frames")


class GivenSettings(Section):
    """The study's own features (kind ``arrays``: ``keys.features``)."""

    kind: Literal["given"]


TargetSettings = Annotated[
    OpenClipSettings
    | PixelSettings
    | LatentSettings
    | GaborSettings
    | MotionSettings
    | ClipSettings
    | GivenSettings,
    Field(discriminator="kind"),
]
