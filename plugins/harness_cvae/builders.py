"""The networks from their options."""

from __future__ import annotations

from harness.interfaces import ImageData, Kernels
from harness_cvae.completion_net import CompletionNet
from harness_cvae.config import CompletionNetConfig, ConditionalConfig, HybridConfig
from harness_cvae.model import ConditionalModel
from harness_cvae.networks import GaussianNetwork, PixelNetwork
from harness_cvae.objectives import CVAE, GSNN, Hybrid


def build_cvae(config: ConditionalConfig, data: ImageData, kernels: Kernels) -> ConditionalModel:
    """The conditional variational autoencoder."""
    return _with_recognition(config, data, CVAE(config.num_samples))


def build_cvae_hybrid(config: HybridConfig, data: ImageData, kernels: Kernels) -> ConditionalModel:
    """The same networks, trained on a mixture of the CVAE's objective and the GSNN's."""
    return _with_recognition(config, data, Hybrid(config.alpha, config.num_samples))


def build_gsnn(config: ConditionalConfig, data: ImageData, kernels: Kernels) -> ConditionalModel:
    """The Gaussian stochastic neural network: draws from the conditional prior in training as in prediction."""
    prior, generation = _generative(config, data)
    return ConditionalModel(prior, generation, None, GSNN(config.num_samples))


def build_completion_net(config: CompletionNetConfig, data: ImageData, kernels: Kernels) -> CompletionNet:
    """The layers of the generation network without latents."""
    return CompletionNet(PixelNetwork(data, config))


def _generative(config: ConditionalConfig, data: ImageData) -> tuple[GaussianNetwork, PixelNetwork]:
    return GaussianNetwork(data, config, config.d_latent), PixelNetwork(data, config, config.d_latent)


def _with_recognition(config: ConditionalConfig, data: ImageData, objective: CVAE | Hybrid) -> ConditionalModel:
    prior, generation = _generative(config, data)
    return ConditionalModel(prior, generation, GaussianNetwork(data, config, config.d_latent), objective)
