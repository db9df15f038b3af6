"""The Transformer decoder: causality, decoding, size, positions."""

import pytest
import torch
from pydantic import ValidationError

from harness.errors import UsageError
from harness.interfaces import TokenData
from harness_sequence.attention import fused
from harness_transformer.config import GptNeoxConfig, TransformerConfig
from harness_transformer.gpt_neox import build as build_gpt_neox
from harness_transformer.model import build

DATA = TokenData(vocab=13, length=20)
POSITIONS = pytest.mark.parametrize("positions", ["rope", "learned", "sinusoidal", "none"])
TOKENS = torch.randint(13, (2, 17), generator=torch.Generator().manual_seed(1))


def transformer(**options):
    torch.manual_seed(0)
    config = TransformerConfig(**{"d_model": 24, "num_heads": 4} | options)
    return build(config, DATA, {"attention": fused.attention})


@POSITIONS
def test_stepping_equals_the_whole_sequence(positions):
    model = transformer(positions=positions).double()
    state, outputs = model.initial_state(2), []
    for token in TOKENS.unbind(1):
        output, state = model.step(token, state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), model(TOKENS), atol=1e-10, rtol=0)


@POSITIONS
@pytest.mark.parametrize("changed", [1, 8, 16], ids=lambda changed: f"token{changed}")
def test_a_token_changes_nothing_before_it_and_what_follows(positions, changed):
    model = transformer(positions=positions).double()
    other = TOKENS.clone()
    other[:, changed] = (other[:, changed] + 1) % 13
    difference = (model(other) - model(TOKENS)).abs().amax(dim=(0, 2))
    assert difference[:changed].max() == 0
    assert difference[changed:].min() > 0


@pytest.mark.parametrize("length", [1, 2, 41], ids=lambda length: f"length{length}")
def test_any_length_is_read_with_rotary_positions(length):
    assert transformer()(torch.zeros(1, length, dtype=torch.long)).shape == (1, length, 13)


def test_more_tokens_than_learned_positions_are_refused():
    with pytest.raises(UsageError, match="built for 20 positions"):
        transformer(positions="learned")(torch.zeros(1, 21, dtype=torch.long))


@pytest.mark.parametrize(("positions", "added"), [("rope", 0), ("none", 0), ("learned", 20 * 24)], ids=str)
def test_the_number_of_parameters_is_the_closed_form(positions, added):
    d, num_layers, vocab = 24, 3, 13
    found = sum(p.numel() for p in transformer(num_layers=num_layers, positions=positions).parameters())
    assert found == num_layers * (12 * d**2 + 13 * d) + 2 * d + 2 * vocab * d + added


def test_it_is_counted_without_memory_on_the_meta_device():
    with torch.device("meta"):
        model = transformer(positions="learned")
    assert {p.device.type for p in model.parameters()} == {"meta"}


@pytest.mark.parametrize("d_model", [20, 28], ids=lambda d_model: f"d_model{d_model}")
def test_heads_of_odd_width_are_rotated_too(d_model):
    model = transformer(d_model=d_model).double()
    assert model(TOKENS).isfinite().all()
    assert not torch.allclose(model(TOKENS), model(TOKENS.flip(1)).flip(1))


def test_an_unknown_kind_of_position_is_refused():
    with pytest.raises(ValidationError, match="'rope', 'learned', 'sinusoidal' or 'none'"):
        TransformerConfig(positions="alibi")


def test_one_batch_is_learned_by_heart():
    model = transformer(d_model=32)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    inputs, targets = TOKENS[:, :-1], TOKENS[:, 1:]
    for _ in range(80):
        loss = torch.nn.functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


@pytest.mark.parametrize("d_model", [8, 16, 40], ids=lambda d_model: f"d_model{d_model}")
def test_heads_too_narrow_for_their_share_of_positions_are_read_too(d_model):
    """A quarter of 4 features is no pair: then order comes in through the mask alone."""
    torch.manual_seed(0)
    model = build_gpt_neox(GptNeoxConfig(d_model=d_model), DATA, {"attention": fused.attention}).double()
    state, outputs = model.initial_state(2), []
    for token in TOKENS.unbind(1):
        output, state = model.step(token, state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), model(TOKENS), atol=1e-10, rtol=0)
