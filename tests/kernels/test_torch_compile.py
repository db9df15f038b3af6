"""Models compile whole, whatever kernels they use, and agree with themselves."""

import pytest
import torch

from harness.configuration import parse_config
from harness.interfaces import TokenData
from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.registry import load_registry

REGISTRY = load_registry()
DATA = TokenData(vocab=11, length=12)
MODELS = [spec.name for spec in REGISTRY.models.specs() if spec.ops]


def built(name, kernel):
    spec = REGISTRY.models[name].spec
    chosen, _ = resolve_kernels(kernel, spec, "cpu", REGISTRY)
    torch.manual_seed(0)
    config = parse_config(spec.config.load(), {"d_model": 16, "num_layers": 1}, name)
    return spec.build.load()(config, DATA, load_kernels(chosen, REGISTRY))


PAIRS = [
    (name, kernel)
    for kernel in ("auto", "torch", "reference", "cpu")
    for name in MODELS
    if not resolve_kernels(kernel, REGISTRY.models[name].spec, "cpu", REGISTRY)[1]
]


@pytest.mark.parametrize(("name", "kernel"), PAIRS, ids=".".join)
def test_a_model_compiles_whole_and_agrees(name, kernel):
    module = built(name, kernel)
    tokens = torch.randint(0, DATA.vocab, (2, DATA.length), generator=torch.Generator().manual_seed(1))
    torch._dynamo.reset()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    wanted = module(tokens)
    found = compiled(tokens)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    parameters = list(module.parameters())
    for got, want in zip(
        torch.autograd.grad(found.square().sum(), parameters, allow_unused=True),
        torch.autograd.grad(wanted.square().sum(), parameters, allow_unused=True),
        strict=True,
    ):
        if want is not None:
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_model_compiles_to_machine_code():
    module = built("mamba", "auto")
    tokens = torch.randint(0, DATA.vocab, (2, DATA.length), generator=torch.Generator().manual_seed(1))
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(module, fullgraph=True)(tokens), module(tokens), rtol=1e-5, atol=1e-5)
