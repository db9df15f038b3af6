"""Options of the baselines."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from harness_sequence.config import DecoderConfig


class LSTMConfig(BaseModel):
    """Stacked LSTM layers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    d_model: int = Field(64, gt=0, description="width of the embeddings and of the hidden state")
    num_layers: int = Field(2, gt=0, description="number of LSTM layers")
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="dropout on embeddings and on the last layer's output")


class LinearAttentionConfig(DecoderConfig):
    """A decoder with linear attention."""

    positions: Literal["sinusoidal", "none"] = Field("sinusoidal", description="what is added to the embeddings")


class LocalAttentionConfig(DecoderConfig):
    """A decoder with attention to the last tokens."""

    window: int = Field(16, gt=0, description="tokens that a position sees, itself included")
