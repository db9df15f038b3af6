"""What every adversarial pair and its learner does: samples, scores, precision, refusals, and learning."""

import math

import pytest
import torch
from torch.distributions import Normal, Uniform

from harness.errors import UsageError
from harness.interfaces import DecodesLatents, ImageBatch, SamplesImages, Training
from harness_gan.pair import SAMPLES_AT_ONCE
from harness_gan.plugin import harness_models

PRIORS = {
    "gan_2014": Uniform(*torch.tensor([-math.sqrt(3), math.sqrt(3)]).double()),
    "dcgan": Uniform(*torch.tensor([-1.0, 1.0]).double()),
    "gan_r1": Normal(*torch.tensor([0.0, 1.0]).double()),
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_every_pair_samples_images(pair, name):
    assert isinstance(pair(name), SamplesImages)


def test_samples_are_images_from_0_to_1(pair, name):
    found = pair(name).sample(5, seeded())
    assert found.shape == (5, 1, 8, 8)
    assert not found.requires_grad
    assert found.min() >= 0
    assert found.max() <= 1


def test_samples_follow_from_their_generator_alone(pair, name):
    model = pair(name)
    first = model.sample(5, seeded(1))
    torch.manual_seed(99)
    assert torch.equal(model.sample(5, seeded(1)), first)
    assert not torch.equal(model.sample(5, seeded(2)), first)


def test_sampling_draws_nothing_from_the_global_generator(pair, name):
    model = pair(name)
    before = torch.get_rng_state()
    model.sample(5, seeded())
    assert torch.equal(torch.get_rng_state(), before)


def test_sampling_leaves_the_pair_as_it_was(pair, name):
    model = pair(name).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.sample(5, seeded())
    assert all(module.training for module in model.modules())
    torch.testing.assert_close(model.state_dict(), before, atol=0, rtol=0)


def test_a_sample_is_the_same_in_either_mode(pair, name):
    model = pair(name)
    assert torch.equal(model.train().sample(3, seeded()), model.eval().sample(3, seeded()))


def test_many_samples_are_those_of_the_whole_noise(pair):
    model, many = pair("gan_r1").eval(), SAMPLES_AT_ONCE + 3
    expected = model.generator(model.prior.draw(many, seeded()))
    torch.testing.assert_close(model.sample(many, seeded()), expected.detach())


def test_every_pair_decodes_as_many_quantiles_as_its_noise_has_numbers(pair, name):
    model = pair(name)
    assert isinstance(model, DecodesLatents)
    assert model.latent_size == model.prior.draw(1).shape[1]


def test_quantiles_of_the_noise_decode_to_samples(pair, name):
    model = pair(name).double()
    points = PRIORS[name].cdf(model.prior.draw(4, seeded()).double())
    torch.testing.assert_close(model.decode_quantiles(points), model.sample(4, seeded()), atol=1e-6, rtol=0)


def test_decoding_quantiles_leaves_the_pair_as_it_was(pair, name):
    model = pair(name).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.decode_quantiles(torch.full((3, model.latent_size), 0.3))
    assert all(module.training for module in model.modules())
    torch.testing.assert_close(model.state_dict(), before, atol=0, rtol=0)


def test_double_precision_samples_from_the_same_noise(pair, name):
    model = pair(name)
    single = model.sample(4, seeded())
    torch.testing.assert_close(model.double().sample(4, seeded()), single.double(), atol=1e-5, rtol=0)


def test_a_forward_pass_scores_as_many_fakes_as_images(pair, name, images):
    scores = pair(name)(images)
    assert scores.real.shape == scores.fake.shape == (6,)


def test_a_forward_pass_draws_from_the_global_generator(pair, name, images):
    model = pair(name).eval()
    torch.manual_seed(1)
    first = model(images).fake
    torch.manual_seed(1)
    assert torch.equal(model(images).fake, first)
    assert not torch.equal(model(images).fake, first)


def test_scores_depend_on_every_parameter(pair, name, images):
    model = pair(name)
    gradients = torch.autograd.grad(sum(score.sum() for score in model(images)), list(model.parameters()))
    assert all(gradient.any() for gradient in gradients)


def test_a_step_moves_every_parameter(learner, batch, name):
    ours = learner(name)
    ours.train_step(batch)
    before = [parameter.detach().clone() for parameter in ours.module.parameters()]
    ours.train_step(batch)
    assert all(not torch.equal(p, b) for p, b in zip(ours.module.parameters(), before, strict=True))


def test_steps_repeat_from_the_global_seed(learner, batch, name):
    states = []
    for _ in range(2):
        ours = learner(name)
        torch.manual_seed(3)
        ours.train_step(batch)
        states.append(ours.module.state_dict())
    torch.testing.assert_close(*states, atol=0, rtol=0)


def test_in_a_half_type_losses_and_weights_stay_single(learner, batch, name):
    ours = learner(name, precision="bfloat16")
    values = ours.train_step(batch)
    assert {value.dtype for value in values.values()} == {torch.float32}
    assert {parameter.dtype for parameter in ours.module.parameters()} == {torch.float32}
    assert all(value.isfinite() for value in values.values())


@pytest.mark.parametrize(
    ("training", "message"),
    [(Training(micro_batch=4), "use micro_batch=0"), (Training(compile=True), "use compile=false")],
    ids=["micro_batch", "compile"],
)
def test_what_no_pair_does_is_refused(learner, name, training, message):
    with pytest.raises(UsageError, match=message):
        learner(name, training=training)


def test_every_declaration_loads(name):
    spec = next(spec for spec in harness_models() if spec.name == name)
    config = spec.config.load()
    assert callable(spec.build.load())
    assert callable(spec.learner.load())
    assert spec.sized_by is None or spec.sized_by in config.model_fields


LEARNING = {
    "gan_2014": ({"initialisation": "default"}, 0.1, 40),
    "dcgan": ({"width": 8}, 2e-3, 100),
    "gan_r1": ({"width": 8}, 2e-3, 150),
}


def test_samples_come_nearer_to_the_data(learner, name):
    options, rate, steps = LEARNING[name]
    ours = learner(name, training=Training(learning_rate=rate), **options)
    mean = torch.cat((torch.full((1, 8, 4), 0.85), torch.full((1, 8, 4), 0.1)), dim=2)
    torch.manual_seed(0)

    def distance():
        return (ours.evaluated.sample(200, seeded()).mean(dim=0) - mean).abs().mean().item()

    before = distance()
    for _ in range(steps):
        inputs = (mean + 0.05 * torch.randn(32, 1, 8, 8)).clamp(0, 1)
        ours.train_step(ImageBatch(inputs=inputs, targets=torch.zeros(32, dtype=torch.long)))
    assert distance() < before / 3
