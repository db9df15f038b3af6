"""Options of the variational autoencoder and of what it is compared with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MIN_SIGMA = 1 / 256

LatentSize = Annotated[int, Field(gt=0, description="latent variables, the length of z")]
HiddenWidth = Annotated[int, Field(gt=0, description="width of the hidden layers")]
InitialDeviation = Annotated[
    float, Field(gt=0.0, description="deviation of the normal distribution that all parameters start from")
]
Estimator = Annotated[
    Literal["a", "b"],
    Field(
        description="a estimates the whole bound from samples (equation 6), b has its KL in closed form (equation 7)"
    ),
]
NumSamples = Annotated[int, Field(gt=0, description="draws of z for each image, L in the paper")]


class LatentVariableConfig(BaseModel):
    """What every latent variable model has."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    d_latent: LatentSize = 20
    likelihood: Literal["bernoulli", "gaussian"] = Field(
        "bernoulli", description="distribution of a pixel given z (appendix C)"
    )
    min_sigma: float = Field(
        MIN_SIGMA, gt=0.0, description="least deviation of a pixel with likelihood=gaussian; pixels are from 0 to 1"
    )

    @model_validator(mode="after")
    def _sigma_is_read(self) -> LatentVariableConfig:
        if self.likelihood == "bernoulli" and self.min_sigma != MIN_SIGMA:
            raise ValueError(
                f"min_sigma={self.min_sigma} with likelihood=bernoulli, which has no deviation of its own; leave it "
                "out or use likelihood=gaussian"
            )
        return self


class WakeSleepConfig(LatentVariableConfig):
    """The networks and the prior over weights of Kingma & Welling 2013, trained by wake-sleep."""

    d_hidden: HiddenWidth = 500
    init_std: InitialDeviation = 0.1
    num_examples: int = Field(
        60_000,
        ge=0,
        description="training examples among which the prior N(0, I) over the decoder's weights is shared; 0 is none",
    )


class VAEConfig(WakeSleepConfig):
    """The variational autoencoder of Kingma & Welling 2013."""

    estimator: Estimator = "b"
    num_samples: NumSamples = 1


class ConvVAEConfig(LatentVariableConfig):
    """A variational autoencoder with convolutions; the sides of the image are halved by each stage, rounding up."""

    channels: int = Field(32, gt=0, description="channels of the first stage; each further one has twice as many")
    num_stages: int = Field(2, gt=0, description="convolutions with stride 2 in each network")
    d_hidden: HiddenWidth = 256
    estimator: Estimator = "b"
    num_samples: NumSamples = 1


class IWAEConfig(LatentVariableConfig):
    """The importance-weighted autoencoder of Burda et al. 2015 with one stochastic layer."""

    d_latent: LatentSize = 50
    d_hidden: HiddenWidth = 200
    num_layers: int = Field(2, gt=0, description="hidden layers in each network")
    num_samples: int = Field(5, gt=0, description="draws of z for each image, k in the paper")


class AutoencoderConfig(BaseModel):
    """An autoencoder with the layers of `vae`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    d_latent: LatentSize = 20
    d_hidden: HiddenWidth = 500
    init_std: InitialDeviation = 0.1
