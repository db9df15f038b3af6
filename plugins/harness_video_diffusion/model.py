"""The diffusion models: loss, sampling and prediction of clips, and of images as clips of one frame.

Data from 0 to 1 are mapped to -1 to 1, which is where noise is added.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from harness.errors import UsageError
from harness.interfaces import ImageBatch, ImageData, Kernels, VideoBatch, VideoData
from harness_sequence.attention.op import Attention
from harness_video_diffusion.config import DiffusionConfig, VideoDiffusionConfig
from harness_video_diffusion.diffusion import diffuse, log_snr, target
from harness_video_diffusion.sampling import Given, Sampler
from harness_video_diffusion.unet import UNet


class Diffusion(nn.Module):
    """A denoiser of clips from -1 to 1, with its loss and its sampler (section 2)."""

    def __init__(self, config: DiffusionConfig, data: VideoData, attention: Attention, *, has_time: bool) -> None:
        super().__init__()
        self.config = config
        self.data = data
        self.unet = UNet(config, data, attention, has_time=has_time)

    def forward(
        self, x: Float[Tensor, "batch channels frames height width"]
    ) -> Float[Tensor, "batch channels frames height width"]:
        """What the network predicts where data and noise weigh the same."""
        return self.unet(x, x.new_zeros(len(x)))  # type: ignore[no-any-return]

    def loss(self, x: Float[Tensor, "batch channels frames height width"], classes: Tensor) -> Float[Tensor, ""]:
        """Mean squared error of what is predicted, at one uniform time for each example."""
        lam = log_snr(torch.rand(len(x), device=x.device, dtype=x.dtype))
        each = lam[:, None, None, None, None]
        eps = torch.randn_like(x)
        predicted = self.unet(diffuse(x, eps, each), lam, self._partly_withheld(classes))
        return F.mse_loss(predicted, target(self.config.prediction, x, eps, each))

    def _partly_withheld(self, classes: Tensor) -> Tensor | None:
        if not self.config.condition_on_class:
            return None
        if classes.ndim != 1:
            raise UsageError(
                f"condition_on_class with targets of shape {tuple(classes.shape)}; the network is told one class for "
                "each example; use a task without mixed images, or condition_on_class=false"
            )
        withheld = torch.rand(len(classes), device=classes.device) < self.config.label_drop
        return classes.masked_fill(withheld, self.data.num_classes)

    def draw(self, count: int, generator: torch.Generator) -> Float[Tensor, "count channels frames height width"]:
        """New clips; of classes drawn uniformly where the network is told them."""
        parameter = next(self.parameters())
        classes = None
        if self.config.condition_on_class:
            drawn = torch.randint(self.data.num_classes, (count,), generator=generator)
            classes = drawn.to(parameter.device)
        data = self.data
        like = parameter.new_empty(count, data.channels, data.frames, data.height, data.width)
        return self.sampler().draw(like, generator, classes=classes)

    def sampler(self) -> Sampler:
        """The sampler that the options describe, with estimated data cut to between -1 and 1."""
        return Sampler(
            denoiser=self.unet,
            prediction=self.config.prediction,
            steps=self.config.sampler_steps,
            gamma=self.config.gamma,
            corrector_step=self.config.corrector_step,
            guidance_weight=self.config.guidance_weight,
            bound=1.0,
        )


class VideoDiffusion(nn.Module):
    """Video diffusion. Sampling asks for evaluation mode, since dropout draws from another generator."""

    def __init__(self, config: VideoDiffusionConfig, data: VideoData, attention: Attention) -> None:
        super().__init__()
        self.config = config
        has_time = config.temporal_attention and data.frames > 1
        self.diffusion = Diffusion(config, data, attention, has_time=has_time)

    def forward(
        self, clips: Float[Tensor, "batch channels frames height width"]
    ) -> Float[Tensor, "batch channels frames height width"]:
        """The network's prediction for clips that pass through it as in training, with as many images after them."""
        frames = clips.shape[2]
        images = clips[:, :, :1].expand(-1, -1, self.config.image_frames, -1, -1)
        return self.diffusion(to_signed(torch.cat((clips, images), dim=2)))[:, :, :frames]  # type: ignore[no-any-return]

    def loss(self, batch: VideoBatch) -> Float[Tensor, ""]:
        """The loss over each clip and the images after it (section 3), which are frames of other clips."""
        clips = torch.cat((batch.inputs, other_frames(batch.inputs, self.config.image_frames)), dim=2)
        return self.diffusion.loss(to_signed(clips), batch.targets)

    def sample(self, count: int, generator: torch.Generator) -> Float[Tensor, "count channels frames height width"]:
        """Clips from 0 to 1."""
        return to_unit(self.diffusion.draw(count, generator))

    def predict(
        self, first: Float[Tensor, "batch channels given height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch channels frames height width"]:
        """Clips that begin with the given frames, by reconstruction guidance of the model without a class.

        Raises UsageError where no frame is given or none is left to predict.
        """
        num_given, frames = first.shape[2], self.diffusion.data.frames
        if not 0 < num_given < frames:
            raise UsageError(
                f"{num_given} frames are given of clips of {frames}; at least one is given and one predicted; give 1 "
                f"to {frames - 1}"
            )
        first = first.to(next(self.parameters()))
        values = F.pad(to_signed(first), (0, 0, 0, 0, 0, frames - num_given))
        known = torch.arange(frames, device=first.device)[:, None, None] < num_given  # [T, 1, 1]
        sampler = replace(self.diffusion.sampler(), reconstruction_weight=self.config.reconstruction_weight)
        clips = to_unit(sampler.draw(values, generator, given=Given(values=values, known=known)))
        return torch.cat((first, clips[:, :, num_given:]), dim=2)


class ImageDiffusion(nn.Module):
    """The same model of images: clips of one frame, without temporal attention. Sampling asks for evaluation mode."""

    def __init__(self, config: DiffusionConfig, data: ImageData, attention: Attention) -> None:
        super().__init__()
        clips = VideoData(
            num_classes=data.num_classes, channels=data.channels, frames=1, height=data.height, width=data.width
        )
        self.diffusion = Diffusion(config, clips, attention, has_time=False)

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        return self.diffusion(to_signed(images[:, :, None]))[:, :, 0]  # type: ignore[no-any-return]

    def loss(self, batch: ImageBatch) -> Float[Tensor, ""]:
        """The mean squared error of what the network predicts."""
        return self.diffusion.loss(to_signed(batch.inputs[:, :, None]), batch.targets)

    def sample(self, count: int, generator: torch.Generator) -> Float[Tensor, "count channels height width"]:
        """Images from 0 to 1."""
        return to_unit(self.diffusion.draw(count, generator))[:, :, 0]


def to_signed(x: Float[Tensor, ...]) -> Float[Tensor, ...]:
    """From 0 to 1 to -1 to 1."""
    return 2 * x - 1


def to_unit(x: Float[Tensor, ...]) -> Float[Tensor, ...]:
    """From -1 to 1 to 0 to 1, cut to that."""
    return ((x + 1) / 2).clamp(0, 1)


def other_frames(
    clips: Float[Tensor, "batch channels frames height width"], count: int
) -> Float[Tensor, "batch channels count height width"]:
    """For each clip `count` random frames of the others, in turn; its own where there is no other."""
    batch, frames = clips.shape[0], clips.shape[2]
    row = torch.arange(batch, device=clips.device)[:, None]
    offset = 1 + torch.arange(count, device=clips.device) % max(1, batch - 1)
    chosen = torch.randint(frames, (batch, count), device=clips.device)
    return rearrange(clips[(row + offset) % batch, :, chosen], "b n c h w -> b c n h w")


def build_video(config: VideoDiffusionConfig, data: VideoData, kernels: Kernels) -> VideoDiffusion:
    """The model of clips of `data`."""
    return VideoDiffusion(config, data, kernels["attention"])


def build_image(config: DiffusionConfig, data: ImageData, kernels: Kernels) -> ImageDiffusion:
    """The model of images of `data`."""
    return ImageDiffusion(config, data, kernels["attention"])
