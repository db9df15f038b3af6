"""The check catches each fault that a kernel can have, by the name of the property that it lacks."""

import pytest
import torch
from kernel_requirements import needs_simulator
from planted import ops

from harness.kernels.checking import PROPERTIES, check
from harness.kernels.emulation import emulation_of
from harness.kernels.loading import Kernel
from harness.kernels.subjects import Subject
from harness.specs import Backend, KernelSpec, OpSpec, Ref

pytestmark = needs_simulator
LIMITS = {"float32": (2e-6, 1e-5), "bfloat16": (5e-3, 1e-2)}


def op(make_inputs):
    return OpSpec(
        name="planted", summary="", make_inputs=Ref(f"planted.ops:{make_inputs}"), sizes=(), tolerances=LIMITS,
        tolerance_reason="",
    )  # fmt: skip


def checked(function, *, n=200, dtype="float32", rows=False, properties=tuple(PROPERTIES), **declared):
    spec = KernelSpec(
        op="planted", name="planted", summary="", implementation=Ref("planted.ops:right"), backend=Backend.CUDA,
        **declared,
    )  # fmt: skip
    subject = Subject(
        kernel=Kernel(op("make_rows" if rows else "make_inputs"), spec, function),
        reference=ops.sum_of_rows if rows else ops.reference,
        size={"n": n},
        dtype=dtype,
        device=torch.device("cpu"),
        seed=0,
        emulation=emulation_of(Backend.CUDA),
    )
    return check(subject, properties)


def test_a_right_kernel_has_every_property():
    result = checked(ops.right)
    assert (result.status, result.reason, result.passed) == ("ok", "", tuple(PROPERTIES))


FAULTS = {
    "no_barrier": (ops.no_barrier, {}, "values"),
    "off_by_one": (ops.off_by_one, {}, "a store to byte 800 of a tensor"),
    "unwritten": (ops.unwritten, {}, "values: output 0 is off by inf"),
    "divergent": (ops.divergent, {"n": 128}, "barrier"),
    "changes_input": (ops.changes_input, {}, "keeps_inputs: input 0 was changed"),
    "wrong_gradient": (ops.wrong_gradient, {}, "values: gradient of input 0"),
    "cached": (ops.cached, {"properties": ("reads_inputs",)}, "reads_inputs: output 0"),
    "falls_back": (ops.falls_back, {}, "launches: no cuda kernel was started"),
    "mixes": (ops.mixes, {}, "computes_itself: it computes with torch's add"),
    "unrepeatable": (ops.unrepeatable, {}, "repeats: output 0 differs between two calls"),
    "narrow_sum": (ops.narrow_sum, {"n": 1024, "dtype": "bfloat16", "rows": True}, "values: output 0 is off by"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_caught(fault):
    function, options, reason = FAULTS[fault]
    result = checked(function, **options)
    assert result.status == "failed_check"
    assert reason in result.reason


def test_a_sum_in_float32_passes_where_one_in_bfloat16_does_not():
    assert checked(ops.wide_sum, n=1024, dtype="bfloat16", rows=True).status == "ok"


def test_torch_calls_that_are_declared_are_allowed():
    assert checked(ops.mixes, torch_calls=("add",)).status == "ok"


def test_a_kernel_that_is_declared_not_deterministic_need_not_repeat():
    result = checked(ops.unrepeatable, deterministic=False, torch_calls=("add",))
    assert result.status == "ok"
    assert "repeats" not in result.passed


def test_a_kernel_that_does_not_compile_leaves_the_compilers_log():
    result = checked(ops.does_not_compile)
    assert result.status == "error"
    assert "broken.cu" in result.reason
    assert "undeclared" in result.log
