"""Options of the adversarial networks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Width = Annotated[
    int, Field(gt=0, description="channels at half the images' resolution; doubled with every further halving")
]


class Gan2014Config(BaseModel):
    """What the paper's comparisons vary, and its schedules; one epoch is 500 updates of 100 images."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    loss: Literal["non_saturating", "saturating"] = Field(
        "non_saturating",
        description="what the generator minimises: -log D(G(z)), as published, or log(1 - D(G(z))) of equation 1",
    )
    discriminator_dropout: bool = Field(True, description="dropout on the discriminator's image and hidden layers")
    initialisation: Literal["paper", "default"] = Field(
        "paper",
        description="narrow uniform weights and an output bias at the pixels' marginals, or torch's own start",
    )
    learning_rate_divisor: float = Field(1.000004, ge=1.0, description="divides the learning rate after each update")
    min_learning_rate: float = Field(1e-6, gt=0.0, description="below which the learning rate does not fall")
    initial_momentum: float = Field(0.5, ge=0.0, lt=1.0, description="momentum of the first update")
    final_momentum: float = Field(0.7, ge=0.0, lt=1.0, description="momentum after `momentum_updates`")
    momentum_updates: int = Field(125_000, gt=0, description="updates over which momentum goes to its end in a line")

    @model_validator(mode="after")
    def _momentum_rises(self) -> Gan2014Config:
        if self.final_momentum < self.initial_momentum:
            raise ValueError(
                f"final_momentum={self.final_momentum:g} is below initial_momentum={self.initial_momentum:g}; momentum "
                f"rises; use final_momentum={self.initial_momentum:g} to keep it as it is"
            )
        return self


class DcganConfig(BaseModel):
    """Sizes of the convolutional pair, and the momentum of its Adam."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    width: Width = 32
    latent_size: int = Field(100, gt=0, description="numbers in z, uniform from -1 to 1")
    beta1: float = Field(0.5, ge=0.0, lt=1.0, description="Adam's decay of the mean gradient")


class GanR1Config(BaseModel):
    """Sizes of the convolutional pair, and the weight of the penalty."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    width: Width = 32
    latent_size: int = Field(256, gt=0, description="numbers in z, standard normal")
    gamma: float = Field(
        10.0, ge=0.0, description="weight of the penalty, for gradients by pixels that go from -1 to 1"
    )
