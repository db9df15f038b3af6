"""What every latent variable model does alike: weights, reconstructions, samples, loss."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal

from harness.interfaces import BoundsLikelihood, DecodesLatents, GivesLoss, ImageBatch, Reconstructs, SamplesImages
from harness.specs import Capability
from harness_vae import model as model_module
from harness_vae.plugin import harness_models

LATENT = ["vae", "conv_vae", "iwae", "wake_sleep"]
PROTOCOLS = {
    Capability.BOUNDS_LIKELIHOOD: BoundsLikelihood,
    Capability.RECONSTRUCTS: Reconstructs,
    Capability.SAMPLES_IMAGES: SamplesImages,
}
latent = pytest.mark.parametrize("name", LATENT)
everyone = pytest.mark.parametrize("name", [*LATENT, "autoencoder"])


def generator(seed=5):
    return torch.Generator().manual_seed(seed)


def batch(images):
    return ImageBatch(inputs=images, targets=torch.zeros(len(images), dtype=torch.long))


@pytest.mark.parametrize("spec", harness_models(), ids=lambda spec: spec.name)
def test_declared_capabilities_are_there(make, spec):
    model = make(spec.name)
    missing = [
        protocol
        for protocol in (GivesLoss, *(PROTOCOLS[capability] for capability in spec.capabilities))
        if not isinstance(model, protocol)
    ]
    assert missing == []


@pytest.mark.parametrize("spec", harness_models(), ids=lambda spec: spec.name)
def test_the_option_that_sizes_a_model_is_one_of_its_options(spec):
    assert spec.sized_by in spec.config.load().model_fields


@latent
def test_weights_are_the_joint_density_over_the_posterior(make, images, name):
    model = make(name)
    q = model.encoder(images)
    z = q.sample(6, generator())
    likelihood = Independent(Bernoulli(logits=model.decode(z).logits), 3)
    prior = Independent(Normal(torch.zeros_like(z), 1.0), 1)
    posterior = Independent(Normal(q.mean, (q.log_variance / 2).exp()), 1)
    expected = likelihood.log_prob(images) + prior.log_prob(z) - posterior.log_prob(z)
    torch.testing.assert_close(model.log_weights(images, 6, generator()), expected, atol=1e-10, rtol=0)


@latent
def test_weights_computed_in_pieces_are_those_computed_at_once(make, images, name, monkeypatch):
    model = make(name)
    together = model.log_weights(images, 7, generator())
    monkeypatch.setattr(model_module, "CODES_AT_ONCE", 6)
    torch.testing.assert_close(model.log_weights(images, 7, generator()), together, atol=1e-10, rtol=0)


@latent
def test_evaluation_draws_from_its_generator_alone(make, images, name):
    model = make(name)
    before = torch.random.get_rng_state()
    first = model.log_weights(images, 2, generator()), model.sample(2, generator()), model.reconstruct(images)
    second = model.log_weights(images, 2, generator()), model.sample(2, generator()), model.reconstruct(images)
    torch.testing.assert_close(first, second, atol=0, rtol=0)
    assert torch.equal(torch.random.get_rng_state(), before)


@latent
def test_samples_are_the_expected_pixels_at_draws_from_the_prior(make, name):
    model = make(name)
    z = torch.randn(3, model.d_latent, generator=generator()).double()
    torch.testing.assert_close(model.sample(3, generator()), model.decode(z[None]).logits[0].sigmoid())


@latent
def test_quantiles_of_draws_from_the_prior_decode_to_samples(make, name):
    model = make(name)
    z = torch.randn(3, model.d_latent, generator=generator()).double()
    found = model.decode_quantiles(Normal(0.0, 1.0).cdf(z))
    torch.testing.assert_close(found, model.sample(3, generator()), atol=1e-10, rtol=0)


@latent
def test_quantiles_decode_to_expected_pixels_without_noise(make, name):
    model = make(name, likelihood="gaussian")
    found = model.decode_quantiles(torch.full((1, model.latent_size), 0.5).double())
    expected = model.decoder(torch.zeros(1, model.d_latent).double())[:, 0].sigmoid()
    torch.testing.assert_close(found, expected)


def test_quantiles_near_one_decode_in_single_precision_too(make):
    model = make("vae").float()
    assert model.decode_quantiles(torch.full((1, 20), 1 - 1e-12, dtype=torch.float64)).isfinite().all()


@pytest.mark.parametrize(
    ("name", "has_a_prior"), [*((name, True) for name in LATENT), ("autoencoder", False)], ids=[*LATENT, "autoencoder"]
)
def test_what_has_a_prior_decodes_its_quantiles(make, name, has_a_prior):
    assert isinstance(make(name), DecodesLatents) == has_a_prior


@latent
def test_reconstructions_are_the_expected_pixels_at_the_mean_of_the_posterior(make, images, name):
    model = make(name)
    expected = model.decode(model.encoder(images).mean[None]).logits[0].sigmoid()
    torch.testing.assert_close(model.reconstruct(images), expected)


@pytest.mark.parametrize("name", ["vae", "conv_vae", "iwae", "autoencoder"])
@pytest.mark.parametrize("size", [(2, 2), (6, 4)], ids=str)
def test_a_model_that_knows_nothing_loses_a_bit_for_every_pixel(make, name, size):
    model = make(name, size=size, channels=3).requires_grad_(False)
    model.load_state_dict({key: torch.zeros_like(value) for key, value in model.state_dict().items()})
    images = torch.ones(5, 3, *size).double()
    assert model.loss(batch(images)).item() == pytest.approx(3 * size[0] * size[1] * math.log(2), abs=1e-10)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vae", {"num_examples": 0}),
        ("wake_sleep", {"num_examples": 0}),
        ("conv_vae", {}),
        ("iwae", {}),
        ("autoencoder", {}),
    ],
    ids=["vae", "wake_sleep", "conv_vae", "iwae", "autoencoder"],
)
def test_the_loss_is_the_mean_over_the_batch_of_what_training_raises(make, images, name, options):
    model = make(name, **options)
    torch.manual_seed(3)
    objective = model(images)
    torch.manual_seed(3)
    torch.testing.assert_close(model.loss(batch(images)), -objective.mean())


@pytest.mark.parametrize("name", ["vae", "wake_sleep"])
def test_the_prior_over_weights_is_shared_among_the_examples(make, images, name):
    without, model = make(name, num_examples=0), make(name, num_examples=50)
    torch.manual_seed(3)
    expected = without.loss(batch(images))
    theta = torch.cat([parameter.flatten() for parameter in model.decoder.parameters()])
    at_zero = -0.5 * math.log(2 * math.pi)
    expected = expected - (Normal(0.0, 1.0).log_prob(theta) - at_zero).sum() / 50
    torch.manual_seed(3)
    torch.testing.assert_close(model.loss(batch(images)), expected, atol=1e-10, rtol=0)


@everyone
def test_every_parameter_learns_from_the_first_step(make, images, name):
    model = make(name)
    torch.manual_seed(3)
    model.loss(batch(images)).backward()
    silent = [key for key, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0]
    assert silent == []


@latent
def test_a_gaussian_decoder_gives_densities(make, images, name):
    model = make(name, likelihood="gaussian", min_sigma=0.05)
    z = model.encoder(images).sample(2, generator())
    pixels = model.decode(z)
    expected = Independent(Normal(pixels.mean, (pixels.log_variance / 2).exp()), 3).log_prob(images)
    torch.testing.assert_close(pixels.log_prob(images), expected, atol=1e-10, rtol=0)


@latent
def test_half_precision_keeps_the_loss_in_float32(make, images, name):
    model = make(name).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model.loss(batch(images.float())).dtype == torch.float32
