"""`attention` by one backend of torch's scaled_dot_product_attention and no other."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from harness.errors import UnsupportedError
from harness_sequence.attention.fused import masking
from harness_sequence.attention.op import check_arguments

REFUSALS = ("No available kernel", "No viable backend")
"""How torch's message begins when no backend that it may use takes the inputs."""


def flash(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
    """FlashAttention as torch carries it. On CUDA it takes no window, and causal queries only as many as keys."""
    return _attention(SDPBackend.FLASH_ATTENTION, q, k, v, causal, window)


def efficient(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
    """The memory-efficient attention of xFormers as torch carries it."""
    return _attention(SDPBackend.EFFICIENT_ATTENTION, q, k, v, causal, window)


def cudnn(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
    """cuDNN's attention."""
    return _attention(SDPBackend.CUDNN_ATTENTION, q, k, v, causal, window)


def math(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
    """Products and a softmax, one after the other."""
    return _attention(SDPBackend.MATH, q, k, v, causal, window)


def _attention(backend: SDPBackend, q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
    check_arguments(q, k, v, causal, window)
    q, k, v = (x if x.stride(3) == 1 else x.contiguous() for x in (q, k, v))
    mask, is_causal = masking(q, k, causal, window)

    def call() -> Tensor:
        with sdpa_kernel([backend]):
            return F.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=is_causal, enable_gqa=q.shape[1] != k.shape[1]
            )

    try:
        return call()
    except (RuntimeError, UserWarning) as error:
        # Where warnings are errors, the first reason is raised in place of the refusal.
        if not isinstance(error, UserWarning) and not str(error).startswith(REFUSALS):
            raise
        raise UnsupportedError(
            f"attention: torch's {backend.name} backend refuses q {tuple(q.shape)}, k {tuple(k.shape)}, v "
            f"{tuple(v.shape)} in {q.dtype} on {q.device}, causal={causal}, window={window}: {_reasons(call)}; use "
            "kernel=attention.torch"
        ) from error


def _reasons(call: Callable[[], Tensor]) -> str:
    """Why torch refuses a call, which it tells in warnings. Listening for them costs time, so a call is repeated."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            call()
        except RuntimeError as error:
            heard_texts = [str(warning.message).split(" (Triggered")[0].strip() for warning in heard]
            return " ".join([*heard_texts, str(error)])
    raise AssertionError("torch refused a call and then took it")
