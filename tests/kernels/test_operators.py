"""Operators are torch's: differentiable, traceable, and strict about what they are given."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.kernels.operators import Operator, poisoning


def allocate(x: Tensor, weight: Tensor, bias: Tensor | None, scale: float = 2.0) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), x.new_empty(x.shape[0])


def forward(x, weight, bias, scale, y, norms):
    y.copy_(scale * x * weight + (0 if bias is None else bias))
    norms.copy_(x.square().sum(1))


def backward(x, weight, bias, scale, norms, gy, gx, gweight, gbias):
    assert torch.allclose(norms, x.square().sum(1))
    gx.copy_(scale * gy * weight)
    gweight.copy_((scale * gy * x).sum(0))
    if gbias is not None:
        gbias.copy_(gy.sum(0))


scaled = Operator("test_scaled", allocate=allocate, forward=forward, backward=backward)


def definition(x, weight, bias, scale=2.0):
    return scale * x * weight + (0 if bias is None else bias)


@pytest.fixture
def arguments():
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(shape, generator=generator, requires_grad=True) for shape in ((4, 3), (3,), (3,)))


@pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("scale", [(), (0.5,)], ids=["default", "given"])
def test_values_and_gradients_are_those_of_the_parts(arguments, with_bias, scale):
    x, weight, bias = arguments[0], arguments[1], arguments[2] if with_bias else None
    inputs = [value for value in (x, weight, bias) if value is not None]
    found, wanted = scaled(x, weight, bias, *scale), definition(x, weight, bias, *scale)
    assert torch.equal(found, wanted)
    for got, want in zip(
        torch.autograd.grad(found.sum(), inputs), torch.autograd.grad(wanted.sum(), inputs), strict=True
    ):
        assert torch.allclose(got, want)


def test_torch_compile_takes_it_whole(arguments):
    compiled = torch.compile(lambda *a: scaled(*a).square().sum(), fullgraph=True, backend="aot_eager")
    for got, want in zip(
        torch.autograd.grad(compiled(*arguments), arguments),
        torch.autograd.grad(definition(*arguments).square().sum(), arguments),
        strict=True,
    ):
        assert torch.allclose(got, want)


def test_opcheck_accepts_it(arguments):
    torch.library.opcheck(scaled.operator, scaled.complete(arguments))


def test_outputs_start_as_nan_while_poisoning(arguments):
    lazy = Operator("test_lazy", allocate=lambda_allocate, forward=lambda x, y: None)
    with poisoning():
        assert bool(torch.isnan(lazy(arguments[0].detach())).all())


def lambda_allocate(x: Tensor) -> Tensor:
    return x.new_empty(x.shape)


def test_what_the_check_raises_is_raised_when_called_and_when_traced(arguments):
    from harness.errors import UsageError

    def check(x):
        if x.dim() != 3:
            raise UsageError("test_strict: x has two dimensions; three are expected")

    strict = Operator("test_strict", allocate=lambda_allocate, forward=lambda x, y: None, check=check)
    with pytest.raises(UsageError, match="three are expected"):
        strict(arguments[0])
    with pytest.raises(Exception, match="three are expected"):
        torch.compile(strict, fullgraph=True, backend="aot_eager")(arguments[0])
