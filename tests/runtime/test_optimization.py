import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from harness.errors import PluginError
from harness.interfaces import ImageBatch, TokenBatch, Training
from harness.runtime.learning import DefaultClassifierLearner, DefaultGenerativeLearner, DefaultTokenLearner
from harness.runtime.optimization import Optimization, schedule


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 5))


def batch(seed: int = 0) -> ImageBatch:
    generator = torch.Generator().manual_seed(seed)
    return ImageBatch(
        inputs=torch.randn(8, 3, 2, 2, generator=generator), targets=torch.randint(5, (8,), generator=generator)
    )


def trained(training: Training, steps: int = 6) -> DefaultClassifierLearner:
    learner = DefaultClassifierLearner(network(), training=training, steps=steps)
    for step in range(steps):
        learner.train_step(batch(step))
    return learner


def test_linear_decay_is_a_line_to_the_final_fraction():
    training = Training(warmup_fraction=0.1, decay="linear", final_fraction=0.5)
    factors = [schedule(step, 100, training) for step in range(10, 100)]
    assert factors == pytest.approx([1 - 0.5 * i / 90 for i in range(90)])


def test_sgd_with_momentum_follows_its_recurrence():
    training = Training(
        optimizer="sgd", learning_rate=0.1, momentum=0.5, warmup_fraction=0.0, final_fraction=1.0, gradient_clip=0.0
    )
    learner = trained(training)
    weight = network()[1].weight.detach().clone()
    bias = network()[1].bias.detach().clone()
    velocity = [torch.zeros_like(weight), torch.zeros_like(bias)]
    for step in range(6):
        leaves = [weight.clone().requires_grad_(), bias.clone().requires_grad_()]
        data = batch(step)
        loss = F.cross_entropy(data.inputs.flatten(1) @ leaves[0].T + leaves[1], data.targets)
        velocity = [0.5 * v + g for v, g in zip(velocity, torch.autograd.grad(loss, leaves), strict=True)]
        weight, bias = weight - 0.1 * velocity[0], bias - 0.1 * velocity[1]
    torch.testing.assert_close(learner.module[1].weight, weight, rtol=1e-5, atol=1e-6)


def test_evaluation_reads_the_moving_average_of_the_weights():
    training = Training(ema_decay=0.9, learning_rate=0.05)
    learner = DefaultClassifierLearner(network(), training=training, steps=30)
    average = None
    for step in range(30):
        learner.train_step(batch(step))
        weight = learner.module[1].weight.detach().clone()
        # The first update takes the weights as they are; update n keeps at most (1 + n) / (10 + n).
        kept = min(0.9, (1 + step) / (10 + step))
        average = weight if average is None else kept * average + (1 - kept) * weight
    expected = batch().inputs.flatten(1) @ average.T
    learner.module.eval()
    with torch.no_grad():
        seen = learner.logits(batch())
    torch.testing.assert_close(seen - seen.mean(0), expected - expected.mean(0), rtol=1e-4, atol=1e-5)


def test_training_goes_on_from_the_weights_and_not_from_their_average():
    plain, averaged = trained(Training()), trained(Training(ema_decay=0.99))
    torch.testing.assert_close(plain.module[1].weight, averaged.module[1].weight, rtol=0, atol=0)


def test_label_smoothing_mixes_the_target_with_the_uniform_distribution():
    learner = DefaultClassifierLearner(network(), training=Training(label_smoothing=0.2), steps=1)
    data = batch()
    logs = network()(data.inputs).log_softmax(dim=1)
    targets = 0.8 * F.one_hot(data.targets, 5) + 0.2 / 5
    assert float(learner.train_step(data)["loss"]) == pytest.approx(-(targets * logs).sum(1).mean().item(), rel=1e-5)


def test_label_smoothing_of_tokens_leaves_unscored_targets_out():
    module = nn.Embedding(5, 5)
    inputs = torch.randint(5, (2, 7))
    targets = inputs.clone()
    targets[:, :4] = -100
    learner = DefaultTokenLearner(module, training=Training(label_smoothing=0.3), steps=1)
    logs = module(inputs[:, 4:]).log_softmax(dim=2)
    wanted = 0.7 * F.one_hot(targets[:, 4:], 5) + 0.3 / 5
    loss = learner.train_step(TokenBatch(inputs=inputs, targets=targets))["loss"]
    assert float(loss) == pytest.approx(-(wanted * logs).sum(2).mean().item(), rel=1e-5)


