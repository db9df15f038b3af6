"""S4 and S4D as token models: causal, streaming, trained as the papers say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional as F

from harness_s4.config import S4Config, S4DConfig, StateSpaceConfig
from harness_s4.model import parameter_groups
from harness_sequence.stack import TokenModel

VOCAB = 11
Build = Callable[..., TokenModel]
# The models are built for 24 tokens.
LENGTHS = pytest.mark.parametrize("length", [1, 2, 13, 24, 25, 61])


def tokens(batch: int, length: int) -> Tensor:
    return torch.randint(0, VOCAB, (batch, length), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def streamed(model: TokenModel, inputs: Tensor) -> Tensor:
    state, outputs = model.initial_state(inputs.shape[0]), []
    for position in range(inputs.shape[1]):
        logits, state = model.step(inputs[:, position], state)
        outputs.append(logits)
    return torch.stack(outputs, 1)


def perturb(model: TokenModel) -> None:
    """Move every parameter, as training does."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))


@LENGTHS
def test_recurrent_form_equals_convolution_form(model: TokenModel, length: int) -> None:
    inputs = tokens(2, length)
    torch.testing.assert_close(streamed(model, inputs), model(inputs), rtol=0, atol=1e-8)


def test_recurrent_form_equals_convolution_form_in_float32(config: StateSpaceConfig, build: Build) -> None:
    model, inputs = build(config), tokens(2, 24)
    torch.testing.assert_close(streamed(model, inputs), model(inputs), rtol=0, atol=1e-4)


def test_a_new_state_follows_changed_parameters(model: TokenModel) -> None:
    inputs = tokens(2, 17)
    model.step(inputs[:, 0], model.initial_state(2))
    perturb(model)
    torch.testing.assert_close(streamed(model, inputs), model(inputs), rtol=0, atol=1e-8)


@LENGTHS
def test_a_beginning_alone_gives_the_beginning_of_the_outputs(model: TokenModel, length: int) -> None:
    inputs = tokens(2, 70)
    torch.testing.assert_close(model(inputs[:, :length]), model(inputs)[:, :length], rtol=0, atol=1e-10)


@pytest.mark.parametrize("changed", [0, 11, 23])
def test_a_token_changes_nothing_before_it_and_something_from_it_on(model: TokenModel, changed: int) -> None:
    before = tokens(1, 24)
    after = before.clone()
    after[0, changed] = (after[0, changed] + 1) % VOCAB
    difference = (model(after) - model(before)).abs().amax((0, 2))
    assert (difference[:changed] < 1e-12).all()
    assert (difference[changed:] > 1e-9).all()


@pytest.mark.parametrize("length", [24, 61], ids=["within_horizon", "beyond_horizon"])
def test_gradients_reach_every_parameter(model: TokenModel, length: int) -> None:
    F.cross_entropy(model(tokens(4, length)).flatten(0, 1), tokens(4, length).flatten()).backward()
    without = [
        name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert without == []


def test_kernels_give_the_same_model(config: StateSpaceConfig, build: Build) -> None:
    reference, fast = build(config, kernel="reference").double(), build(config).double()
    fast.load_state_dict(reference.state_dict())
    torch.testing.assert_close(fast(tokens(2, 24)), reference(tokens(2, 24)), rtol=0, atol=1e-9)


def test_parameters_are_real(model: TokenModel) -> None:
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}


def test_a_model_without_storage_has_the_same_parameters(config: StateSpaceConfig, build: Build) -> None:
    with torch.device("meta"):
        empty = build(config)
    expected = {name: parameter.shape for name, parameter in build(config).named_parameters()}
    assert {name: parameter.shape for name, parameter in empty.named_parameters()} == expected


def test_autocast_does_not_round_the_kernel(config: StateSpaceConfig, build: Build) -> None:
    layer = build(config).blocks[0].layer
    expected = layer.convolution_kernel(20)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer.convolution_kernel(20), expected)


@pytest.mark.parametrize(
    ("config", "slow"),
    [(S4Config(), {"log_dt", "a_re", "a_im", "P", "B", "C_tilde"}), (S4DConfig(), {"log_dt", "a_re", "a_im"})],
    ids=["s4", "s4d"],
)
def test_state_space_parameters_learn_slowly_and_do_not_decay(
    build: Build, config: StateSpaceConfig, slow: set[str]
) -> None:
    (group,) = parameter_groups(build(config))
    assert group.names == {f"blocks.{block}.layer.{name}" for block in range(2) for name in slow}
    assert (group.max_learning_rate, group.weight_decay) == (1e-3, 0.0)


def test_grouped_names_are_parameters_of_the_model(model: TokenModel) -> None:
    (group,) = parameter_groups(model)
    assert group.names <= dict(model.named_parameters()).keys()


def test_step_sizes_start_between_their_bounds(build: Build) -> None:
    layer = build(S4DConfig(d_model=512, dt_min=1e-4, dt_max=1e-2)).blocks[0].layer
    steps = layer.log_dt.exp()
    assert 1e-4 <= steps.min() < 2e-4
    assert 5e-3 < steps.max() <= 1e-2


@pytest.mark.parametrize(
    "config", [S4Config(d_model=16, d_state=16), S4DConfig(d_model=16, d_state=16)], ids=["s4", "s4d"]
)
def test_training_learns_to_repeat_the_token_three_back(build: Build, config: StateSpaceConfig) -> None:
    model = build(config)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for seed in range(150):
        inputs = torch.randint(0, VOCAB, (16, 24), generator=torch.Generator().manual_seed(seed))
        loss = F.cross_entropy(model(inputs)[:, 3:].flatten(0, 1), inputs[:, :-3].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    # Guessing costs log 11 = 2.4.
    assert loss.item() < 1.0


def test_an_odd_state_size_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValidationError, match="d_state=63 is odd; modes come in conjugate pairs; use 64"):
        S4Config(d_state=63)


def test_step_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"dt_min=0\.5 is above dt_max=0\.1"):
        S4DConfig(dt_min=0.5)


def test_autocast_does_not_round_the_state_that_a_stream_starts_from(config: StateSpaceConfig, build: Build) -> None:
    layer = build(config).blocks[0].layer
    expected = layer.initial_state(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(layer.initial_state(2), expected, rtol=0, atol=0)
