"""Declares video diffusion and, with one frame, the diffusion of images."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import Capability, Growth, ModelSpec, Ref, Source

VIDEO_DIFFUSION = Source(
    title="Video Diffusion Models",
    authors="Jonathan Ho, Tim Salimans, Alexey Gritsenko, William Chan, Mohammad Norouzi, David J. Fleet",
    year=2022,
    arxiv="2204.03458",
    venue="NeurIPS 2022",
)
# Heads of 16 channels divide every width.
SIZE_MULTIPLE = 16


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="video_diffusion",
            summary="U-Net factorised in space and time; predicts frames by reconstruction guidance",
            source=VIDEO_DIFFUSION,
            config=Ref("harness_video_diffusion.config:VideoDiffusionConfig"),
            build=Ref("harness_video_diffusion.model:build_video"),
            capabilities=frozenset({Capability.SAMPLES_VIDEO}),
            ops=("attention",),
            sized_by="base_channels",
            size_multiple=SIZE_MULTIPLE,
            shares=("harness_sequence",),
            growth=(Growth(along="frames", seconds=2.0, bytes=2.0),),
        ),
        ModelSpec(
            name="image_diffusion",
            summary="the U-Net of video diffusion on single images",
            source=VIDEO_DIFFUSION,
            config=Ref("harness_video_diffusion.config:DiffusionConfig"),
            build=Ref("harness_video_diffusion.model:build_image"),
            capabilities=frozenset({Capability.SAMPLES_IMAGES}),
            ops=("attention",),
            sized_by="base_channels",
            size_multiple=SIZE_MULTIPLE,
            shares=("harness_sequence",),
            growth=(Growth(along="steps", seconds=1.0, bytes=0.0),),
        ),
    ]
