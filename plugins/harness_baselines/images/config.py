"""Options of the image baselines."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class LogisticRegressionConfig(BaseModel):
    """A linear map of the pixels has no options."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class MLPConfig(BaseModel):
    """Hidden layers of equal width."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    d_hidden: int = Field(128, gt=0, description="width of the hidden layers")
    num_layers: int = Field(2, gt=0, description="number of hidden layers")
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="dropout after each hidden layer")


class ConvNetConfig(BaseModel):
    """A residual network whose stages halve the side and double the channels."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    width: int = Field(16, gt=0, description="channels of the first stage")
    num_stages: int = Field(3, gt=0, description="stages; each after the first halves the side")
    num_blocks: int = Field(1, gt=0, description="residual blocks in a stage")
    stem_stride: int = Field(1, gt=0, le=4, description="stride of the first convolution")
