"""Run by test_attention.py in a process of its own, with TRITON_INTERPRET=1."""

from __future__ import annotations

import pytest
import torch

from harness.errors import UnsupportedError
from harness.kernels.triton import interpreting
from harness.kernels.triton.launching import launching_with
from harness.kernels.triton.recording import Recorder
from harness_sequence.attention import reference
from harness_sequence.attention.triton import attention

interpreting.install()


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("d_key", "d_value", "dtype"),
    [(129, 8, torch.float32), (8, 200, torch.float32), (8, 8, torch.float64)],
    ids=["d_key", "d_value", "float64"],
)
def test_what_it_cannot_take_is_named_with_the_way_out(d_key: int, d_value: int, dtype: torch.dtype) -> None:
    q, v = torch.zeros(1, 1, 4, d_key, dtype=dtype), torch.zeros(1, 1, 4, d_value, dtype=dtype)
    with pytest.raises(
        UnsupportedError, match=r"attention.triton takes heads of at most 128 .* kernel=attention.torch"
    ):
        attention(q, q, v, True, None)


@pytest.mark.parametrize("causal", [True, False], ids=["causal", "full"])
def test_keys_in_blocks_beyond_the_window_are_not_read(causal: bool) -> None:
    q, k, v = draw(1, 2, 6, 8), draw(1, 2, 300, 8, seed=1), draw(1, 2, 300, 8, seed=2)
    expected = reference.attention(q, k[:, :, 256:], v[:, :, 256:], causal, 20)
    k[:, :, :256] = v[:, :, :256] = torch.nan
    inputs = [x.requires_grad_() for x in (q, k, v)]
    found = attention(*inputs, causal, 20)
    torch.testing.assert_close(found, expected)
    _, dk, dv = torch.autograd.grad(found.sum(), inputs)
    assert not dk[:, :, :256].any()
    assert not dv[:, :, :256].any()
    assert dk.isfinite().all()
    assert dv.isfinite().all()


# Rows that do see what is not a number are not looked at.
@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_causal_queries_do_not_read_later_blocks() -> None:
    q, k, v = (draw(1, 1, 192, 8, seed=seed) for seed in range(3))
    k[:, :, 128:] = v[:, :, 128:] = torch.nan
    expected = reference.attention(q[:, :, :128], k[:, :, :128], v[:, :, :128], True, None)
    torch.testing.assert_close(attention(q, k, v, True, None)[:, :, :128], expected)


def test_views_into_a_joint_projection_are_read_where_they_lie() -> None:
    q, k, v = draw(2, 21, 3 * 4 * 8).unflatten(2, (3, 4, 8)).permute(2, 0, 3, 1, 4)
    recorder = Recorder()
    with launching_with(recorder):
        attention(q, k, v, True, None)
    assert [x.data_ptr() for x in recorder.recorded[0].arguments[:3]] == [x.data_ptr() for x in (q, k, v)]
    torch.testing.assert_close(attention(q, k, v, True, None), reference.attention(q, k, v, True, None))
