"""Options of the conditional variational autoencoder and of what it is compared with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class CompletionNetConfig(BaseModel):
    """A network from the observed pixels to the hidden ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    d_hidden: int = Field(500, gt=0, description="width of the hidden layers")
    num_layers: int = Field(2, gt=0, description="hidden layers in each network")


class ConditionalConfig(CompletionNetConfig):
    """Networks with latent variables."""

    d_latent: int = Field(200, gt=0, description="latent variables, the length of z")
    num_samples: int = Field(1, gt=0, description="draws of z for each image in training, L in the paper")


class HybridConfig(ConditionalConfig):
    """A mixture of two objectives."""

    alpha: float = Field(0.5, ge=0.0, le=1.0, description="share of the CVAE's objective; the rest is the GSNN's")
