"""Options of S4 and S4D. Defaults are small; the papers' sizes belong to suites."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class StateSpaceConfig(BaseModel):
    """What S4 and S4D share."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    d_model: int = Field(64, description="features, each with a state space model of its own", gt=0)
    num_layers: int = Field(2, description="blocks", gt=0)
    d_state: int = Field(64, description="state size N of each feature; held as N/2 complex modes", gt=0)
    dt_min: float = Field(1e-3, description="smallest step size at the start", gt=0)
    dt_max: float = Field(1e-1, description="largest step size at the start", gt=0)
    dropout: float = Field(0.0, description="probability of dropping an activation", ge=0, lt=1)
    tie_embeddings: bool = Field(False, description="whether the output layer is the embedding's transpose")
    patch_size: int = Field(4, description="side of the patches that an image is cut into; tokens have none", gt=0)

    @model_validator(mode="after")
    def _check_combinations(self) -> StateSpaceConfig:
        if self.d_state % 2:
            raise ValueError(
                f"d_state={self.d_state} is odd; modes come in conjugate pairs; use {self.d_state + 1}",
            )
        if self.dt_min > self.dt_max:
            raise ValueError(
                f"dt_min={self.dt_min} is above dt_max={self.dt_max}; steps are drawn from between them; swap the two",
            )
        return self


class S4Config(StateSpaceConfig):
    """Options of `s4`. The discretisation is bilinear, which the kernel's algorithm relies on."""


class S4DConfig(StateSpaceConfig):
    """Options of `s4d`."""

    initialisation: Literal["lin", "inv", "legs", "real"] = Field("lin", description="where the modes of A start")
    discretisation: Literal["zoh", "bilinear"] = Field("zoh", description="how A and B become a recurrence")
