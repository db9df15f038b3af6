"""Every bundled token model passes the contract that a stranger's plugin would get, with each exact kernel."""

import textwrap

import pytest

from harness.planning.resolution import resolve_kernels
from harness.registry import load_registry
from harness.specs import Capability
from harness.testing import CHECKS, ContractViolation, token_model

REGISTRY = load_registry()
MODELS = [spec.name for spec in REGISTRY.models.specs() if Capability.PREDICTS_TOKENS in spec.capabilities]
EXACT_KERNELS = ("reference", "torch")
VARIANTS = [
    (name, kernel)
    for name in MODELS
    for kernel in (EXACT_KERNELS if REGISTRY.models[name].spec.ops else ("auto",))
    if not resolve_kernels(kernel, REGISTRY.models[name].spec, "cpu", REGISTRY)[1]
]


def test_every_model_has_at_least_one_variant_under_contract():
    assert {name for name, _ in VARIANTS} == set(MODELS)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("name", "kernel"), VARIANTS, ids=[f"{name}-{kernel}" for name, kernel in VARIANTS])
def test_bundled_models_hold_the_contract(name, kernel, check):
    CHECKS[check](token_model(name, kernel=kernel))


CHEATS = {
    "causality": "return self.head(x + x.flip(1))",
    "batch_independence": "return self.head(x + x.mean(0, keepdim=True))",
    "shape": "return self.head(x)[:, :-1]",
    "finite": "return self.head(x) / 0.0",
    "memory": "return self.head(x) * 0 + self.unused.sum()",
    "determinism": "return self.head(x + 0.1 * torch.randn_like(x))",
    "gradients": "return self.head(x.detach())",
    "state_dict": "return self.head(x) + self.hidden[0]",
    "learning": "return 0.001 * self.head(x.sum(-1, keepdim=True).expand_as(x).cumsum(1))",
}


@pytest.mark.parametrize("check", CHEATS)
def test_a_model_that_breaks_the_contract_is_caught_by_name(tmp_path, check):
    file = tmp_path / f"cheat_{check}.py"
    file.write_text(
        textwrap.dedent(
            f"""
            import torch
            from torch import nn
            from harness import model

            @model(name="cheat", predicts_tokens=True)
            class Cheat(nn.Module):
                def __init__(self, vocab: int, d_model: int = 8):
                    super().__init__()
                    self.embedding = nn.Embedding(vocab, d_model)
                    self.head = nn.Linear(d_model, vocab)
                    self.unused = nn.Parameter(torch.ones(2))
                    self.hidden = [torch.randn(vocab)]

                def forward(self, tokens):
                    x = self.embedding(tokens)
                    {CHEATS[check]}
            """
        )
    )
    with pytest.raises(ContractViolation):
        CHECKS[check](token_model("cheat", files=[file]))
