"""The update by hand, when updates and copies are due, and what a learner takes of `Training`."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.errors import UsageError
from harness.interfaces import ActingData, Training
from harness_dqn.replay import Sample

TWO_STEPS = 0.9**2
RULES = ["dqn_2013", "dqn_2015", "double_dqn", "dqn_sample_efficient"]


def sample():
    """Three transitions over two steps: one goes on or was cut, one ended after its first step, one terminated."""
    generator = np.random.default_rng(0)
    observations, following = generator.normal(size=(2, 3, 5))
    return Sample(
        observations=observations,
        actions=np.array([0, 2, 1]),
        returns=np.array([1.0, -1.0, 0.5], np.float32),
        discounts=np.array([TWO_STEPS, 0.9, 0.0], np.float32),
        next_observations=following,
    )


def errors_by_hand(name, module, target, drawn):
    """Each transition's error, with loops over transitions."""
    errors = []
    for index in range(3):
        values = module(torch.from_numpy(drawn.observations[index : index + 1]))[0]
        with torch.no_grad():
            after = torch.from_numpy(drawn.next_observations[index : index + 1])
            judged, chosen = target(after)[0], module(after)[0]
        future = {
            "dqn_2013": chosen.max(),
            "dqn_2015": judged.max(),
            "double_dqn": judged[chosen.argmax()],
            "dqn_sample_efficient": judged[chosen.argmax()],
        }[name]
        y = float(drawn.returns[index]) + float(drawn.discounts[index]) * future
        error = y - values[drawn.actions[index]]
        huber = torch.where(error.abs() <= 1, error.square() / 2, error.abs() - 0.5)
        errors.append(error.square() if name == "dqn_2013" else huber)
    return torch.stack(errors)


def rmsprop_by_hand(weight, gradient, rate):
    """The first step, from means of zero."""
    variance = 0.05 * gradient.square() - (0.05 * gradient).square()
    return weight - rate * gradient / (variance + 0.01).sqrt()


def adam_by_hand(weight, gradient, rate):
    """The first step, whose corrected means are the gradient and its square."""
    return weight - rate * gradient / (gradient.abs() + 1.5e-4)


@pytest.fixture
def learner(agent):
    """A learner in double precision whose target network, where it has one, differs from the network."""

    def make(name, **options):
        made = agent(name, dtype=torch.float64, training=Training(batch_size=4, learning_rate=0.01), **options)
        with torch.no_grad():
            for weight in made.module.parameters():
                weight.add_(torch.randn_like(weight), alpha=0.1)
        return made

    return make


@pytest.mark.parametrize("name", ["dqn_2013", "dqn_2015", "double_dqn"])
def test_updates_by_rmsprop_are_those_of_the_formulas(learner, name):
    ours = learner(name)
    weights = list(ours.module.parameters())
    loss = errors_by_hand(name, ours.module, ours._target_module, sample()).sum()
    gradients = torch.autograd.grad(loss, weights)
    expected = [rmsprop_by_hand(w.detach(), g, 0.01) for w, g in zip(weights, gradients, strict=True)]
    ours.update(sample())
    torch.testing.assert_close([w.detach() for w in weights], expected, rtol=1e-9, atol=1e-12)


