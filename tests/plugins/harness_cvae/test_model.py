"""Weights, completions and objectives of the four models."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal

from harness.interfaces import Completes, CompletionBatch, GivesLoss
from harness_cvae import model as model_module
from harness_cvae.objectives import CVAE, GSNN
from harness_cvae.plugin import harness_models

LATENT = ["cvae", "gsnn", "cvae_hybrid"]
latent = pytest.mark.parametrize("name", LATENT)
everyone = pytest.mark.parametrize("name", [*LATENT, "completion_net"])
proposals = pytest.mark.parametrize("proposal", ["prior", "recognition"])


def generator(seed=5):
    return torch.Generator().manual_seed(seed)


def after_seed(function, *arguments):
    torch.manual_seed(3)
    return function(*arguments)


def with_hidden_inverted(batch):
    other = torch.where(batch.observed.bool(), batch.inputs, 1 - batch.inputs)
    return CompletionBatch(inputs=other, observed=batch.observed)


def as_torch(gaussian):
    return Independent(Normal(gaussian.mean, (gaussian.log_variance / 2).exp()), 1)


def hidden_likelihood(model, batch, z):
    x = torch.where(batch.observed.bool(), batch.inputs, -1.0)
    by_pixel = Bernoulli(logits=model.generation(x, z)).log_prob(batch.inputs)
    return by_pixel.flatten(2)[..., batch.observed.flatten() == 0].sum(dim=-1)


@pytest.mark.parametrize("spec", harness_models(), ids=lambda spec: spec.name)
def test_declared_models_give_a_loss_and_complete(make, spec):
    assert isinstance(make(spec.name), GivesLoss)
    assert isinstance(make(spec.name), Completes)


@pytest.mark.parametrize("spec", harness_models(), ids=lambda spec: spec.name)
def test_the_option_that_sizes_a_model_is_one_of_its_options(spec):
    assert spec.sized_by in spec.config.load().model_fields


def test_the_networks_for_mnist_have_the_size_of_their_layers(make):
    model = make("cvae", size=(28, 28), d_hidden=500, d_latent=200)
    gaussian = 784 * 500 + 500 + 500 * 500 + 500 + 2 * (500 * 200 + 200)
    generation = 984 * 500 + 500 + 500 * 500 + 500 + 500 * 784 + 784
    assert sum(parameter.numel() for parameter in model.parameters()) == 2 * gaussian + generation


def test_the_deterministic_network_has_the_layers_of_the_generation_network_without_latents(make):
    cvae, net = make("cvae"), make("completion_net")
    latents = 7 * 3
    count = [sum(parameter.numel() for parameter in part.parameters()) for part in (cvae.generation, net)]
    assert count[0] - count[1] == latents


@latent
def test_weights_of_draws_from_the_prior_are_the_likelihood(make, batch, name):
    model = make(name)
    z = model.p(batch).sample(6, generator())
    found = model.conditional_log_weights(batch, 6, generator(), proposal="prior")
    torch.testing.assert_close(found, hidden_likelihood(model, batch, z), atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", ["cvae", "cvae_hybrid"])
def test_weights_of_draws_from_the_recognition_network_are_corrected(make, batch, name):
    model = make(name)
    p, q = as_torch(model.p(batch)), as_torch(model.q(batch))
    z = model.q(batch).sample(6, generator())
    expected = hidden_likelihood(model, batch, z) + p.log_prob(z) - q.log_prob(z)
    found = model.conditional_log_weights(batch, 6, generator(), proposal="recognition")
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


def test_without_a_recognition_network_both_proposals_are_the_prior(make, batch):
    model = make("gsnn")
    found = [
        model.conditional_log_weights(batch, 6, generator(), proposal=proposal) for proposal in ("prior", "recognition")
    ]
    assert torch.equal(*found)


@proposals
def test_weights_of_the_deterministic_network_are_its_likelihood(make, batch, proposal):
    model = make("completion_net")
    x = torch.where(batch.observed.bool(), batch.inputs, -1.0)
    logits = model.network(x, torch.zeros(1, 3, 0).double())
    by_pixel = Bernoulli(logits=logits).log_prob(batch.inputs).flatten(2)
    expected = by_pixel[..., batch.observed.flatten() == 0].sum(dim=-1).expand(6, 3)
    found = model.conditional_log_weights(batch, 6, generator(), proposal=proposal)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


@latent
@proposals
def test_weights_computed_in_pieces_are_those_computed_at_once(make, batch, name, proposal, monkeypatch):
    model = make(name)
    together = model.conditional_log_weights(batch, 7, generator(), proposal=proposal)
    monkeypatch.setattr(model_module, "CODES_AT_ONCE", 6)
    pieces = model.conditional_log_weights(batch, 7, generator(), proposal=proposal)
    torch.testing.assert_close(pieces, together, atol=1e-10, rtol=0)


@everyone
def test_the_likelihood_of_a_fully_observed_image_is_one(make, batch, name):
    seen = CompletionBatch(inputs=batch.inputs, observed=torch.ones(4, 5).double())
    weights = make(name).conditional_log_weights(seen, 2, generator(), proposal="prior")
    assert torch.equal(weights, torch.zeros(2, 3).double())


@everyone
def test_evaluation_draws_from_its_generator_alone(make, batch, name):
    model = make(name)
    before = torch.random.get_rng_state()
    first, second = (
        (
            model.complete(batch, generator()),
            model.conditional_log_weights(batch, 2, generator(), proposal="recognition"),
        )
        for _ in range(2)
    )
    torch.testing.assert_close(first, second, atol=0, rtol=0)
    assert torch.equal(torch.random.get_rng_state(), before)


@everyone
def test_completions_do_not_see_the_hidden_pixels(make, batch, name):
    model = make(name)
    found = model.complete(with_hidden_inverted(batch), generator())
    assert torch.equal(found, model.complete(batch, generator()))


@everyone
def test_completions_keep_what_is_observed(make, batch, name):
    seen = batch.observed == 1
    assert torch.equal(make(name).complete(batch, generator())[..., seen], batch.inputs[..., seen])


@latent
def test_completions_are_expected_pixels_at_a_draw_from_the_prior(make, batch, name):
    model = make(name)
    x = torch.where(batch.observed.bool(), batch.inputs, -1.0)
    expected = model.generation(x, model.p(batch).sample(1, generator()))[0].sigmoid()
    hidden = batch.observed == 0
    torch.testing.assert_close(model.complete(batch, generator())[..., hidden], expected[..., hidden])


def test_completions_do_not_ask_the_recognition_network(make, batch):
    model = make("cvae")
    expected = model.complete(batch, generator())
    model.recognition = None
    assert torch.equal(model.complete(batch, generator()), expected)


def test_the_recognition_network_sees_the_hidden_pixels(make, batch):
    model = make("cvae")
    assert not torch.equal(model.q(batch).mean, model.q(with_hidden_inverted(batch)).mean)


def test_the_prior_does_not_see_the_hidden_pixels(make, batch):
    model = make("cvae")
    assert torch.equal(model.p(batch).mean, model.p(with_hidden_inverted(batch)).mean)


def test_the_objective_and_the_mean_weight_differ_by_the_sampled_divergence(make, batch):
    model = make("cvae", num_samples=6)
    p, q = model.p(batch), model.q(batch)
    torch.manual_seed(3)
    z = q.sample(6, None)
    expected = hidden_likelihood(model, batch, z).mean(dim=0) - q.divergence_from(p)
    torch.testing.assert_close(after_seed(model.objective, model, batch), expected, atol=1e-10, rtol=0)


def test_the_objective_is_the_mean_weight_in_expectation(make, batch):
    model = make("cvae", num_samples=20_000)
    with torch.no_grad():
        objective = after_seed(model.objective, model, batch)
        weights = model.conditional_log_weights(batch, 20_000, generator(), proposal="recognition")
    error = weights.std(dim=0) * math.sqrt(2 / 20_000)
    assert ((weights.mean(dim=0) - objective).abs() < 5 * error).all()


def test_the_objective_of_the_gsnn_is_that_of_the_cvae_whose_posterior_is_the_prior(make, batch):
    model = make("gsnn")
    assert model.recognition is None
    assert torch.equal(after_seed(CVAE(4), model, batch), after_seed(GSNN(4), model, batch))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_hybrid_interpolates_between_its_objectives(make, batch, alpha):
    model = make("cvae_hybrid", alpha=alpha, num_samples=2)
    torch.manual_seed(3)
    expected = alpha * CVAE(2)(model, batch) + (1 - alpha) * GSNN(2)(model, batch)
    torch.testing.assert_close(after_seed(model.loss, batch), -expected.mean(), atol=1e-10, rtol=0)


@pytest.mark.parametrize(("alpha", "trains"), [(0.0, False), (0.3, True)], ids=["gsnn_alone", "mixture"])
def test_the_hybrid_trains_the_recognition_network_by_the_share_of_the_cvae(make, batch, alpha, trains):
    model = make("cvae_hybrid", alpha=alpha)
    after_seed(model.loss, batch).backward()
    gradients = torch.cat([parameter.grad.flatten() for parameter in model.recognition.parameters()])
    assert bool(gradients.any()) == trains


@everyone
def test_one_pass_is_the_objective_with_nothing_observed(make, batch, name):
    model = make(name)
    nothing = CompletionBatch(inputs=batch.inputs, observed=torch.zeros(4, 5).double())
    objective = after_seed(model, batch.inputs)
    torch.testing.assert_close(after_seed(model.loss, nothing), -objective.mean())


@everyone
def test_a_model_that_knows_nothing_loses_a_bit_for_every_hidden_pixel(make, batch, name):
    model = make(name).requires_grad_(False)
    model.load_state_dict({key: torch.zeros_like(value) for key, value in model.state_dict().items()})
    assert after_seed(model.loss, batch).item() == pytest.approx(14 * math.log(2), abs=1e-10)


@everyone
def test_every_parameter_learns_from_the_first_step(make, batch, name):
    model = make(name)
    after_seed(model.loss, batch).backward()
    silent = [key for key, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0]
    assert silent == []


@everyone
def test_half_precision_keeps_the_loss_in_float32(make, batch, name):
    model = make(name).float()
    narrow = CompletionBatch(inputs=batch.inputs.float(), observed=batch.observed.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model.loss(narrow).dtype == torch.float32
