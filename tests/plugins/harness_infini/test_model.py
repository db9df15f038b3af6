"""The model: streaming over segment borders, causality, positions, gates."""

import pytest
import torch
from torch import nn

from harness.interfaces import TokenData
from harness_infini.config import InfiniAttentionConfig
from harness_infini.infini_attention.parallel import infini_attention
from harness_infini.model import InfiniMixer, build, parameter_groups
from harness_sequence.attention.fused import attention as fused
from harness_sequence.self_attention import SelfAttention

MEMORIES = pytest.mark.parametrize("memory", ["linear", "delta"])
TOKENS = torch.randint(13, (2, 17), generator=torch.Generator().manual_seed(1))


def infini(**options):
    torch.manual_seed(0)
    config = InfiniAttentionConfig(**{"d_model": 24, "num_heads": 4, "segment_length": 5} | options)
    model = build(config, TokenData(vocab=13, length=17), {"infini_attention": infini_attention})
    for block in model.blocks:
        nn.init.normal_(block.mixer.beta)
    return model.double()


@MEMORIES
@pytest.mark.parametrize("segment_length", [1, 2, 5, 17, 30], ids=lambda length: f"segment{length}")
def test_stepping_equals_the_whole_sequence(memory, segment_length):
    model = infini(memory=memory, segment_length=segment_length)
    state, outputs = model.initial_state(2), []
    for token in TOKENS.unbind(1):
        output, state = model.step(token, state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), model(TOKENS), atol=1e-10, rtol=0)


def test_the_state_is_one_memory_and_the_running_segment():
    model = infini(num_layers=1, segment_length=5)
    state = model.initial_state(2)
    for token in TOKENS[:, :13].unbind(1):
        _, state = model.step(token, state)
    heads, d_head, tokens = 4, 6, 3
    ((group,),) = state
    assert sum(x.numel() for x in group) == 2 * heads * (d_head * (d_head + 1) + 2 * tokens * d_head)


@MEMORIES
@pytest.mark.parametrize("changed", [1, 4, 5, 16], ids=lambda changed: f"token{changed}")
def test_a_token_changes_nothing_before_it_and_what_follows(memory, changed):
    model = infini(memory=memory)
    other = TOKENS.clone()
    other[:, changed] = (other[:, changed] + 1) % 13
    difference = (model(other) - model(TOKENS)).abs().amax(dim=(0, 2))
    assert difference[:changed].max() == 0
    assert difference[changed:].min() > 0


def test_closed_gates_and_one_segment_make_it_plain_rotary_attention():
    torch.manual_seed(0)
    mixer = InfiniMixer(24, 4, 17, "linear", infini_attention).double()
    plain = SelfAttention(24, 4, fused, rotary=True).double()
    plain.load_state_dict({name: weight for name, weight in mixer.state_dict().items() if name != "beta"})
    nn.init.constant_(mixer.beta, -1e3)
    x = torch.randn(2, 17, 24, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    torch.testing.assert_close(mixer(x), plain(x), atol=1e-12, rtol=0)


def test_the_memory_does_not_see_positions():
    torch.manual_seed(0)
    mixer = InfiniMixer(24, 4, 1, "linear", infini_attention).double()
    nn.init.constant_(mixer.beta, 1e3)
    x = torch.randn(2, 17, 24, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    shuffled = torch.cat((x[:, :-1].flip(1), x[:, -1:]), dim=1)
    torch.testing.assert_close(mixer(shuffled)[:, -1], mixer(x)[:, -1], atol=1e-12, rtol=0)


@MEMORIES
def test_gradients_reach_tokens_of_earlier_segments(memory):
    torch.manual_seed(0)
    mixer = InfiniMixer(24, 4, 5, memory, infini_attention).double()
    x = torch.randn(1, 17, 24, generator=torch.Generator().manual_seed(2), dtype=torch.float64).requires_grad_()
    mixer(x)[0, -1].sum().backward()
    assert x.grad.abs().sum(-1).min() > 0


def test_the_gates_alone_learn_faster_and_without_decay():
    (group,) = parameter_groups(infini(num_layers=3))
    assert group.names == {f"blocks.{layer}.mixer.beta" for layer in range(3)}
    assert group.learning_rate_scale == 10
    assert group.weight_decay == 0


def test_gates_start_at_a_half():
    assert torch.equal(InfiniMixer(24, 4, 5, "linear", infini_attention).beta, torch.zeros(4))


def test_it_is_counted_without_memory_on_the_meta_device():
    with torch.device("meta"):
        model = infini()
    assert {p.device.type for p in model.parameters()} == {"meta"}
