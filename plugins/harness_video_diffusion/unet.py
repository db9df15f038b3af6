"""The U-Net, factorised in space and time (section 3).

x  features, frames in the batch  [B F, D, H, W]
e  embedding of log-SNR and class, one for each frame  [B F, E]

A 1x3x3 convolution is a 3x3 one that takes frames for examples. So frames lie in the batch, each is normalised by
itself, and they meet in temporal attention alone.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from harness.errors import UsageError
from harness.interfaces import VideoData
from harness_sequence.attention.op import Attention
from harness_video_diffusion.attention import SpatialAttention, TemporalAttention
from harness_video_diffusion.config import DiffusionConfig
from harness_video_diffusion.layers import SMALL, convolution, linear, norm

LARGEST_ATTENTION = 16
FASTEST, SLOWEST = 4.0, 0.04


class Embedding(nn.Module):
    """Maps log-SNR and class to e: an MLP over sines and cosines of the log-SNR plus a vector for the class.

    The last of the vectors stands for no class. The waves go from 4 to 0.04 radians for a unit of log-SNR.
    """

    def __init__(self, width: int, num_layers: int, num_classes: int | None) -> None:
        super().__init__()
        self.enter = linear(2 * (width // 2), width)
        self.classes = None if num_classes is None else nn.Embedding(num_classes + 1, width)
        self.layers = nn.ModuleList(linear(width, width) for _ in range(num_layers - 1))
        waves = torch.logspace(math.log10(FASTEST), math.log10(SLOWEST), width // 2)
        self.register_buffer("waves", waves, persistent=False)

    def forward(
        self, lam: Float[Tensor, " batch"], classes: Int[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch width"]:
        assert isinstance(self.waves, Tensor)
        phases = lam[:, None] * self.waves
        e = self.enter(torch.cat((phases.sin(), phases.cos()), dim=1))
        if self.classes is not None:
            nothing = torch.full((len(lam),), self.classes.num_embeddings - 1, device=lam.device)
            e = e + self.classes(nothing if classes is None else classes)
        for layer in self.layers:
            e = layer(F.silu(e))
        return e  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """shortcut(x) + conv(dropout(silu(norm(h)))), where h = conv(silu(norm(x))) + linear(silu(e))."""

    def __init__(self, d_in: int, d_out: int, d_embedding: int, dropout: float) -> None:
        super().__init__()
        self.first_norm, self.first = norm(d_in), convolution(d_in, d_out, 3)
        self.condition = linear(d_embedding, d_out)
        self.second_norm, self.second = norm(d_out), convolution(d_out, d_out, 3, gain=SMALL)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = nn.Identity() if d_in == d_out else convolution(d_in, d_out, 1)

    def forward(
        self, x: Float[Tensor, "bf d_in height width"], e: Float[Tensor, "bf d_embedding"]
    ) -> Float[Tensor, "bf d_out height width"]:
        h = self.first(F.silu(self.first_norm(x))) + self.condition(F.silu(e))[:, :, None, None]
        return self.shortcut(x) + self.second(self.dropout(F.silu(self.second_norm(h))))  # type: ignore[no-any-return]


class SpaceTimeAttention(nn.Module):
    """Attention within each frame, followed by attention between frames where there are several."""

    def __init__(self, channels: int, config: DiffusionConfig, num_frames: int | None, attention: Attention) -> None:
        super().__init__()
        self.space = SpatialAttention(channels, config.head_dim, attention)
        self.time = None if num_frames is None else TemporalAttention(channels, config.head_dim, num_frames)

    def forward(
        self, x: Float[Tensor, "bf channels height width"], frames: int
    ) -> Float[Tensor, "bf channels height width"]:
        x = self.space(x)
        return x if self.time is None else self.time(x, frames)


class Block(nn.Module):
    """A residual block, and attention where the resolution has it."""

    def __init__(self, residual: ResidualBlock, attention: SpaceTimeAttention | None) -> None:
        super().__init__()
        self.residual = residual
        self.attention = attention

    def forward(
        self, x: Float[Tensor, "bf d_in height width"], e: Float[Tensor, "bf d_embedding"], frames: int
    ) -> Float[Tensor, "bf d_out height width"]:
        x = self.residual(x, e)
        return x if self.attention is None else self.attention(x, frames)


class Doubling(nn.Module):
    """Twice the height and width: each pixel four times, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.smooth = convolution(channels, channels, 3)

    def forward(
        self, x: Float[Tensor, "bf channels height width"]
    ) -> Float[Tensor, "bf channels twice_height twice_width"]:
        return self.smooth(F.interpolate(x, scale_factor=2, mode="nearest"))  # type: ignore[no-any-return]