def test_updates_by_adam_are_those_of_the_formulas(learner):
    ours = learner("dqn_sample_efficient", gradient_norm=1e9)
    weights = list(ours.module.parameters())
    loss = errors_by_hand("dqn_sample_efficient", ours.module, ours._target_module, sample()).mean()
    gradients = torch.autograd.grad(loss, weights)
    expected = [adam_by_hand(w.detach(), g, 0.01) for w, g in zip(weights, gradients, strict=True)]
    ours.update(sample())
    torch.testing.assert_close([w.detach() for w in weights], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_what_is_measured_is_the_mean_error_and_the_mean_value(learner, name):
    ours, drawn = learner(name), sample()
    error = errors_by_hand(name, ours.module, ours._target_module, drawn).mean()
    value = ours.module(torch.from_numpy(drawn.observations))[range(3), drawn.actions].mean()
    torch.testing.assert_close(ours.update(drawn), torch.stack([error, value]).detach())


def test_a_terminated_transition_does_not_look_ahead(learner):
    ours, drawn = learner("dqn_2013"), replace(sample(), discounts=np.zeros(3, np.float32))
    other = copy.deepcopy(ours)
    ours.update(drawn)
    other.update(replace(drawn, next_observations=drawn.next_observations + 1))
    torch.testing.assert_close(other.module.state_dict(), ours.module.state_dict())


def test_long_gradients_are_cut(learner):
    ours = learner("dqn_sample_efficient", gradient_norm=1e-3)
    ours.update(sample())
    norm = torch.stack([weight.grad.norm() for weight in ours.module.parameters()]).norm()
    assert norm.item() == pytest.approx(1e-3, rel=1e-3)


def test_the_target_network_is_copied_every_so_many_updates(learner):
    ours = learner("dqn_2015", target_updates=3)
    equal = []
    for _ in range(7):
        ours.update(sample())
        equal.append(torch.equal(ours.module.layers[0].weight, ours._target_module.layers[0].weight))
    assert equal == [False, False, True, False, False, True, False]


def test_the_first_learner_has_no_target_network(agent):
    ours = agent("dqn_2013")
    assert ours._target_module is ours.module


def updates_of(learner, step, count, num_environments):
    """The number of updates made by each call of `observe`."""
    found = []
    for index in range(count):
        before = learner._updates
        learner.act(np.zeros((num_environments, 5), np.float32))
        learner.observe(step(num_environments, seed=index))
        found.append(learner._updates - before)
    return found


@pytest.mark.parametrize(
    ("options", "num_environments", "expected"),
    [
        ({"learning_starts": 0, "steps_per_update": 1}, 1, [0, 0, 0, 0, 1, 1, 1, 1]),
        ({"learning_starts": 5, "steps_per_update": 2}, 1, [0, 0, 0, 0, 0, 0, 1, 0]),
        ({"learning_starts": 6, "steps_per_update": 2}, 3, [0, 0, 1, 2, 1, 2, 1, 2]),
        ({"learning_starts": 0, "steps_per_update": 4}, 2, [0, 0, 0, 1, 0, 1, 0, 1]),
    ],
    ids=["every-step", "after-random-play", "several-environments", "every-fourth"],
)
def test_updates_follow_the_steps_of_all_environments(agent, step, options, num_environments, expected):
    assert updates_of(agent("dqn_2015", **options), step, 8, num_environments) == expected


def test_nothing_is_measured_without_an_update(agent, step):
    assert agent("dqn_2015").observe(step()) == {}


def test_what_is_measured_has_the_loss(agent, step):
    ours = agent("dqn_2013", training=Training(batch_size=1))
    ours.observe(step())
    assert ours.observe(step(seed=1)).keys() == {"loss", "q", "epsilon"}


@pytest.mark.parametrize(("clip", "expected"), [(True, 1.0), (False, 7.0)], ids=["clipped", "own"])
def test_rewards_are_cut_where_it_learns(agent, step, clip, expected):
    ours = agent("dqn_2015", clip_rewards=clip)
    ours.observe(step(rewards=np.array([7.0]), terminated=np.array([True])))
    assert ours._replay.sample(1).returns.item() == expected


def test_epsilon_falls_as_steps_are_taken(agent, step):
    ours = agent("dqn_2015", learning_starts=2, epsilon_steps=10, final_epsilon=0.5)
    found = []
    for index in range(4):
        found.append(ours.epsilon)
        ours.observe(step(2, seed=index))
    assert found == pytest.approx([1.0, 1.0, 0.9, 0.8])


def test_actions_are_the_best_where_nothing_is_random(agent):
    ours = agent("dqn_2015", initial_epsilon=0.0)
    observations = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    np.testing.assert_equal(ours.act(observations), ours.values(observations).argmax(axis=1))


@pytest.mark.parametrize("name", [*RULES, "pqn"])
def test_values_change_nothing(agent, name):
    ours, observations = agent(name), np.ones((3, 5), np.float32)
    before, state = ours.values(observations), torch.get_rng_state()
    np.testing.assert_equal(ours.values(observations), before)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", [*RULES, "pqn"])
def test_half_precision_gives_single_precision_values_nearby(agent, name):
    observations = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    half, single = agent(name, precision="bfloat16").values(observations), agent(name).values(observations)
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, single, atol=0.02)


def test_pixels_are_learnt_from(agent, step):
    data = ActingData(num_actions=3, shape=(4, 36, 36), pixels=True)
    ours = agent("dqn_2013", data, training=Training(batch_size=2))
    frames = np.random.default_rng(0).integers(0, 256, (6, 1, 4, 36, 36), dtype=np.uint8)
    measured = [
        ours.observe(step(observations=frames[index], next_observations=np.roll(frames[index], -1, axis=1)))
        for index in range(4)
    ]
    assert math.isfinite(measured[-1]["loss"])


@pytest.mark.parametrize("name", [*RULES, "pqn"])
@pytest.mark.parametrize(
    ("training", "message"),
    [
        (Training(micro_batch=4), r"micro_batch=4: an agent is updated from whole batches; use micro_batch=0"),
        (Training(ema_decay=0.9), r"ema_decay=0\.9: an agent has no average of its weights; use ema_decay=0"),
        (Training(compile=True), r"compile=true: an agent is not compiled; use compile=false"),
    ],
    ids=["micro_batch", "ema_decay", "compile"],
)
def test_what_is_not_done_is_refused(agent, name, training, message):
    with pytest.raises(UsageError, match=message):
        agent(name, training=training)


def test_a_memory_that_does_not_fit_is_refused_before_it_is_filled(agent):
    data = ActingData(num_actions=3, shape=(4, 84, 84), pixels=True)
    with pytest.raises(UsageError, match=r"takes \d+\.\d\d GB; .* are free; use replay_frames=\d+ or less"):
        agent("dqn_2015", data, steps=10**12, replay_frames=10**11)


def test_too_small_a_memory_is_refused(agent, step):
    with pytest.raises(UsageError, match=r"over 10 steps take 12; use replay_frames=24 or more"):
        agent("dqn_sample_efficient", replay_frames=20).observe(step(2))


def test_the_same_seed_learns_the_same(agent, line, train):
    values = []
    for _ in range(2):
        environments = line(6, 2)
        ours = agent("dqn_sample_efficient", environments.data, learning_starts=20)
        train(ours, environments, 100)
        values.append(ours.values(environments.seen(np.arange(6))))
    np.testing.assert_equal(values[0], values[1])
