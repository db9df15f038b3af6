"""The stack around the blocks, and the layers that it offers."""

import math

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from harness.errors import UsageError
from harness_sequence.attention import fused
from harness_sequence.blocks import PreNormBlock, decoder
from harness_sequence.config import DecoderConfig
from harness_sequence.layers import FeedForward, LearnedPositions, RMSNorm, SinusoidalPositions, SwiGLU
from harness_sequence.linear_memory import weighted_mean
from harness_sequence.self_attention import SelfAttention
from harness_sequence.stack import TokenModel


def model(**options) -> TokenModel:
    torch.manual_seed(0)
    mixers = [SelfAttention(8, 2, fused.attention, rotary=False) for _ in range(2)]
    blocks = [PreNormBlock(8, mixer, FeedForward(8, 32)) for mixer in mixers]
    return TokenModel(vocab=11, d_model=8, blocks=blocks, norm=nn.LayerNorm(8), **options)


def test_embeddings_are_drawn_with_a_small_deviation():
    torch.manual_seed(0)
    wide = TokenModel(vocab=500, d_model=200, blocks=[], norm=nn.Identity())
    assert wide.embedding.weight.std().item() == pytest.approx(0.02, rel=0.01)


@pytest.mark.parametrize("d_model", [16, 256], ids=lambda d_model: f"d_model{d_model}")
def test_a_decoder_reads_embeddings_of_unit_variance_whatever_its_width(d_model):
    torch.manual_seed(0)
    config = DecoderConfig(d_model=d_model)
    stack = decoder(config, 500, [SelfAttention(d_model, 2, fused.attention, rotary=False)])
    read = []
    stack.blocks[0].register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    stack(torch.arange(500)[None])
    assert read[0].std().item() == pytest.approx(1.0, rel=0.05)


def test_a_tied_head_of_a_decoder_starts_with_logits_of_unit_variance():
    torch.manual_seed(0)
    config = DecoderConfig(d_model=256, num_layers=1, tie_embeddings=True)
    stack = decoder(config, 500, [SelfAttention(256, 2, fused.attention, rotary=False)])
    others = ~torch.eye(500, dtype=torch.bool)
    assert stack(torch.arange(500)[None])[0][others].std().item() == pytest.approx(1.0, rel=0.1)


def test_a_tied_head_is_the_embedding():
    tied = model(tie_embeddings=True)
    assert tied.head.weight is tied.embedding.weight
    assert sum(p.numel() for p in model().parameters()) - sum(p.numel() for p in tied.parameters()) == 11 * 8


@pytest.mark.parametrize("layer", [LearnedPositions(9, 8), SinusoidalPositions(8)], ids=["learned", "sinusoidal"])
def test_stepping_counts_positions(layer):
    stack = model(positions=layer).double()
    tokens = torch.randint(11, (2, 9), generator=torch.Generator().manual_seed(1))
    state, outputs = stack.initial_state(2), []
    for token in tokens.unbind(1):
        output, state = stack.step(token, state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), stack(tokens), atol=1e-10, rtol=0)


def test_without_positions_equal_tokens_are_alike():
    outputs = model()(torch.full((1, 5), 3))
    torch.testing.assert_close(outputs, outputs[:, :1].expand(-1, 5, -1))


def test_positions_tell_equal_tokens_apart():
    outputs = model(positions=SinusoidalPositions(8))(torch.full((1, 5), 3))
    assert (outputs.diff(dim=1).abs().amax(dim=(0, 2)) > 1e-4).all()


def test_dropout_acts_in_training_only():
    stack = model(dropout=0.5)
    tokens = torch.arange(10)[None]
    assert not torch.equal(stack(tokens), stack(tokens))
    assert torch.equal(stack.eval()(tokens), stack(tokens))


def test_a_position_without_a_learned_vector_is_refused():
    with pytest.raises(UsageError, match=r"position 9 .* built for 9 positions; use positions=rope"):
        model(positions=LearnedPositions(9, 8))(torch.zeros(1, 10, dtype=torch.long))


def test_sinusoids_have_the_published_frequencies():
    found = SinusoidalPositions(6)(torch.tensor([0, 7]))
    angles = [7 / 10_000 ** (2 * i / 6) for i in range(3)]
    expected = [[0, 1] * 3, [wave(angle) for angle in angles for wave in (math.sin, math.cos)]]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_rms_norm_divides_by_the_root_mean_square():
    x = torch.tensor([[3.0, 4.0, 0.0, 0.0]], dtype=torch.float64)
    norm = RMSNorm(4, eps=0.0).double()
    nn.init.constant_(norm.weight, 2.0)
    torch.testing.assert_close(norm(x), 2 * x / 2.5)


def test_a_feed_forward_layer_is_gelu_between_two_linear_maps():
    layer, x = FeedForward(3, 12).double(), torch.linspace(-1, 1, 6, dtype=torch.float64).view(2, 3)
    hidden = x @ layer.up.weight.T + layer.up.bias
    hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
    torch.testing.assert_close(layer(x), hidden @ layer.down.weight.T + layer.down.bias)


def test_swiglu_gates_by_silu():
    layer, x = SwiGLU(3, 5).double(), torch.linspace(-1, 1, 6, dtype=torch.float64).view(2, 3)
    gate, value = x @ layer.up.weight[:5].T, x @ layer.up.weight[5:].T
    torch.testing.assert_close(layer(x), (gate * torch.sigmoid(gate) * value) @ layer.down.weight.T)


def test_a_mean_without_weights_is_zero_and_has_finite_gradients():
    sums = torch.zeros(2, 4, requires_grad=True)
    mean = weighted_mean(sums)
    mean.sum().backward()
    assert torch.equal(mean, torch.zeros(2, 3))
    assert sums.grad.isfinite().all()


def test_heads_that_do_not_divide_the_width_are_refused_with_a_width_that_works():
    with pytest.raises(ValidationError, match=r"d_model=30 .* num_heads=4; .* use d_model=32"):
        DecoderConfig(d_model=30, num_heads=4)
