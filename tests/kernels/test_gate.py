"""The gate that stands before any timing catches what a kernel can get wrong."""

import pytest
import torch

from harness.kernels.gate import check_kernel
from harness.kernels.loading import Kernel
from harness.registry import load_registry
from harness.specs import KernelSpec, Ref

REGISTRY = load_registry()
CPU = torch.device("cpu")
FAST = [
    spec
    for spec in REGISTRY.kernels.specs()
    if spec.name != "reference" and "cpu" in spec.devices and all(name in ("numba",) for name in spec.requires)
]


def kernel(spec, function=None):
    op = REGISTRY.ops[spec.op].spec
    return Kernel(op, spec, function or spec.implementation.load())


@pytest.mark.parametrize("spec", FAST, ids=lambda spec: f"{spec.op}.{spec.name}")
def test_bundled_kernels_equal_their_definition(spec):
    assert check_kernel(kernel(spec), REGISTRY, CPU, "float32") == ""


class OffByALittle(torch.autograd.Function):
    """The right values with a wrong gradient."""

    @staticmethod
    def forward(ctx, value):
        return value.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 1.01


def convolution(*arguments):
    return REGISTRY.kernel("causal_conv1d", "torch").spec.implementation.load()(*arguments)


FAULTS = {
    "wrong value": lambda *a: convolution(*a) * 1.001,
    "missing last step": lambda *a: torch.cat([convolution(*a)[:, :-1], torch.zeros_like(a[0][:, :1])], dim=1),
    "uninitialised element": lambda *a: convolution(*a).masked_fill(a[0] == a[0].max(), torch.nan),
    "wrong gradient": lambda *a: OffByALittle.apply(convolution(*a)),
    "low precision": lambda *a: convolution(a[0].bfloat16().to(a[0].dtype), *a[1:]),
    "wrong shape": lambda *a: convolution(*a).unsqueeze(0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_caught(fault):
    spec = KernelSpec(name="planted", summary="", op="causal_conv1d", implementation=Ref("a:b"))
    assert "differs from the reference" in check_kernel(kernel(spec, FAULTS[fault]), REGISTRY, CPU, "float32")
