"""Compiles models whole and compares them with themselves; a JSON line for each `MODEL-KERNEL-KIND`, kind of input."""

import json
import sys
import traceback

import torch

from harness.configuration import parse_config
from harness.interfaces import ImageData, TokenData
from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.registry import load_registry

TOKENS = TokenData(vocab=11, length=12)
IMAGES = ImageData(num_classes=5, channels=3, height=16, width=16)
DATA = {"tokens": TOKENS, "images": IMAGES}
BACKEND, PAIRS = sys.argv[1], sys.argv[2:]


def built(registry, name, kernel, kind):
    spec = registry.models[name].spec
    chosen, _ = resolve_kernels(kernel, spec, "cpu", registry)
    torch.manual_seed(0)
    config = parse_config(spec.config.load(), {"d_model": 16, "num_layers": 1}, name)
    return spec.build.load()(config, DATA[kind], load_kernels(chosen, registry))


def inputs(kind):
    generator = torch.Generator().manual_seed(1)
    if kind == "tokens":
        return torch.randint(0, TOKENS.vocab, (2, TOKENS.length), generator=generator)
    return torch.randn(2, IMAGES.channels, IMAGES.height, IMAGES.width, generator=generator)


def compare(module, given):
    torch._dynamo.reset()
    wanted, found = module(given), torch.compile(module, fullgraph=True, backend=BACKEND)(given)
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
        name, kernel, kind = pair.split("-")
        compare(built(REGISTRY, name, kernel, kind), inputs(kind))
    except Exception:
        error = traceback.format_exc()
    print(json.dumps({"pair": pair, "error": error}), flush=True)
