"""What training raises: the two estimators, the importance-weighted bound, wake-sleep."""

from __future__ import annotations

import math

import pytest
import torch

from harness_vae.gaussian import prior_log_prob


def raised(model, images, seed=3):
    torch.manual_seed(seed)
    return model(images)


def test_estimator_a_is_the_mean_weight(make, images):
    model = make("vae", estimator="a", num_samples=4)
    objective = raised(model, images)
    torch.manual_seed(3)
    torch.testing.assert_close(objective, model.log_weights(images, 4, None).mean(dim=0))


@pytest.mark.parametrize("name", ["vae", "conv_vae"])
def test_the_two_estimators_differ_by_the_sampled_divergence_alone(make, images, name):
    a, b = make(name, estimator="a", num_samples=4), make(name, estimator="b", num_samples=4)
    q = a.encoder(images)
    torch.manual_seed(3)
    z = q.sample(4, None)
    sampled = (q.log_prob(z) - prior_log_prob(z)).mean(dim=0)
    difference = q.divergence_from_prior() - sampled
    torch.testing.assert_close(raised(a, images) - raised(b, images), difference, atol=1e-10, rtol=0)


def test_the_two_estimators_agree_in_expectation(make, images):
    model = make("vae", estimator="b", num_samples=20_000, d_latent=3)
    with torch.no_grad():
        analytic = raised(model, images)
        log_weights = model.log_weights(images, 20_000, torch.Generator().manual_seed(7))
    error = log_weights.std(dim=0) * math.sqrt(2 / 20_000)
    assert ((log_weights.mean(dim=0) - analytic).abs() < 5 * error).all()


def test_the_importance_weighted_bound_is_the_logarithm_of_the_mean_weight(make, images):
    model = make("iwae", num_samples=5)
    objective = raised(model, images)
    torch.manual_seed(3)
    expected = model.log_weights(images, 5, None).exp().mean(dim=0).log()
    torch.testing.assert_close(objective, expected, atol=1e-10, rtol=0)


def test_the_importance_weighted_bound_of_one_sample_is_estimator_a(make, images):
    iwae, vae = make("iwae", num_samples=1, num_layers=1), make("vae", estimator="a", d_latent=50)
    vae.load_state_dict(iwae.state_dict())
    torch.testing.assert_close(raised(iwae, images), raised(vae, images), atol=1e-10, rtol=0)


def test_the_importance_weighted_gradient_is_the_weighted_mean_of_the_draws_gradients(make, images):
    model = make("iwae", num_samples=4)
    parameter = model.decoder.heads.weight
    torch.manual_seed(3)
    log_weights = model.log_weights(images, 4, None)
    weights = log_weights.softmax(dim=0).detach()
    (expected,) = torch.autograd.grad((weights * log_weights).sum(), parameter)
    (found,) = torch.autograd.grad(raised(model, images).sum(), parameter)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


def without_gradient(module):
    return [name for name, parameter in module.named_parameters() if parameter.grad is None]


def test_wake_trains_the_decoder_alone(make, images):
    model = make("wake_sleep")
    model.objective.wake(model, images).sum().backward()
    assert without_gradient(model.decoder) == []
    assert without_gradient(model) == [f"encoder.{name}" for name, _ in model.encoder.named_parameters()]


def test_sleep_trains_the_encoder_alone(make):
    model = make("wake_sleep")
    model.objective.sleep(model, 3).sum().backward()
    assert without_gradient(model.encoder) == []
    assert without_gradient(model) == [f"decoder.{name}" for name, _ in model.decoder.named_parameters()]


def test_wake_weighs_the_image_at_a_draw_of_the_encoder(make, images):
    model = make("wake_sleep")
    torch.manual_seed(3)
    found = model.objective.wake(model, images)
    torch.manual_seed(3)
    z = model.encoder(images).sample(1, None)
    torch.testing.assert_close(found, (model.decode(z).log_prob(images) + prior_log_prob(z))[0])


def test_sleep_does_not_see_the_images(make, images):
    model = make("wake_sleep")
    sleep = raised(model, images) - wake(model, images)
    of_others = raised(model, 1 - images) - wake(model, 1 - images)
    torch.testing.assert_close(sleep, of_others, atol=1e-10, rtol=0)


def wake(model, images):
    torch.manual_seed(3)
    return model.objective.wake(model, images)


def test_sleep_is_best_for_the_posterior_of_the_model(make):
    # A decoder that ignores z leaves the prior as its posterior, which the encoder of zeros gives.
    model = make("wake_sleep", d_latent=3).requires_grad_(False)
    model.decoder.hidden[0].weight.zero_()
    model.encoder.load_state_dict({key: torch.zeros_like(value) for key, value in model.encoder.state_dict().items()})
    model.encoder.head.requires_grad_(True)
    torch.manual_seed(3)
    model.objective.sleep(model, 20_000).mean().backward()
    gradients = torch.cat([model.encoder.head.mean.bias.grad, model.encoder.head.log_variance.bias.grad])
    assert gradients.abs().max() < 5 / math.sqrt(20_000)
