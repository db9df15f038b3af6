"""The options of `mamba`."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field, model_validator


class MambaConfig(BaseModel):
    """Sizes and initialisation; the paper's values except for `d_model` and `num_layers`, which are small."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    d_model: int = Field(64, gt=0, description="width of the residual stream")
    num_layers: int = Field(2, gt=0, description="Mamba blocks; two stand for one attention layer with its MLP")
    d_state: int = Field(16, gt=0, description="states per channel, N in the paper")
    expand: int = Field(2, gt=0, description="inner channels per model channel, E in the paper")
    d_conv: int = Field(4, gt=0, description="width of the causal convolution")
    dt_rank: int | None = Field(
        None, gt=0, description="rank of the step size's projection; ceil(d_model / 16) if unset"
    )
    dt_min: float = Field(1e-3, gt=0, description="smallest initial step size")
    dt_max: float = Field(1e-1, gt=0, description="largest initial step size")
    dt_floor: float = Field(1e-4, gt=0, description="initial step sizes below this are raised to it")
    tie_embeddings: bool = Field(True, description="the output head is the embedding's transpose")
    patch_size: int = Field(4, gt=0, description="side of the patches that an image is cut into; tokens have none")

    @model_validator(mode="after")
    def _range_of_dt(self) -> MambaConfig:
        if self.dt_min > self.dt_max:
            raise ValueError(
                f"dt_min={self.dt_min} exceeds dt_max={self.dt_max}; initial step sizes are drawn between them; "
                "lower dt_min or raise dt_max"
            )
        return self

    @property
    def d_inner(self) -> int:
        """Channels inside a block."""
        return self.expand * self.d_model

    @property
    def rank(self) -> int:
        """Rank of the step size's projection."""
        return math.ceil(self.d_model / 16) if self.dt_rank is None else self.dt_rank