def test_class_probabilities_are_targets_too():
    data = batch()
    soft = ImageBatch(inputs=data.inputs, targets=F.one_hot(data.targets, 5).float())
    losses = [DefaultClassifierLearner(network(), training=Training(), steps=1).train_step(b) for b in (data, soft)]
    assert float(losses[0]["loss"]) == pytest.approx(float(losses[1]["loss"]), rel=1e-6)


def test_mixed_precision_computes_in_bfloat16_and_returns_float32():
    kinds = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x):
            y = self.linear(x)
            kinds.append(y.dtype)
            return y

    outputs = Optimization(Watching(), training=Training(), steps=1, precision="bfloat16").outputs(torch.ones(2, 3))
    assert (kinds, outputs.dtype) == ([torch.bfloat16], torch.float32)


def test_gradients_are_clipped_to_their_norm():
    training = Training(optimizer="sgd", momentum=0.0, learning_rate=1.0, gradient_clip=1e-3, warmup_fraction=0.0)
    learner = trained(training, steps=1)
    moved = [
        (after - before).detach()
        for after, before in zip(learner.module.parameters(), network().parameters(), strict=True)
    ]
    assert math.sqrt(sum(float(part.pow(2).sum()) for part in moved)) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, as inductor starts
def test_a_compiled_network_trains_like_one_that_is_not():
    plain, compiled = trained(Training()), trained(Training(compile=True))
    torch.testing.assert_close(plain.module[1].weight, compiled.module[1].weight, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("micro_batch", [1, 3, 8, 100])
def test_small_parts_of_a_batch_add_up_to_its_gradient(micro_batch):
    whole, parts = (
        trained(Training(label_smoothing=0.1)),
        trained(Training(label_smoothing=0.1, micro_batch=micro_batch)),
    )
    torch.testing.assert_close(whole.module[1].weight, parts.module[1].weight, rtol=1e-4, atol=1e-5)


def test_small_parts_of_a_batch_of_tokens_weigh_by_their_scored_targets():
    inputs = torch.arange(24).view(4, 6) % 5
    targets = inputs.roll(1, dims=1).clone()
    targets[0, 1:] = -100
    targets[3] = -100
    losses = []
    for micro_batch in (0, 1):
        torch.manual_seed(0)
        learner = DefaultTokenLearner(nn.Embedding(5, 5), training=Training(micro_batch=micro_batch), steps=1)
        losses.append(float(learner.train_step(TokenBatch(inputs=inputs, targets=targets))["loss"]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


class Mean(nn.Module):
    """Estimates the mean of its images."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(3, 2, 2))

    def loss(self, given):
        return (given.inputs - self.mean).square().mean()


@pytest.mark.parametrize("micro_batch", [0, 3])
def test_a_model_is_trained_by_its_own_loss(micro_batch):
    training = Training(
        optimizer="sgd",
        momentum=0.0,
        learning_rate=6.0,
        gradient_clip=0.0,
        warmup_fraction=0.0,
        micro_batch=micro_batch,
    )
    learner = DefaultGenerativeLearner(Mean(), training=training, steps=1)
    # The gradient is 2 (mean - images) / 12, so one step of 6 lands on the batch's mean.
    loss = learner.train_step(batch())["loss"]
    torch.testing.assert_close(learner.module.mean.detach(), batch().inputs.mean(dim=0))
    torch.testing.assert_close(loss, batch().inputs.square().mean())


def test_a_model_without_a_loss_is_named():
    with pytest.raises(PluginError, match="Sequential has no method `loss`"):
        DefaultGenerativeLearner(network(), training=Training(), steps=1)


def test_the_averaged_network_is_asked():
    learner = DefaultGenerativeLearner(Mean(), training=Training(ema_decay=0.5, learning_rate=0.1), steps=3)
    for step in range(3):
        learner.train_step(batch(step))
    assert learner.evaluated is not learner.module
    assert not torch.equal(learner.evaluated.mean, learner.module.mean)


def test_adagrad_divides_by_the_root_of_summed_squares():
    training = Training(
        optimizer="adagrad", learning_rate=0.1, gradient_clip=0.0, warmup_fraction=0.0, final_fraction=1.0
    )
    learner = DefaultGenerativeLearner(Mean(), training=training, steps=4)
    mean, squares = torch.zeros(3, 2, 2), torch.zeros(3, 2, 2)
    for step in range(4):
        learner.train_step(batch(step))
        gradient = 2 * (mean - batch(step).inputs.mean(dim=0)) / 12
        squares = squares + gradient**2
        mean = mean - 0.1 * gradient / (squares.sqrt() + 1e-10)
    torch.testing.assert_close(learner.module.mean.detach(), mean, rtol=1e-5, atol=1e-6)
