"""The Vandermonde product by two short factors: exp((qT + r) a) = exp(qT a) exp(r a).

With T near the square root of L this never holds [D, M, L]: two tables of about sqrt(L) powers a mode, and one real
matrix product a feature that does the rest. The tables are themselves products of two shorter ones, made for a few
features at a time so that they stay in the cache. The gradient is written out, since it is two more such products: with
g the gradient of K and z = exp(dt A),
    S0 = sum_l g_l z^l,   S1 = sum_l l g_l z^l,   gC = 2 conj(S0),   g(dt A) = 2 conj(C S1).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn.functional import pad

from harness_s4.s4d_kernel.op import check_arguments

# Complex powers that are held at once: 1 MiB in float32, which stays in a core's cache.
CHUNK = 2**17


def s4d_kernel(
    dt: Float[Tensor, " features"],
    A: Float[Tensor, "features modes 2"],
    C: Float[Tensor, "features modes 2"],
    length: int,
) -> Float[Tensor, "features length"]:
    """K[d, l] = 2 Re sum_n C[d, n] exp(l dt[d] A[d, n])."""
    check_arguments(dt, A, C, length)
    return _Vandermonde.apply(dt, A.contiguous(), C.contiguous(), length)  # type: ignore[no-any-return]


class _Vandermonde(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, dt: Tensor, A: Tensor, C: Tensor, length: int) -> Tensor:
        ctx.save_for_backward(dt, A, C)  # type: ignore[attr-defined]
        Q, T = factors(length)
        K = dt.new_empty(len(dt), Q, T)
        for part in _parts(A, Q + T):
            long, short = _tables(dt[part], A[part], Q, T)
            weighted = _pairs(long * torch.view_as_complex(2 * C[part])[:, None])
            # Re(u v) is the product of the pairs of conj(u) and v.
            weighted[..., 1::2].neg_()
            torch.bmm(weighted, _pairs(short).mT, out=K[part])
        return K.flatten(1)[:, :length]

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        dt, A, C = ctx.saved_tensors  # type: ignore[attr-defined]
        Q, T = factors(upstream.shape[1])
        missing = Q * T - upstream.shape[1]
        g = (pad(upstream, (0, missing)) if missing else upstream).reshape(-1, Q, T)
        lags = torch.arange(max(Q, T), dtype=A.dtype, device=A.device)
        sums = A.new_empty(2, *A.shape)
        for part in _parts(A, Q + T):
            long, short = _tables(dt[part], A[part], Q, T)
            along_q = _pairs(_modes(torch.bmm(g[part], _pairs(short))).mul_(long))  # [D, Q, 2M]
            along_r = _pairs(_modes(torch.bmm(g[part].mT, _pairs(long))).mul_(short))  # [D, T, 2M]
            sums[0, part] = along_q.sum(1).view_as(A[part])
            sums[1, part] = (T * (lags[:Q] @ along_q) + lags[:T] @ along_r).view_as(A[part])
        S0, S1 = torch.view_as_complex(sums)
        rates_grad = torch.view_as_real(torch.view_as_complex(2 * C).conj() * S1.conj())
        C_grad = torch.view_as_real((2 * S0).conj().resolve_conj())
        return (A * rates_grad).sum((1, 2)), dt[:, None, None] * rates_grad, C_grad, None


def factors(length: int) -> tuple[int, int]:
    """How many long lags 0, T, 2T, ... and how many short ones 0 .. T - 1 make up `length` or a few more."""
    short = 1 << ((length - 1).bit_length() + 1) // 2
    return -(-length // short), short


def _parts(A: Tensor, powers_a_mode: int) -> list[slice]:
    size = max(1, CHUNK // (powers_a_mode * A.shape[1]))
    return [slice(start, start + size) for start in range(0, len(A), size)]


def _tables(dt: Tensor, A: Tensor, Q: int, T: int) -> tuple[Tensor, Tensor]:
    """exp(qT a) and exp(r a) as [D, Q, M] and [D, T, M]."""
    # Phases of many turns keep their digits in float64 until whole turns are taken out.
    rates = dt[:, None, None].double() * A
    return _powers(rates, Q, T, A.dtype), _powers(rates, T, 1, A.dtype)


def _powers(
    rates: Float[Tensor, "features modes 2"], count: int, step: int, dtype: torch.dtype
) -> Complex[Tensor, "features powers modes"]:
    """exp(i step a) for i < `count`, as products of about 2 sqrt(count) exponentials."""
    fine = 1 << (count - 1).bit_length() // 2
    coarse = -(-count // fine)
    lags = torch.arange(coarse + fine, dtype=torch.float64, device=rates.device)
    lags = step * torch.where(lags < coarse, lags * fine, lags - coarse)
    decay, angle = (part[:, None] * lags[:, None] for part in rates.unbind(-1))
    if dtype != torch.float64:
        angle = angle.remainder(2 * math.pi)
    powers = torch.polar(torch.exp(decay.to(dtype)), angle.to(dtype))  # [D, coarse + fine, M]
    return (powers[:, :coarse, None] * powers[:, None, coarse:]).flatten(1, 2)[:, :count]


def _pairs(modes: Complex[Tensor, "features lags modes"]) -> Float[Tensor, "features lags pairs"]:
    return torch.view_as_real(modes).flatten(-2)


def _modes(pairs: Float[Tensor, "features lags pairs"]) -> Complex[Tensor, "features lags modes"]:
    return torch.view_as_complex(pairs.unflatten(-1, (-1, 2)))
