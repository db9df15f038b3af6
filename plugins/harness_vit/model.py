"""The Vision Transformer: a pre-norm encoder over patches, whose class token is classified.

x  an image          [B, C, H, W]
z  tokens, a class token and N = H W / P^2 patches of P x P pixels  [B, N + 1, D]
y  what the head reads  [B, D]
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import ImageData
from harness_sequence.attention.op import Attention
from harness_sequence.patches import PatchEmbedding
from harness_sequence.self_attention import split_heads
from harness_vit.config import ViTConfig
from harness_vit.hybrid import HybridEmbedding
from harness_vit.initialisation import initialise_map
from harness_vit.positions import GridPositions, SequencePositions

NORM_EPS = 1e-6
MLP_BIAS_STD = 1e-6


class MultiHeadAttention(nn.Module):
    """Every token attends to all (appendix A, equations 5 to 8)."""

    def __init__(self, d_model: int, num_heads: int, attention: Attention) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention = attention
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)
        for weight in (*self.qkv.weight.chunk(3), self.out.weight):
            nn.init.xavier_uniform_(weight)
        for bias in (self.qkv.bias, self.out.bias):
            nn.init.zeros_(bias)

    def forward(self, z: Float[Tensor, "batch tokens d_model"]) -> Float[Tensor, "batch tokens d_model"]:
        q, k, v = split_heads(self.qkv(z), 3, self.num_heads)
        mixed = self.attention(q, k, v, False, None)
        return self.out(rearrange(mixed, "b h n d -> b n (h d)"))  # type: ignore[no-any-return]


class MLP(nn.Module):
    """Two linear maps with a GELU between them, and dropout after each (section 3.1, appendix B.1)."""

    def __init__(self, d_model: int, d_hidden: int, dropout: float) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_hidden)
        self.down = nn.Linear(d_hidden, d_model)
        self.dropout = nn.Dropout(dropout)
        for layer in (self.up, self.down):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.normal_(layer.bias, std=MLP_BIAS_STD)

    def forward(self, z: Float[Tensor, "batch tokens d_model"]) -> Float[Tensor, "batch tokens d_model"]:
        hidden = self.dropout(F.gelu(self.up(z)))
        return self.dropout(self.down(hidden))  # type: ignore[no-any-return]


class EncoderBlock(nn.Module):
    """z' = MSA(LN(z)) + z, then MLP(LN(z')) + z' (equations 2 and 3)."""

    def __init__(self, config: ViTConfig, attention: Attention) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.d_model, eps=NORM_EPS)
        self.attention = MultiHeadAttention(config.d_model, config.num_heads, attention)
        self.dropout = nn.Dropout(config.dropout)
        self.mlp_norm = nn.LayerNorm(config.d_model, eps=NORM_EPS)
        self.mlp = MLP(config.d_model, config.d_hidden, config.dropout)

    def forward(self, z: Float[Tensor, "batch tokens d_model"]) -> Float[Tensor, "batch tokens d_model"]:
        z = self.dropout(self.attention(self.attention_norm(z))) + z
        return self.mlp(self.mlp_norm(z)) + z  # type: ignore[no-any-return]


class VisionTransformer(nn.Module):
    """Images to logits (section 3.1, equations 1 to 4)."""

    def __init__(self, config: ViTConfig, data: ImageData, attention: Attention) -> None:
        super().__init__()
        has_class_token = config.pool == "class_token"
        self.embedding = _embedding(config, data)
        self.class_token = nn.Parameter(torch.zeros(config.d_model)) if has_class_token else None
        self.positions = _positions(config, self.embedding, has_class_token=has_class_token)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(EncoderBlock(config, attention) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.d_model, eps=NORM_EPS)
        self.pre_logits = nn.Linear(config.d_model, config.d_model) if config.hidden_head else None
        self.head = nn.Linear(config.d_model, data.num_classes)
        self._initialise(config)

    def _initialise(self, config: ViTConfig) -> None:
        initialise_map(self.embedding.projection)
        if self.pre_logits is not None:
            initialise_map(self.pre_logits)
        if config.head_init == "zero":
            nn.init.zeros_(self.head.weight)
        else:
            nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def features(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch d_model"]:
        """What the linear head reads: the class token or the mean of the patches, through the hidden layer if any."""
        z = self.embedding(images)
        if self.class_token is not None:
            z = torch.cat((self.class_token.expand(z.shape[0], 1, -1), z), dim=1)
        if self.positions is not None:
            z = z + self.positions()
        z = self.dropout(z)  # equation 1
        for block in self.blocks:
            z = block(z)
        z = self.norm(z)
        y = z.mean(dim=1) if self.class_token is None else z[:, 0]  # equation 4
        return y if self.pre_logits is None else torch.tanh(self.pre_logits(y))

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        return self.head(self.features(images))  # type: ignore[no-any-return]


def _embedding(config: ViTConfig, data: ImageData) -> PatchEmbedding | HybridEmbedding:
    if config.stem == "hybrid":
        return HybridEmbedding(data, config)
    return PatchEmbedding(data, config.patch_size, config.d_model)


def _positions(
    config: ViTConfig, embedding: PatchEmbedding | HybridEmbedding, *, has_class_token: bool
) -> SequencePositions | GridPositions | None:
    if config.positions == "learned_1d":
        return SequencePositions(embedding.num_patches + has_class_token, config.d_model)
    if config.positions == "learned_2d":
        return GridPositions(embedding.grid, config.d_model, has_class_token=has_class_token)
    return None
