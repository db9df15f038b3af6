from __future__ import annotations

import pytest

from harness.errors import CompileError
from harness.kernels.cuda.resources import Resources, parse_resources

# What NVRTC wrote for a template that calls a function without inlining it, and for a kernel that spills.
LOG = """\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z1fIfLi128EEvPKT_PS0_i' for 'sm_80'
ptxas info    : Function properties for _Z1fIfLi128EEvPKT_PS0_i
ptxas         .     160 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 30 registers, used 1 barriers, 160 bytes cumulative stack size, 512 bytes smem, 372 bytes cmem[0]
ptxas info    : Compile time = 8.337 ms
ptxas info    : Function properties for _Z5twistfi
ptxas         .     16 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads
ptxas info    : Compiling entry function 'h' for 'sm_80'
ptxas info    : Function properties for h
ptxas         .     736 bytes stack frame, 704 bytes spill stores, 728 bytes spill loads
ptxas info    : Used 32 registers, used 0 barriers, 736 bytes cumulative stack size, 364 bytes cmem[0]
ptxas info    : Compile time = 17.728 ms
"""
# As ptxas itself writes it, and as it did before barriers and stack sizes were told.
PLAIN = """\
ptxas info    : Compiling entry function 'f' for 'sm_90'
ptxas info    : Function properties for f
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 255 registers, 384 bytes cmem[0]
"""
TEMPLATE = "_Z1fIfLi128EEvPKT_PS0_i"


def test_functions_that_are_called_count_for_their_kernel() -> None:
    assert parse_resources(LOG, TEMPLATE) == Resources(
        registers=30, spill_store_bytes=8, spill_load_bytes=4, stack_bytes=160, static_shared_bytes=512
    )


def test_kernel_of_several_is_found_by_its_name() -> None:
    assert parse_resources(LOG, "h") == Resources(
        registers=32, spill_store_bytes=704, spill_load_bytes=728, stack_bytes=736, static_shared_bytes=0
    )


def test_plain_log_is_understood() -> None:
    assert parse_resources(PLAIN, "f") == Resources(
        registers=255, spill_store_bytes=0, spill_load_bytes=0, stack_bytes=0, static_shared_bytes=0
    )


@pytest.mark.parametrize(("log", "symbol"), [(LOG, "twist"), (LOG, "H"), ("", "h")])
def test_kernel_that_the_log_does_not_have_is_an_error(log: str, symbol: str) -> None:
    with pytest.raises(CompileError, match="does not have the registers") as caught:
        parse_resources(log, symbol)
    assert caught.value.log == log
