"""The networks from their options."""

from __future__ import annotations

from torch import nn

from harness.interfaces import ImageData, Kernels
from harness_vae.autoencoder import Autoencoder
from harness_vae.config import (
    AutoencoderConfig,
    ConvVAEConfig,
    IWAEConfig,
    LatentVariableConfig,
    VAEConfig,
    WakeSleepConfig,
)
from harness_vae.convolutional import ConvDecoder, ConvEncoder
from harness_vae.initialisation import initialise_normal, initialise_xavier
from harness_vae.model import LatentVariableModel
from harness_vae.networks import MLPDecoder, MLPEncoder
from harness_vae.objectives import AnalyticBound, ImportanceWeightedBound, SampledBound, WakeSleep
from harness_vae.pixels import GaussianHeads, Likelihood, bernoulli_pixels


def build_vae(config: VAEConfig, data: ImageData, kernels: Kernels) -> LatentVariableModel:
    """The variational autoencoder of Kingma & Welling 2013."""
    return _shallow(config, data, _bound(config))


def build_wake_sleep(config: WakeSleepConfig, data: ImageData, kernels: Kernels) -> LatentVariableModel:
    """The networks of `vae`, trained by wake-sleep."""
    return _shallow(config, data, WakeSleep())


def build_conv_vae(config: ConvVAEConfig, data: ImageData, kernels: Kernels) -> LatentVariableModel:
    """A variational autoencoder with convolutions."""
    num_heads, likelihood = _likelihood(config)
    sizes = (config.channels, config.num_stages, config.d_hidden, config.d_latent)
    return LatentVariableModel(
        ConvEncoder(data, *sizes),
        ConvDecoder(data, *sizes, num_heads),
        likelihood,
        _bound(config),
        d_latent=config.d_latent,
    )


def build_iwae(config: IWAEConfig, data: ImageData, kernels: Kernels) -> LatentVariableModel:
    """The importance-weighted autoencoder of Burda et al. 2015."""
    num_heads, likelihood = _likelihood(config)
    widths = [config.d_hidden] * config.num_layers
    model = LatentVariableModel(
        MLPEncoder(data, widths, config.d_latent),
        MLPDecoder(data, widths, config.d_latent, num_heads),
        likelihood,
        ImportanceWeightedBound(config.num_samples),
        d_latent=config.d_latent,
    )
    initialise_xavier(model)
    return model


def build_autoencoder(config: AutoencoderConfig, data: ImageData, kernels: Kernels) -> nn.Module:
    """An autoencoder with the layers of `vae`."""
    model = Autoencoder(data, config.d_hidden, config.d_latent)
    initialise_normal(model, config.init_std)
    return model


def _shallow(
    config: WakeSleepConfig, data: ImageData, objective: SampledBound | AnalyticBound | WakeSleep
) -> LatentVariableModel:
    """One hidden tanh layer each way, every parameter from N(0, init_std^2) (section 5)."""
    num_heads, likelihood = _likelihood(config)
    model = LatentVariableModel(
        MLPEncoder(data, [config.d_hidden], config.d_latent),
        MLPDecoder(data, [config.d_hidden], config.d_latent, num_heads),
        likelihood,
        objective,
        d_latent=config.d_latent,
        num_examples=config.num_examples,
    )
    initialise_normal(model, config.init_std)
    return model


def _likelihood(config: LatentVariableConfig) -> tuple[int, Likelihood]:
    """How many heads the decoder has, and what reads them."""
    if config.likelihood == "gaussian":
        return 2, GaussianHeads(config.min_sigma)
    return 1, bernoulli_pixels


def _bound(config: VAEConfig | ConvVAEConfig) -> SampledBound | AnalyticBound:
    return SampledBound(config.num_samples) if config.estimator == "a" else AnalyticBound(config.num_samples)
