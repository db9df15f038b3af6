"""The baselines: streaming, causality, what each can see."""

import pytest
import torch

from harness.interfaces import TokenData
from harness_baselines import decoders, lstm
from harness_baselines.config import LinearAttentionConfig, LocalAttentionConfig, LSTMConfig
from harness_baselines.linear_attention import chunked
from harness_sequence.attention import fused

KERNELS = {"attention": fused.attention, "linear_attention": chunked}
BUILDERS = {
    "lstm": (lstm.build, LSTMConfig(d_model=24)),
    "linear_attention": (decoders.build_linear, LinearAttentionConfig(d_model=24)),
    "linear_attention_without_positions": (
        decoders.build_linear,
        LinearAttentionConfig(d_model=24, positions="none"),
    ),
    "local_attention": (decoders.build_local, LocalAttentionConfig(d_model=24, window=4)),
}
MODELS = pytest.mark.parametrize("name", BUILDERS)
TOKENS = torch.randint(13, (2, 17), generator=torch.Generator().manual_seed(1))


def model(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    build, config = BUILDERS[name]
    return build(config, TokenData(vocab=13, length=17), KERNELS).double()


def local(num_layers: int, window: int) -> torch.nn.Module:
    torch.manual_seed(0)
    config = LocalAttentionConfig(d_model=24, num_layers=num_layers, window=window)
    return decoders.build_local(config, TokenData(vocab=13, length=17), KERNELS).double()


def stream(network: torch.nn.Module, tokens: torch.Tensor):
    state, outputs = network.initial_state(tokens.shape[0]), []
    for token in tokens.unbind(1):
        output, state = network.step(token, state)
        outputs.append(output)
    return torch.stack(outputs, 1), state


@MODELS
def test_stepping_equals_the_whole_sequence(name):
    network = model(name)
    torch.testing.assert_close(stream(network, TOKENS)[0], network(TOKENS), atol=1e-10, rtol=0)


@MODELS
@pytest.mark.parametrize("changed", [0, 7, 16], ids=lambda changed: f"token{changed}")
def test_a_token_changes_nothing_before_it_and_its_own_output(name, changed):
    network = model(name)
    other = TOKENS.clone()
    other[:, changed] = (other[:, changed] + 1) % 13
    difference = (network(other) - network(TOKENS)).abs().amax(dim=(0, 2))
    assert difference[:changed].sum() == 0
    assert difference[changed] > 0


@MODELS
@pytest.mark.parametrize("length", [1, 2, 67], ids=lambda length: f"length{length}")
def test_any_length_is_read(name, length):
    outputs = model(name)(torch.zeros(1, length, dtype=torch.long))
    assert outputs.shape == (1, length, 13)
    assert outputs.isfinite().all()


@MODELS
def test_it_is_counted_without_memory_on_the_meta_device(name):
    with torch.device("meta"):
        network = model(name)
    assert {p.device.type for p in network.parameters()} == {"meta"}


@pytest.mark.parametrize("name", ["lstm", "linear_attention"])
def test_the_state_has_one_size_at_any_length(name):
    network = model(name)
    sizes = [
        [x.shape for x in torch.utils._pytree.tree_leaves(stream(network, TOKENS[:, :length])[1])] for length in (1, 17)
    ]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(("num_layers", "window"), [(1, 4), (2, 4), (3, 3), (2, 1)], ids=str)
def test_each_local_layer_sees_exactly_a_window(num_layers, window):
    network = local(num_layers, window)
    embedded = network.embedding(TOKENS[:1]).detach().requires_grad_()
    x = embedded
    for block in network.blocks:
        x = block(x)
    (gradient,) = torch.autograd.grad(x[0, -1].sum(), embedded)
    seen = (gradient[0].abs().sum(-1) > 0).nonzero().flatten().tolist()
    assert seen == list(range(17 - 1 - num_layers * (window - 1), 17))


def test_linear_attention_without_positions_does_not_know_the_order_of_the_past():
    mixer = model("linear_attention_without_positions").blocks[0].mixer
    x = torch.randn(2, 9, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shuffled = torch.cat((x[:, :-1].flip(1), x[:, -1:]), dim=1)
    torch.testing.assert_close(mixer(shuffled)[:, -1], mixer(x)[:, -1])
