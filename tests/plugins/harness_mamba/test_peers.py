"""Adapters of other packages' kernels: the layout that each is documented to take, with a stand-in that computes it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv1d, silu

from harness.errors import UnsupportedError
from harness_mamba import plugin
from harness_mamba.selective_scan import reference
from harness_mamba.selective_scan_update.reference import selective_scan_update

OPS = {spec.name: spec for spec in plugin.harness_ops()}


def inputs_of(op: str, **size: Any) -> tuple[Any, ...]:
    return OPS[op].make_inputs.load()(size, torch.Generator().manual_seed(0), torch.float32)


def values_and_gradients(kernel: Callable[..., Any], inputs: tuple[Any, ...]) -> list[Tensor]:
    outputs = kernel(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    differentiable = [value for value in inputs if isinstance(value, Tensor)]
    total = sum((value * torch.arange(value.numel()).view(value.shape).sin()).sum() for value in outputs)
    return [*outputs, *torch.autograd.grad(total, differentiable, allow_unused=True, materialize_grads=True)]


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str, Any], None]]:
    """Puts a function in the place of a package's, and forgets the adapters that took it."""

    def put(module: str, name: str, function: Any) -> None:
        names = module.split(".")
        for depth in range(1, len(names) + 1):
            parent = ModuleType(".".join(names[:depth]))
            parent.__path__ = []
            monkeypatch.setitem(sys.modules, parent.__name__, parent)
        setattr(sys.modules[module], name, function)

    yield put
    for name in [name for name in sys.modules if ".peer_" in name]:
        del sys.modules[name]


def adapter(op: str, module: str) -> Callable[..., Any]:
    name = f"harness_mamba.{op}.peer_{module}"
    sys.modules.pop(name, None)
    return getattr(importlib.import_module(name), op)  # type: ignore[no-any-return]


def scan_of_mamba_ssm(u, delta, A, B, C, D, z, bias, softplus, return_last_state=False):  # type: ignore[no-untyped-def]
    """[batch, channels, length] and [batch, states, length]; the last state has no gradient."""
    gate = None if z is None else z.mT
    y, last = reference.selective_scan(u.mT, delta.mT, A, B.mT, C.mT, D, gate, bias, softplus)
    return (y.mT, last.detach()) if return_last_state else y.mT


@pytest.mark.parametrize(
    "options",
    [{}, {"gate": False}, {"skip": False}, {"dt_bias": False}, {"softplus": False}],
    ids=["all", "no gate", "no skip", "no bias", "no softplus"],
)
def test_scan_of_mamba_ssm_gets_time_last_and_its_last_state_a_gradient(
    stand_ins: Callable[[str, str, Any], None], options: dict[str, bool]
) -> None:
    stand_ins("mamba_ssm.ops.selective_scan_interface", "selective_scan_fn", scan_of_mamba_ssm)
    inputs = inputs_of("selective_scan", batch=2, length=7, channels=6, states=3, **options)
    found = values_and_gradients(adapter("selective_scan", "mamba_ssm"), inputs)
    torch.testing.assert_close(found, values_and_gradients(reference.selective_scan, inputs), atol=1e-5, rtol=1e-4)


def test_scan_of_mamba_ssm_refuses_an_initial_state(stand_ins: Callable[[str, str, Any], None]) -> None:
    stand_ins("mamba_ssm.ops.selective_scan_interface", "selective_scan_fn", scan_of_mamba_ssm)
    inputs = inputs_of("selective_scan", batch=2, length=7, channels=6, states=3, initial_state=True)
    with pytest.raises(UnsupportedError, match=r"initial_state is given; use kernel=selective_scan\.torch"):
        adapter("selective_scan", "mamba_ssm")(*inputs)


def test_update_of_mamba_ssm_changes_a_copy(stand_ins: Callable[[str, str, Any], None]) -> None:
    def in_place(state, x, dt, A, B, C, D, z, dt_bias, dt_softplus):  # type: ignore[no-untyped-def]
        y, after = selective_scan_update(state, x, dt, A, B, C, D, z, dt_bias, dt_softplus)
        state.copy_(after)
        return y

    stand_ins("mamba_ssm.ops.triton.selective_state_update", "selective_state_update", in_place)
    inputs = inputs_of("selective_scan_update", batch=2, channels=6, states=3)
    before = inputs[0].detach().clone()
    with torch.no_grad():
        found = adapter("selective_scan_update", "mamba_ssm")(*inputs)
        torch.testing.assert_close(found, selective_scan_update(*inputs))
    assert torch.equal(inputs[0], before)


def depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, activation: str | None) -> Tensor:
    """[batch, channels, length] and [channels, width], the oldest value first."""
    width = weight.shape[1]
    y = conv1d(x, weight[:, None], bias, padding=width - 1, groups=len(weight))[..., : x.shape[2]]
    return silu(y) if activation == "silu" else y


@pytest.mark.parametrize("channels", [6, 16])
@pytest.mark.parametrize("activated", [True, False], ids=["silu", "none"])
def test_convolution_of_causal_conv1d_gets_time_last(
    stand_ins: Callable[[str, str, Any], None], channels: int, activated: bool
) -> None:
    strides = []

    def noting(x: Tensor, weight: Tensor, bias: Tensor | None, activation: str | None = None) -> Tensor:
        strides.append(x.stride())
        return depthwise(x, weight, bias, activation)

    stand_ins("causal_conv1d", "causal_conv1d_fn", noting)
    inputs = inputs_of("causal_conv1d", batch=2, length=8, channels=channels, width=4, silu=activated)
    definition = reference_of("causal_conv1d")
    found = values_and_gradients(adapter("causal_conv1d", "causal_conv1d"), inputs)
    torch.testing.assert_close(found, values_and_gradients(definition, inputs), atol=1e-5, rtol=1e-4)
    # Channels last as they are where eight fit, else turned round.
    assert strides == [(8 * 16, 1, 16) if channels == 16 else (8 * 6, 8, 1)]


def test_convolution_of_fla_gets_the_oldest_value_first(stand_ins: Callable[[str, str, Any], None]) -> None:
    def of_fla(x: Tensor, weight: Tensor, bias: Tensor | None, activation: str | None) -> tuple[Tensor, None]:
        return depthwise(x.mT, weight, bias, activation).mT, None

    stand_ins("fla.modules.causal_conv1d", "causal_conv1d", of_fla)
    inputs = inputs_of("causal_conv1d", batch=2, length=8, channels=6, width=3)
    found = values_and_gradients(adapter("causal_conv1d", "fla"), inputs)
    expected = values_and_gradients(reference_of("causal_conv1d"), inputs)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_update_of_causal_conv1d_changes_a_copy(stand_ins: Callable[[str, str, Any], None]) -> None:
    def in_place(x, state, weight, bias, activation):  # type: ignore[no-untyped-def]
        window = torch.cat((state, x[..., None]), dim=2)  # [B, D, W]
        state.copy_(window[..., 1:])
        y = (window * weight).sum(2) + bias
        return silu(y) if activation == "silu" else y

    stand_ins("causal_conv1d", "causal_conv1d_update", in_place)
    inputs = inputs_of("causal_conv1d_update", batch=2, channels=6, width=4)
    before = inputs[0].detach().clone()
    with torch.no_grad():
        found = adapter("causal_conv1d_update", "causal_conv1d")(*inputs)
        torch.testing.assert_close(found, reference_of("causal_conv1d_update")(*inputs))
    assert torch.equal(inputs[0], before)


@pytest.mark.parametrize(
    ("op", "size"),
    [("causal_conv1d", {"length": 8}), ("causal_conv1d_update", {})],
    ids=["sequence", "step"],
)
def test_widths_that_causal_conv1d_lacks_are_refused(
    stand_ins: Callable[[str, str, Any], None], op: str, size: dict[str, int]
) -> None:
    stand_ins("causal_conv1d", "causal_conv1d_fn", depthwise)
    inputs = inputs_of(op, batch=1, channels=8, width=5, **size)
    with pytest.raises(UnsupportedError, match=rf"widths of 2 to 4 and weight has 5; use kernel={op}\.torch"):
        adapter(op, "causal_conv1d")(*inputs)


def test_mambapy_takes_lengths_that_are_no_power_of_two() -> None:
    inputs = inputs_of("selective_scan", batch=2, length=37, channels=5, states=3, initial_state=True)
    found = values_and_gradients(adapter("selective_scan", "mambapy"), inputs)
    torch.testing.assert_close(found, values_and_gradients(reference.selective_scan, inputs), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("op", ["selective_scan", "causal_conv1d", "selective_scan_update", "causal_conv1d_update"])
def test_no_peer_is_taken_by_itself(op: str) -> None:
    ranks = {spec.name: spec.auto_rank for spec in plugin.harness_kernels() if spec.op == op}
    ours = {"reference", "torch", "cpu", "triton", "cuda"}
    assert {name for name, rank in ranks.items() if rank < 0} == ranks.keys() - ours


def reference_of(op: str) -> Callable[..., Any]:
    (spec,) = (spec for spec in plugin.harness_kernels() if (spec.op, spec.name) == (op, "reference"))
    return spec.implementation.load()
