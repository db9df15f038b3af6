"""Weighted sums over the modes of 1 / den at every frequency: the cost of S4's kernel.

Legend: den[d, n, f] = (c a)^2 - (s - c w)(s + c w) + 2 i s c a, with a, w of feature d and mode n and with s, c of
frequency f.
The array of all reciprocals, [D, M, F], is made for a few features at a time and made again in the backward pass, so
memory grows with D (M + F) and not with D M F.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

# Reciprocals that are held at once: 1 MiB of complex float32, which stays in a core's cache.
CHUNK = 2**17


def reciprocal_sums(
    weights: Float[Tensor, "features rows modes"],
    a: Float[Tensor, "features modes"],
    w: Float[Tensor, "features modes"],
    s: Float[Tensor, " frequencies"],
    c: Float[Tensor, " frequencies"],
) -> Float[Tensor, "features rows frequencies 2"]:
    """sum_n weights[d, k, n] / den[d, n, f], differentiable once in `weights`, `a` and `w`."""
    return _ReciprocalSums.apply(weights, a, w, s, c)  # type: ignore[no-any-return]


def _reciprocals(a: Tensor, w: Tensor, s: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    cw = w[..., None] * c  # [D, M, F]
    # Factored, because near resonance s^2 and (c w)^2 nearly cancel.
    den_re = torch.addcmul(a.square()[..., None] * c.square(), s - cw, s + cw, value=-1)
    minus_den_im = a[..., None] * (-2 * s * c)
    scale = torch.addcmul(den_re.square(), minus_den_im, minus_den_im).reciprocal_()
    return den_re.mul_(scale), minus_den_im.mul_(scale)


def _chunks(num_features: int, elements_a_feature: int) -> list[slice]:
    size = max(1, CHUNK // elements_a_feature)
    return [slice(start, start + size) for start in range(0, num_features, size)]


class _ReciprocalSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, weights: Tensor, a: Tensor, w: Tensor, s: Tensor, c: Tensor) -> Tensor:
        ctx.save_for_backward(weights, a, w, s, c)
        sums = weights.new_empty(*weights.shape[:2], s.shape[0], 2)
        for part in _chunks(a.shape[0], a.shape[1] * s.shape[0]):
            q_re, q_im = _reciprocals(a[part], w[part], s, c)
            sums[part, ..., 0] = torch.bmm(weights[part], q_re)
            sums[part, ..., 1] = torch.bmm(weights[part], q_im)
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        weights, a, w, s, c = ctx.saved_tensors  # type: ignore[attr-defined]
        weights_grad, a_grad, w_grad = torch.empty_like(weights), torch.empty_like(a), torch.empty_like(w)
        c_squared, twice_sc = c.square(), 2 * s * c
        for part in _chunks(a.shape[0], a.shape[1] * s.shape[0]):
            q_re, q_im = _reciprocals(a[part], w[part], s, c)
            up_re, up_im = upstream[part, ..., 0], upstream[part, ..., 1]
            weights_grad[part] = torch.bmm(up_re, q_re.mT) + torch.bmm(up_im, q_im.mT)
            q_re_grad = torch.bmm(weights[part].mT, up_re)
            q_im_grad = torch.bmm(weights[part].mT, up_im)
            # q = 1 / den, so the gradient of den is -conj(q^2) times that of q.
            half_square_im = q_re * q_im
            square_re = torch.addcmul(q_re.square_(), q_im, q_im, value=-1)
            den_re_grad = torch.addcmul(q_re_grad * square_re, q_im_grad, half_square_im, value=2)
            den_im_grad = torch.addcmul(q_im_grad.mul_(square_re), q_re_grad, half_square_im, value=-2)
            along_c = -2 * (den_re_grad @ c_squared)
            a_grad[part] = a[part] * along_c - den_im_grad @ twice_sc
            w_grad[part] = w[part] * along_c
        return weights_grad, a_grad, w_grad, None, None