class UNet(nn.Module):
    """Clips with noise to what is predicted of them: down to the smallest resolution and back, over skip connections.

    Clips may be longer than those of `data`: further frames are images that temporal attention keeps to themselves.
    Without `has_time` there is no temporal attention. Raises UsageError where a side cannot be halved as often as
    there are resolutions, or where `attention_resolutions` names a side that does not occur.
    """

    def __init__(
        self,
        config: DiffusionConfig,
        data: VideoData,
        attention: Attention,
        *,
        has_time: bool,
    ) -> None:
        super().__init__()
        widths = [config.base_channels * multiplier for multiplier in config.multipliers]
        attends = _attending(config, data)
        frames = data.frames if has_time else None

        def block(d_in: int, d_out: int, *, has_attention: bool) -> Block:
            residual = ResidualBlock(d_in, d_out, config.d_embedding, config.dropout)
            return Block(residual, SpaceTimeAttention(d_out, config, frames, attention) if has_attention else None)

        num_classes = data.num_classes if config.condition_on_class else None
        self.embedding = Embedding(config.d_embedding, config.embedding_layers, num_classes)
        self.enter = convolution(data.channels, widths[0], 3)
        d, skipped = widths[0], [widths[0]]
        self.down = nn.ModuleList()
        for level, width in enumerate(widths):
            if level:
                self.down.append(convolution(d, d, 3, stride=2))
                skipped.append(d)
            for _ in range(config.num_blocks):
                self.down.append(block(d, width, has_attention=attends[level]))
                d = width
                skipped.append(d)
        self.middle = nn.ModuleList((block(d, d, has_attention=True), block(d, d, has_attention=False)))
        self.up = nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(config.num_blocks + 1):
                self.up.append(block(d + skipped.pop(), width, has_attention=attends[level]))
                d = width
            if level:
                self.up.append(Doubling(d))
        self.leave_norm, self.leave = norm(d), convolution(d, data.channels, 3, gain=SMALL)

    def forward(
        self,
        z: Float[Tensor, "batch channels frames height width"],
        lam: Float[Tensor, " batch"],
        classes: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch channels frames height width"]:
        frames = z.shape[2]
        e = self.embedding(lam, classes).repeat_interleave(frames, dim=0)  # [B F, E]
        x = self.enter(rearrange(z, "b c f h w -> (b f) c h w"))
        skips = [x]
        for layer in self.down:
            x = layer(x, e, frames) if isinstance(layer, Block) else layer(x)
            skips.append(x)
        for layer in self.middle:
            x = layer(x, e, frames)
        for layer in self.up:
            x = layer(torch.cat((x, skips.pop()), dim=1), e, frames) if isinstance(layer, Block) else layer(x)
        x = self.leave(F.silu(self.leave_norm(x)))
        return rearrange(x, "(b f) c h w -> b c f h w", f=frames)  # type: ignore[no-any-return]


def _attending(config: DiffusionConfig, data: VideoData) -> list[bool]:
    """For each resolution, whether it has attention. A resolution goes by its longer side."""
    times = len(config.multipliers) - 1
    smallest = 2**times
    if data.height % smallest or data.width % smallest:
        raise UsageError(
            f"multipliers={list(config.multipliers)} halve frames of {data.height}x{data.width} pixels {times} times; "
            f"both sides are then multiples of {smallest}; use fewer multipliers or other frames"
        )
    sides = [max(data.height, data.width) >> level for level in range(times + 1)]
    if config.attention_resolutions is None:
        return [side <= LARGEST_ATTENTION for side in sides]
    if unknown := sorted(set(config.attention_resolutions) - set(sides)):
        raise UsageError(
            f"attention_resolutions={list(config.attention_resolutions)}: no feature map has {unknown} pixels a side; "
            f"the sides here are {sides}; choose among these"
        )
    return [side in config.attention_resolutions for side in sides]
