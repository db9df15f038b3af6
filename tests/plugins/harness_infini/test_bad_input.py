"""What both ops refuse: each message names the op, the argument and what was expected."""

import pytest
import torch

from harness.errors import UnsupportedError, UsageError
from harness_infini.infini_attention.op import check_arguments as check_attention
from harness_infini.infini_memory.op import check_arguments as check_memory
from harness_infini.rows import check_widths

ROWS = (2, 3, 8, 4)


def attention_arguments(**changed):
    """local_q, local_k, q, k, v, beta, segment_length, memory."""
    arguments = {name: torch.zeros(ROWS) for name in ("local_q", "local_k", "q", "k", "v")}
    arguments |= {"beta": torch.zeros(3), "segment_length": 4, "memory": "linear"}
    return tuple((arguments | changed).values())


def memory_arguments(**changed):
    """q, k, v, M, z, memory."""
    arguments = {name: torch.zeros(ROWS) for name in ("q", "k", "v")}
    arguments |= {"M": torch.zeros(2, 3, 4, 4), "z": torch.zeros(2, 3, 4), "memory": "linear"}
    return tuple((arguments | changed).values())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"segment_length": 0}, "infini_attention: segment_length=0; a segment has at least one token"),
        ({"segment_length": -3}, "infini_attention: segment_length=-3"),
        ({"memory": "sum"}, "infini_attention: memory='sum'; the rules to write by are linear and delta"),
        ({"local_k": torch.zeros(2, 3, 9, 4)}, r"infini_attention: local_k has the shape \(2, 3, 9, 4\)"),
        ({"q": torch.zeros(2, 3, 8, 5)}, r"infini_attention: q has the shape \(2, 3, 8, 5\)"),
        ({"v": torch.zeros(2, 1, 8, 4)}, r"infini_attention: v has the shape \(2, 1, 8, 4\)"),
        ({"local_q": torch.zeros(2, 3, 0, 4)}, "infini_attention: local_q has the shape .* none of them empty"),
        ({"k": torch.zeros(3, 8, 4)}, r"infini_attention: k has the shape \(3, 8, 4\)"),
        ({"v": torch.zeros(ROWS).double()}, "infini_attention: v is torch.float64"),
        ({"q": torch.zeros(ROWS, device="meta")}, "infini_attention: q is torch.float32 on meta"),
        ({"k": torch.zeros(ROWS).int()}, "infini_attention: k is torch.int32"),
        ({"beta": torch.zeros(2)}, r"infini_attention: beta is \(2,\).* one number for each of 3 heads"),
        ({"beta": torch.zeros(3).half()}, "infini_attention: beta is .*torch.float16"),
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else "",
)
def test_infini_attention_refuses(changed, message):
    with pytest.raises(UsageError, match=message):
        check_attention(*attention_arguments(**changed))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"memory": "Delta"}, "infini_memory: memory='Delta'"),
        ({"k": torch.zeros(2, 3, 7, 4)}, r"infini_memory: k has the shape \(2, 3, 7, 4\)"),
        ({"M": torch.zeros(2, 3, 4, 5)}, r"infini_memory: M is \(2, 3, 4, 5\).*the memory is \(2, 3, 4, 4\)"),
        ({"z": torch.zeros(2, 3, 5)}, r"infini_memory: z is \(2, 3, 5\).*the memory is \(2, 3, 4\)"),
        ({"M": torch.zeros(2, 3, 4, 4).half()}, "infini_memory: M is .*torch.float16.*torch.float32"),
        ({"z": torch.zeros(2, 3, 4, device="meta")}, "infini_memory: z is .*on meta"),
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else "",
)
def test_infini_memory_refuses(changed, message):
    with pytest.raises(UsageError, match=message):
        check_memory(*memory_arguments(**changed))


def test_right_arguments_pass():
    check_attention(*attention_arguments(v=torch.zeros(2, 3, 8, 7)))
    check_attention(*(x.half() if isinstance(x, torch.Tensor) and x.dim() == 4 else x for x in attention_arguments()))
    check_memory(*memory_arguments())


@pytest.mark.parametrize(("d_key", "d_value"), [(129, 16), (16, 129)])
@pytest.mark.parametrize("kernel", ["infini_attention.triton", "infini_memory.cuda"])
def test_kernels_refuse_heads_that_are_too_wide_and_say_what_takes_them(kernel, d_key, d_value):
    q, v = torch.zeros(1, 1, 2, d_key), torch.zeros(1, 1, 2, d_value)
    op = kernel.partition(".")[0]
    with pytest.raises(UnsupportedError, match=rf"{kernel} takes heads of at most 128 .*; use kernel={op}.torch"):
        check_widths(kernel, q, v)


def test_kernels_refuse_double_precision():
    rows = torch.zeros(1, 1, 2, 16, dtype=torch.float64)
    with pytest.raises(UnsupportedError, match=r"torch\.float64; use kernel=infini_memory\.torch"):
        check_widths("infini_memory.cuda", rows, rows)
