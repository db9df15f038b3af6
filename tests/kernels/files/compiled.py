"""Run by test_compiling.py in a process of its own, without TRITON_INTERPRET."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from triton.backends.compiler import GPUTarget
from triton.compiler.compiler import make_backend
from triton.runtime.jit import create_function_from_signature

from harness.errors import CompileError, UsageError
from harness.kernels.triton.compiling import Specialization, compile_recorded, specialize
from harness.kernels.triton.launching import Argument, TritonLaunch, launch, launching_with
from harness.kernels.triton.recording import Recorder

sys.path.insert(0, str(Path(__file__).parent))

from kernel_samples import blocks


def _launch(*arguments: Argument, kernel: object = blocks.scale, **constants: object) -> TritonLaunch:
    return TritonLaunch(kernel, (1,), arguments, 4, 2, constants)


@pytest.fixture(scope="module")
def meta() -> Tensor:
    return torch.empty(4, 32, device="meta")


def test_compiles_for_every_architecture(meta: Tensor) -> None:
    compiled = compile_recorded([_launch(meta, meta, 100, 2.0, BLOCK=128)], [80, 90, 100])
    assert [one.arch for one in compiled] == [80, 90, 100]
    assert [one.cubin[:4] for one in compiled] == [b"\x7fELF"] * 3
    assert [f".target sm_{one.arch}" in one.ptx for one in compiled] == [True] * 3
    assert all(0 < one.registers < 64 for one in compiled)
    assert {(one.stack_bytes, one.local_bytes, one.shared_bytes) for one in compiled} == {(0, 0, 0)}


def test_shared_memory_of_a_scan_is_reported(meta: Tensor) -> None:
    (one,) = compile_recorded(
        [_launch(meta, meta, meta, kernel=blocks.fold, ROWS=128, COLUMNS=16)],
        [90],
    )
    assert one.shared_bytes > 0


def test_equal_launches_compile_once(meta: Tensor) -> None:
    same = [_launch(meta, meta, n, 2.0, BLOCK=128) for n in (99, 101)]
    other = [_launch(meta, meta, 112, 2.0, BLOCK=128), _launch(meta.half(), meta, 99, 2.0, BLOCK=128)]
    assert len(compile_recorded([*same, *other], [90])) == 3


def test_failure_carries_the_message_of_triton(meta: Tensor) -> None:
    with pytest.raises(CompileError, match=r"blocks:wrong does not compile for sm_90") as caught:
        compile_recorded([_launch(meta, meta, kernel=blocks.wrong, N=8)], [90])
    assert "tl.store(y + tl.arange(0, N), tl.load(x + tl.arange(0, 2 * N)))" in caught.value.log


def test_arguments_that_do_not_fit_the_kernel_are_refused(meta: Tensor) -> None:
    with pytest.raises(UsageError, match=r"blocks:scale: missing a required argument: 'factor'"):
        specialize(_launch(meta, meta, 100, BLOCK=128))


def test_float8_is_refused() -> None:
    x = torch.empty(4, dtype=torch.float8_e5m2, device="meta")
    with pytest.raises(UsageError, match=r"x has dtype torch\.float8_e5m2"):
        specialize(_launch(x, x, 4, 2.0, BLOCK=4))


def _by_the_runtime(launch: TritonLaunch) -> Specialization:
    """The same launch as the runtime sees it, for an H100."""
    backend = make_backend(GPUTarget("cuda", 90, 32))
    bind = create_function_from_signature(launch.kernel.signature, launch.kernel.params, backend)
    options = {"num_warps": launch.num_warps, "num_stages": launch.num_stages}
    bound, specialization, rest = bind(*launch.arguments, **launch.constants, **options)
    _, signature, constants, attributes = launch.kernel._pack_args(
        backend, {**launch.constants, **options}, bound, specialization, rest
    )
    names = list(signature)
    return Specialization(
        signature=signature,
        constants={names[place]: value for (place,), value in constants.items()},
        attributes={place: value for place, value in attributes.items() if value},
    )


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("offset", [0, 1, 16])
def test_tensors_specialize_as_the_runtime_does(dtype: torch.dtype, offset: int) -> None:
    x = torch.zeros(64, dtype=dtype)[offset:]
    launch = _launch(x, x, 5, 2.0, BLOCK=32)
    assert specialize(launch) == _by_the_runtime(launch)


SCALARS = {
    "one": (1, 1, 1),
    "small": (7, -1, 0),
    "divisible": (16, 32, -48),
    "wide": (2**31, 2**31 - 1, -(2**31)),
    "widest": (2**63, 2**40 + 1, 5),
}


@pytest.mark.parametrize("integers", SCALARS.values(), ids=SCALARS)
@pytest.mark.parametrize("nothing", [None, torch.zeros(4)], ids=["none", "tensor"])
def test_scalars_specialize_as_the_runtime_does(integers: tuple[int, int, int], nothing: Tensor | None) -> None:
    one, wide, plain = integers
    launch = _launch(torch.zeros(64), one, wide, True, 0.5, nothing, one, plain, kernel=blocks.mixed)
    assert specialize(launch) == _by_the_runtime(launch)


def test_fake_tensors_are_recorded_and_compiled() -> None:
    recorder = Recorder()
    with FakeTensorMode(), launching_with(recorder):
        x = torch.empty(100, device="cuda" if torch.cuda.is_available() else "cpu")
        launch(blocks.scale, (1,), x, torch.empty_like(x), 100, 2.0, BLOCK=128)
    (one,) = compile_recorded(recorder.recorded, [90])
    assert one.specialization.signature["x"] == "*fp32"


def test_tensor_on_the_cpu_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Triton kernels run on CUDA devices; .*blocks:scale got a tensor on cpu"):
        launch(blocks.scale, (1,), torch.zeros(4), torch.zeros(4), 4, 2.0, BLOCK=4)
