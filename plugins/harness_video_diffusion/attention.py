"""Attention within a frame, and between frames.

Features are [batch * frames, channels, height, width]: frames lie in the batch.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from harness_sequence.attention.op import Attention
from harness_sequence.self_attention import split_heads
from harness_video_diffusion.layers import SMALL, linear, norm

BIAS_STD = 0.02


class SpatialAttention(nn.Module):
    """x + attention between the pixels of each frame."""

    def __init__(self, channels: int, head_dim: int, attention: Attention) -> None:
        super().__init__()
        self.num_heads = channels // head_dim
        self.attention = attention
        self.norm = norm(channels)
        self.qkv = linear(channels, 3 * channels)
        self.out = linear(channels, channels, gain=SMALL)

    def forward(self, x: Float[Tensor, "bf channels height width"]) -> Float[Tensor, "bf channels height width"]:
        tokens = rearrange(self.norm(x), "b c h w -> b (h w) c")
        q, k, v = split_heads(self.qkv(tokens), 3, self.num_heads)
        mixed = self.attention(q, k, v, False, None)
        mixed = self.out(rearrange(mixed, "b n l d -> b l (n d)"))
        return x + rearrange(mixed, "b (h w) c -> b c h w", h=x.shape[2])  # type: ignore[no-any-return]


class TemporalAttention(nn.Module):
    """x + attention between the frames at each pixel, with a learned bias for each head and distance in time.

    The first `num_frames` frames are a clip, whose frames see each other; any more are images that see only themselves.
    The bias keeps it from using the op `attention`, which has none.
    """

    def __init__(self, channels: int, head_dim: int, num_frames: int) -> None:
        super().__init__()
        self.num_heads = channels // head_dim
        self.head_dim = head_dim
        self.num_frames = num_frames
        self.norm = norm(channels)
        self.qkv = linear(channels, 3 * channels)
        self.out = linear(channels, channels, gain=SMALL)
        self.bias = nn.Parameter(torch.empty(self.num_heads, 2 * num_frames - 1))
        nn.init.normal_(self.bias, std=BIAS_STD)

    def biases(self, frames: int) -> Float[Tensor, "heads frames frames"]:
        """What is added to the scores of each pair of frames: minus infinity where one does not see the other."""
        position = torch.arange(frames, device=self.bias.device)
        reach = self.num_frames - 1
        distance = (position[None, :] - position[:, None]).clamp(-reach, reach)
        in_clip = position < self.num_frames
        seen = in_clip[None, :] & in_clip[:, None] | (distance == 0)
        return self.bias[:, distance + reach].masked_fill(~seen, -math.inf)

    def forward(
        self, x: Float[Tensor, "bf channels height width"], frames: int
    ) -> Float[Tensor, "bf channels height width"]:
        tokens = rearrange(self.norm(x), "(b f) c h w -> (b h w) f c", f=frames)
        q, k, v = split_heads(self.qkv(tokens), 3, self.num_heads)
        scores = q @ k.transpose(-1, -2) / math.sqrt(self.head_dim) + self.biases(frames)  # [B H W, heads, F, F]
        mixed = self.out(rearrange(scores.softmax(dim=-1) @ v, "b n f d -> b f (n d)"))
        return x + rearrange(mixed, "(b h w) f c -> (b f) c h w", h=x.shape[2], w=x.shape[3])  # type: ignore[no-any-return]
