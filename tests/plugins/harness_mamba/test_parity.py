"""The model against the independent implementation in `transformers`, with its random weights copied."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from transformers import MambaConfig as TheirConfig
from transformers import MambaForCausalLM

from harness.interfaces import TokenData
from harness_mamba import plugin
from harness_mamba.config import MambaConfig
from harness_mamba.model import build

NAMES = ("reference", "torch", "cpu")
VOCAB = 37


def our_name(theirs: str) -> str:
    """Where their parameter lies in our model."""
    renamed = theirs.removeprefix("backbone.").replace("layers.", "blocks.").replace("mixer.", "")
    for old, new in (("embeddings", "embedding"), ("norm_f", "norm"), ("lm_head", "head"), ("conv1d", "conv")):
        renamed = renamed.replace(old, new)
    for inner in ("x_proj", "dt_proj", "A_log", "D"):
        renamed = renamed.replace(f".{inner}", f".ssm.{inner}")
    return renamed


def our_weight(name: str, weight: Tensor) -> Tensor:
    """Their convolution is [channels, 1, width], the oldest value first; ours [width, channels], the newest first."""
    return weight[:, 0].t().flip(0) if name.endswith("conv.weight") else weight


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    torch.manual_seed(0)
    config = TheirConfig(
        vocab_size=VOCAB, hidden_size=40, state_size=16, num_hidden_layers=3, layer_norm_epsilon=1e-5,
        use_mambapy=False, use_cache=False, pad_token_id=0, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = MambaForCausalLM(config).eval()
    with torch.no_grad():
        # Fresh models are nearly linear: larger weights make every part count.
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def ours_like(theirs: nn.Module, kernel: str) -> nn.Module:
    config = MambaConfig(d_model=40, num_layers=3)
    kernels = {spec.op: spec.implementation.load() for spec in plugin.harness_kernels() if spec.name == kernel}
    model = build(config, TokenData(vocab=VOCAB, length=64), kernels)
    copied = {our_name(name): weight for name, weight in theirs.state_dict().items()}
    model.load_state_dict({name: our_weight(name, weight) for name, weight in copied.items()})
    return model


@pytest.fixture(scope="module")
def tokens() -> Tensor:
    return torch.randint(VOCAB, (2, 67), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kernel", NAMES)
def test_logits_equal_those_of_transformers(theirs: nn.Module, tokens: Tensor, kernel: str) -> None:
    with torch.no_grad():
        torch.testing.assert_close(ours_like(theirs, kernel)(tokens), theirs(tokens).logits, atol=1e-4, rtol=0)


def test_streamed_logits_equal_those_of_transformers(theirs: nn.Module, tokens: Tensor) -> None:
    ours = ours_like(theirs, "cpu")
    with torch.no_grad():
        state, logits = ours.initial_state(2), []
        for token in tokens.unbind(1):
            after, state = ours.step(token, state)
            logits.append(after)
        torch.testing.assert_close(torch.stack(logits, dim=1), theirs(tokens).logits, atol=1e-4, rtol=0)


def test_gradients_equal_those_of_transformers(theirs: nn.Module, tokens: Tensor) -> None:
    ours = ours_like(theirs, "cpu")
    expected = torch.autograd.grad(theirs(tokens[:, :20]).logits.square().mean(), list(theirs.parameters()))
    got = torch.autograd.grad(ours(tokens[:, :20]).square().mean(), list(ours.parameters()))
    by_name = dict(zip((name for name, _ in ours.named_parameters()), got, strict=True))
    for_ours = {our_name(name): g for (name, _), g in zip(theirs.named_parameters(), expected, strict=True)}
    errors = {
        name: float((by_name[name] - our_weight(name, g)).norm() / our_weight(name, g).norm())
        for name, g in for_ours.items()
    }
    assert max(errors.values()) < 1e-4, errors


def test_comparison_sees_a_wrong_weight(theirs: nn.Module, tokens: Tensor) -> None:
    ours = ours_like(theirs, "cpu")
    with torch.no_grad():
        ours.blocks[1].ssm.A_log[3, 5] += 0.5
        difference = (ours(tokens) - theirs(tokens).logits).abs().max()
    assert float(difference) > 1e-3
