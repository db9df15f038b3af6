"""Options of the diffusion models."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Prediction = Literal["eps", "v"]


class DiffusionConfig(BaseModel):
    """Network, objective and sampler of a diffusion model; the defaults are small and for sides of 8 to 64 pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    base_channels: int = Field(32, gt=0, description="channels at the full resolution, over the first multiplier")
    multipliers: tuple[int, ...] = Field(
        (1, 2, 4), min_length=1, description="channels at each resolution over base_channels; each halves the side"
    )
    num_blocks: int = Field(1, gt=0, description="residual blocks at each resolution on the way down; one more up")
    attention_resolutions: tuple[int, ...] | None = Field(
        None, description="sides of the feature maps with attention; those of at most 16 pixels if unset"
    )
    head_dim: int = Field(16, gt=0, multiple_of=4, description="channels of an attention head")
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="dropout in the residual blocks")
    embedding_dim: int | None = Field(
        None, ge=2, description="width of the MLP over log-SNR and class; 4 base_channels if unset"
    )
    embedding_layers: int = Field(2, gt=0, description="layers of that MLP")
    prediction: Prediction = Field("v", description="what the network predicts: the noise, or v = alpha eps - sigma x")
    condition_on_class: bool = Field(False, description="whether the network is told the class")
    label_drop: float = Field(
        0.1, gt=0.0, lt=1.0, description="how often the class is withheld in training, with condition_on_class"
    )
    guidance_weight: float = Field(0.0, ge=0.0, description="w of classifier-free guidance; 0 is none")
    sampler_steps: int = Field(64, gt=0, description="steps of the ancestral sampler; 128 or 256 in the paper")
    gamma: float = Field(
        0.1, ge=0.0, le=1.0, description="where a step's variance lies between its lower (0) and upper (1) bound"
    )
    corrector_step: float = Field(
        0.0, ge=0.0, description="size of the Langevin step after each ancestral one; 0 is none, 0.1 in the paper"
    )

    @model_validator(mode="after")
    def _multipliers_widen(self) -> DiffusionConfig:
        if min(self.multipliers) < 1:
            raise ValueError(
                f"multipliers={list(self.multipliers)}: every resolution has channels; use numbers from 1, such as "
                "[1, 2, 4]"
            )
        return self

    @model_validator(mode="after")
    def _heads_divide_the_channels(self) -> DiffusionConfig:
        if self.base_channels % self.head_dim:
            above = (self.base_channels // self.head_dim + 1) * self.head_dim
            raise ValueError(
                f"base_channels={self.base_channels} is not a multiple of head_dim={self.head_dim}; every head takes "
                f"that many channels; use base_channels={above} or another head_dim"
            )
        return self

    @model_validator(mode="after")
    def _guidance_has_a_class(self) -> DiffusionConfig:
        if self.guidance_weight and not self.condition_on_class:
            raise ValueError(
                f"guidance_weight={self.guidance_weight} without condition_on_class; guidance points from no class "
                "towards one; use condition_on_class=true or guidance_weight=0"
            )
        return self

    @property
    def d_embedding(self) -> int:
        """Width of the MLP over log-SNR and class."""
        return 4 * self.base_channels if self.embedding_dim is None else self.embedding_dim


class VideoDiffusionConfig(DiffusionConfig):
    """What a model of clips has besides."""

    temporal_attention: bool = Field(True, description="false leaves it out, so that frames never meet: an ablation")
    image_frames: int = Field(0, ge=0, description="frames of other clips appended to each clip in training; 8 there")
    reconstruction_weight: float = Field(
        9.0, ge=0.0, description="w_r of reconstruction guidance; 0 is the replacement method; 9 or 50 in the paper"
    )
