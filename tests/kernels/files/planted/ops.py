"""The op's definition and its kernels: one is right, each of the others has the fault that its name says."""

import itertools

import torch
from torch import Tensor

from harness.kernels.cuda.sources import CudaSource
from harness.kernels.cuda.types import TYPES
from harness.kernels.operators import Operator

SOURCE = CudaSource("planted", "planted.cu")
BROKEN = CudaSource("planted", "broken.cu")


def make_inputs(size, generator, dtype):
    return (torch.randn(size["n"], generator=generator, dtype=dtype).requires_grad_(),)


def reference(x):
    return x + torch.cat((x[1:], x.new_zeros(1)))


def make_rows(size, generator, dtype):
    return ((torch.rand(4, size["n"], generator=generator, dtype=torch.float64) + 0.5).to(dtype).requires_grad_(),)


def sum_of_rows(x):
    return x.sum(1)


def allocate(x: Tensor) -> Tensor:
    return x.new_empty(x.shape)


def _backward(x, gy, gx):
    # The transpose runs the other way: gx[i] = gy[i] + gy[i - 1].
    gx.copy_(gy)
    gx[1:].copy_(torch.stack((gy[1:], gy[:-1])).sum(0))


def _launch(entry, x, y):
    n = x.shape[0]
    # One block more than needed, as a kernel that stores one too far would have it.
    SOURCE.launch(entry, grid=(n // 128 + 1,), block=(128,), arguments=[x.contiguous(), y, n])


def _operator(name, forward, backward=_backward):
    return Operator(f"planted_{name}", allocate=allocate, forward=forward, backward=backward)


right = _operator("right", lambda x, y: _launch("neighbours<NONE>", x, y))
no_barrier = _operator("no_barrier", lambda x, y: _launch("neighbours<NO_BARRIER>", x, y))
off_by_one = _operator("off_by_one", lambda x, y: _launch("neighbours<OFF_BY_ONE>", x, y))
unwritten = _operator("unwritten", lambda x, y: _launch("neighbours<UNWRITTEN>", x, y))
divergent = _operator(
    "divergent", lambda x, y: SOURCE.launch("divergent", grid=(1,), block=(128,), arguments=[x, y, x.shape[0]])
)


def _changing_forward(x, y):
    _launch("neighbours<NONE>", x, y)
    x.mul_(2.0)


changes_input = _operator("changes_input", _changing_forward)


def _wrong_backward(x, gy, gx):
    _backward(x, gy, gx)
    gx[0] = 0.0


wrong_gradient = _operator("wrong_gradient", lambda x, y: _launch("neighbours<NONE>", x, y), _wrong_backward)
does_not_compile = _operator(
    "does_not_compile", lambda x, y: BROKEN.launch("broken", grid=(1,), block=(32,), arguments=[x, y])
)
REMEMBERED: dict[int, Tensor] = {}


def _cached_forward(x, y):
    if x.data_ptr() not in REMEMBERED:
        _launch("neighbours<NONE>", x, y)
        REMEMBERED[x.data_ptr()] = y.clone()
    y.copy_(REMEMBERED[x.data_ptr()])


cached = _operator("cached", _cached_forward)


def _falling_back(x, y):
    y.copy_(reference(x))


falls_back = _operator("falls_back", _falling_back)


def _mixing(x, y):
    _launch("neighbours<NONE>", x, y)
    y.copy_(reference(x))


mixes = _operator("mixes", _mixing)


CALLS = itertools.count()


def _unequal(x, y):
    _launch("neighbours<NONE>", x, y)
    y[0].copy_(y[0] + next(CALLS) % 3 * 1e-6)


unrepeatable = _operator("unrepeatable", _unequal)


def _rows(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[0])


def _spread(x, gy, gx):
    gx.copy_(gy[:, None].expand_as(gx))


def _row_launch(in_float):
    def forward(x, y):
        entry = f"row_sums<{TYPES[x.dtype]}, {in_float}>"
        SOURCE.launch(entry, grid=(x.shape[0],), block=(32,), arguments=[x.contiguous(), y, x.shape[1]])

    return forward


wide_sum = Operator("planted_wide_sum", allocate=_rows, forward=_row_launch("true"), backward=_spread)
narrow_sum = Operator("planted_narrow_sum", allocate=_rows, forward=_row_launch("false"), backward=_spread)
