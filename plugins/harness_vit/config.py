"""Options of the Vision Transformer, and its published sizes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

NUM_GROUPS = 32
R50_BLOCKS = (3, 4, 9)
CHECKPOINT_SUFFIXES = (".npz", ".safetensors")

PatchSize = Annotated[int, Field(gt=0, description="pixels along a side of a patch, P in the paper")]
Width = Annotated[int, Field(gt=0, description="width of the tokens, D in the paper")]
NumLayers = Annotated[int, Field(gt=0, description="encoder blocks, L in the paper")]
NumHeads = Annotated[int, Field(gt=0, description="attention heads in each block")]
Stem = Literal["patches", "hybrid"]
StemField = Annotated[
    Stem, Field(description="patches of the image, or the pixels of a ResNet's feature map (section 3.1)")
]


class ViTConfig(BaseModel):
    """Sizes and variants; the defaults are small and for images of about 32 pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    patch_size: PatchSize = 4
    d_model: Width = 64
    num_layers: NumLayers = 4
    num_heads: NumHeads = 4
    mlp_dim: int | None = Field(None, gt=0, description="hidden width of the MLPs; 4 d_model if unset")
    dropout: float = Field(
        0.0, ge=0.0, lt=1.0, description="dropout after positions, attention output and both MLP layers"
    )
    pool: Literal["class_token", "mean"] = Field(
        "class_token", description="what the head reads: the class token, or the mean of the patches (appendix D.3)"
    )
    positions: Literal["learned_1d", "learned_2d", "none"] = Field(
        "learned_1d", description="a vector for each token, halves for its row and its column, or none (appendix D.4)"
    )
    hidden_head: bool = Field(False, description="a hidden tanh layer in the head, as in pre-training")
    head_init: Literal["zero", "xavier"] = Field(
        "xavier", description="the head's weights; zero is the paper's for fine-tuning and the published code's always"
    )
    stem: StemField = "patches"
    stem_width: int = Field(64, gt=0, description="channels of the ResNet's first layer; a multiple of 32")
    stem_blocks: tuple[int, ...] | None = Field(
        None, description="residual blocks in each stage of the ResNet; the first of (3, 4, 9) if unset"
    )
    checkpoint: str = Field("", description="file of weights to start from, .npz or .safetensors")

    @model_validator(mode="after")
    def _widths_divide(self) -> ViTConfig:
        if self.d_model % self.num_heads:
            above = (self.d_model // self.num_heads + 1) * self.num_heads
            raise ValueError(
                f"d_model={self.d_model} is not a multiple of num_heads={self.num_heads}; every head takes an equal "
                f"share of the features; use d_model={above}"
            )
        if self.positions == "learned_2d" and self.d_model % 2:
            raise ValueError(
                f"d_model={self.d_model} is odd; positions=learned_2d has one half of the features for rows and one "
                f"for columns; use d_model={self.d_model + self.num_heads} or positions=learned_1d"
            )
        return self

    @model_validator(mode="after")
    def _stem_fits(self) -> ViTConfig:
        if self.stem == "patches":
            if self.stem_blocks is not None or self.stem_width != type(self).model_fields["stem_width"].default:
                raise ValueError(
                    "stem_width and stem_blocks describe a ResNet, and stem=patches has none; leave them out or use "
                    "stem=hybrid"
                )
            return self
        if self.patch_size not in (4, 8, 16):
            raise ValueError(
                f"patch_size={self.patch_size} with stem=hybrid; the ResNet's stride is 4, 8 or 16 after one, two or "
                "three stages; use one of these"
            )
        if self.stem_width % NUM_GROUPS:
            above = (self.stem_width // NUM_GROUPS + 1) * NUM_GROUPS
            raise ValueError(
                f"stem_width={self.stem_width} is not a multiple of {NUM_GROUPS}; the ResNet normalises its channels "
                f"in {NUM_GROUPS} groups; use stem_width={above}"
            )
        if self.stem_blocks is not None and min(self.stem_blocks, default=1) < 1:
            raise ValueError(
                f"stem_blocks={list(self.stem_blocks)}: every stage of the ResNet has at least one block; use "
                f"stem_blocks={list(R50_BLOCKS[: self._num_stages])}"
            )
        if self.stem_blocks is not None and len(self.stem_blocks) != self._num_stages:
            raise ValueError(
                f"stem_blocks={list(self.stem_blocks)} has {len(self.stem_blocks)} stages; patch_size="
                f"{self.patch_size} takes {self._num_stages}, since every stage but the first halves the grid; use "
                f"stem_blocks={list(R50_BLOCKS[: self._num_stages])}"
            )
        return self

    @model_validator(mode="after")
    def _checkpoint_fits(self) -> ViTConfig:
        if not self.checkpoint:
            return self
        if not self.checkpoint.endswith(CHECKPOINT_SUFFIXES):
            raise ValueError(
                f"checkpoint={self.checkpoint} ends neither in .npz nor in .safetensors; weights are read from the "
                "published .npz files and from model.safetensors; give one of these"
            )
        if self.positions != "learned_1d" or self.stem != "patches":
            raise ValueError(
                f"checkpoint with positions={self.positions} and stem={self.stem}; checkpoints hold a vector for every "
                "token and an embedding of patches; use positions=learned_1d and stem=patches"
            )
        return self

    @property
    def d_hidden(self) -> int:
        """Hidden width of the MLPs."""
        return 4 * self.d_model if self.mlp_dim is None else self.mlp_dim

    @property
    def resnet_blocks(self) -> tuple[int, ...]:
        """Residual blocks in each stage of the hybrid's ResNet."""
        return R50_BLOCKS[: self._num_stages] if self.stem_blocks is None else self.stem_blocks

    @property
    def _num_stages(self) -> int:
        return self.patch_size.bit_length() - 2


class ViTTinyConfig(ViTConfig):
    """ViT-Ti/16, a size of Touvron et al. 2020."""

    patch_size: PatchSize = 16
    d_model: Width = 192
    num_layers: NumLayers = 12
    num_heads: NumHeads = 3


class ViTSmallConfig(ViTConfig):
    """ViT-S/16, a size of Touvron et al. 2020."""

    patch_size: PatchSize = 16
    d_model: Width = 384
    num_layers: NumLayers = 12
    num_heads: NumHeads = 6


class ViTBaseConfig(ViTConfig):
    """ViT-B/16 (table 1)."""

    patch_size: PatchSize = 16
    d_model: Width = 768
    num_layers: NumLayers = 12
    num_heads: NumHeads = 12


class ViTLargeConfig(ViTConfig):
    """ViT-L/16 (table 1)."""

    patch_size: PatchSize = 16
    d_model: Width = 1024
    num_layers: NumLayers = 24
    num_heads: NumHeads = 16


class ViTHugeConfig(ViTConfig):
    """ViT-H/14 (tables 1 and 2)."""

    patch_size: PatchSize = 14
    d_model: Width = 1280
    num_layers: NumLayers = 32
    num_heads: NumHeads = 16


class ViTHybridConfig(ViTConfig):
    """The hybrid of section 3.1, small by default."""

    stem: StemField = "hybrid"
