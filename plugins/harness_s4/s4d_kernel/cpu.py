"""`s4d_kernel` for CPUs: the tables of powers by machine code that numba makes, the products of them by torch.

Powers that follow each other cost one product each and no exponential, and the tables of a few features at a time stay
in the cache; the matrix products that remain run at the speed of the CPU's library. Equations as in `parallel`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from harness.errors import UnsupportedError
from harness.kernels.operators import Operator
from harness_s4.s4d_kernel.loops import compiled, fill_gradients, fill_tables, weigh
from harness_s4.s4d_kernel.op import check_arguments
from harness_s4.s4d_kernel.parallel import factors

# Numbers in the tables that are held at once: half a MiB in float32, for which a second-level cache has room.
CHUNK = 2**17


def check(dt: Tensor, A: Tensor, C: Tensor, length: int) -> None:
    check_arguments(dt, A, C, length)
    if A.device.type != "cpu":
        raise UnsupportedError(
            f"s4d_kernel: A is on {A.device}; the kernel cpu runs on the CPU; use kernel=s4d_kernel.torch"
        )


def allocate(dt: Tensor, A: Tensor, C: Tensor, length: int) -> Tensor:
    return dt.new_empty(dt.shape[0], length)


def forward(dt: Tensor, A: Tensor, C: Tensor, length: int, K: Tensor) -> None:
    Q, T = factors(length)
    dt, A, C = dt.contiguous(), A.contiguous(), C.contiguous()
    target = K if length == Q * T else K.new_empty(len(K), Q * T)
    for part in _parts(A, Q + T):
        long, short = _tables(dt[part], A[part], Q, T)
        compiled(weigh, A.dtype)(*_arrays(long, C[part]))
        torch.bmm(long, short.mT, out=target[part].view(-1, Q, T))
    if target is not K:
        K.copy_(target[:, :length])


def backward(dt: Tensor, A: Tensor, C: Tensor, length: int, gK: Tensor, gdt: Tensor, gA: Tensor, gC: Tensor) -> None:
    Q, T = factors(length)
    dt, A, C = dt.contiguous(), A.contiguous(), C.contiguous()
    g = (pad(gK, (0, Q * T - length)) if length < Q * T else gK).view(-1, Q, T)
    for part in _parts(A, Q + T):
        long, short = _tables(dt[part], A[part], Q, T)
        along_short, along_long = torch.bmm(g[part], short), torch.bmm(g[part].mT, long)
        inputs = (dt[part], A[part], C[part], long, short, along_short, along_long)
        compiled(fill_gradients, A.dtype)(*_arrays(*inputs, gdt[part], gA[part], gC[part]))


def _parts(A: Tensor, powers_a_mode: int) -> list[slice]:
    size = max(1, CHUNK // (2 * powers_a_mode * A.shape[1]))
    return [slice(start, start + size) for start in range(0, len(A), size)]


def _tables(dt: Tensor, A: Tensor, Q: int, T: int) -> tuple[Tensor, Tensor]:
    features, modes, _ = A.shape
    long, short = A.new_empty(features, Q, 2 * modes), A.new_empty(features, T, 2 * modes)
    compiled(fill_tables, A.dtype)(*_arrays(dt, A, long, short))
    return long, short


def _arrays(*tensors: Tensor) -> list[object]:
    return [tensor.detach().numpy() for tensor in tensors]


s4d_kernel = Operator("s4d_kernel_cpu", allocate=allocate, forward=forward, backward=backward, check=check)
