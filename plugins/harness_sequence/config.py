"""The options that every decoder of pre-norm blocks has."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class DecoderConfig(BaseModel):
    """Sizes of a decoder whose mixers have heads."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    d_model: int = Field(64, gt=0, description="width of the residual stream")
    num_layers: int = Field(2, gt=0, description="number of blocks")
    num_heads: int = Field(2, gt=0, description="heads in each block")
    mlp_ratio: int = Field(4, gt=0, description="width of the feed-forward layers over d_model")
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="dropout on embeddings and on each sub-layer's output")
    tie_embeddings: bool = Field(False, description="use the embedding matrix as the head's")

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> DecoderConfig:
        if self.d_model % self.num_heads:
            above = (self.d_model // self.num_heads + 1) * self.num_heads
            raise ValueError(
                f"d_model={self.d_model} is not a multiple of num_heads={self.num_heads}; every head takes an equal "
                f"share of the features; use d_model={above}"
            )
        return self
