"""Compiles models whole and compares them with themselves; a JSON line for each `MODEL-KERNEL` of the command line."""

import json
import sys
import traceback

import torch

from harness.configuration import parse_config
from harness.interfaces import TokenData
from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.registry import load_registry

DATA = TokenData(vocab=11, length=12)
BACKEND, PAIRS = sys.argv[1], sys.argv[2:]


def built(registry, name, kernel):
    spec = registry.models[name].spec
    chosen, _ = resolve_kernels(kernel, spec, "cpu", registry)
    torch.manual_seed(0)
    config = parse_config(spec.config.load(), {"d_model": 16, "num_layers": 1}, name)
    return spec.build.load()(config, DATA, load_kernels(chosen, registry))


def compare(module):
    tokens = torch.randint(0, DATA.vocab, (2, DATA.length), generator=torch.Generator().manual_seed(1))
    torch._dynamo.reset()
    wanted, found = module(tokens), torch.compile(module, fullgraph=True, backend=BACKEND)(tokens)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    parameters = list(module.parameters())
    for got, want in zip(
        torch.autograd.grad(found.square().sum(), parameters, allow_unused=True),
        torch.autograd.grad(wanted.square().sum(), parameters, allow_unused=True),
        strict=True,
    ):
        if want is not None:
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


torch.set_num_threads(1)
REGISTRY = load_registry()
for pair in PAIRS:
    error = ""
    try:
        compare(built(REGISTRY, *pair.split("-")))
    except Exception:
        error = traceback.format_exc()
    print(json.dumps({"pair": pair, "error": error}), flush=True)
