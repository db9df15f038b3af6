"""The check of a kernel: everything that must hold before its speed means anything.

Each property is a function that raises `CheckFailed` with its name. They run for every size and dtype of an op;
`PROPERTIES` lists them, and what a check counts is one property at one size in one dtype.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from harness.errors import CompileError, HarnessError, KernelError, UnsupportedError
from harness.kernels.comparing import (
    LARGEST_ELEMENT,
    ROUNDING,
    SHARE_OF_EAGER,
    Found,
    exact,
    make_arguments,
    relative_error,
    values_and_gradients,
)
from harness.kernels.cuda import recording as cuda_recording
from harness.kernels.cuda import sources
from harness.kernels.subjects import Subject
from harness.kernels.triton import launching
from harness.kernels.triton import recording as triton_recording
from harness.specs import Backend

ALLOCATES_OR_MOVES = frozenset(
    """
    _reshape_alias _to_copy _unsafe_view alias arange as_strided cat clone constant_pad_nd copy_ detach empty empty_like
    empty_strided expand fill_ flatten full full_like lift_fresh narrow new_empty new_empty_strided new_full new_ones
    new_zeros ones ones_like permute reshape select slice split split_with_sizes squeeze stack sum t transpose unbind
    unsqueeze view view_as_complex view_as_real zero_ zeros zeros_like
    """.split()  # noqa: SIM905
)
"""Functions of torch that a kernel of our own may call beside its launches: they compute nothing but sums."""


class CheckFailed(Exception):
    """A kernel lacks a property that a check asks for."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """How a kernel did at one size in one dtype. `passed` names the properties that held."""

    op: str
    kernel: str
    size: Mapping[str, Any]
    dtype: str
    status: str
    reason: str
    log: str
    passed: tuple[str, ...]
    value_error: float | None
    gradient_error: float | None
    seconds: float


def check(subject: Subject, properties: Sequence[str]) -> CheckResult:
    """Run properties by name, until one does not hold. Whatever a kernel raises becomes the status of the result."""
    started = time.perf_counter()
    status, reason, log = "ok", "", ""
    passed: list[str] = []
    try:
        passed.extend(name for name in properties if PROPERTIES[name](subject) is not False)
    except (CheckFailed, KernelError) as failure:
        status, reason = "failed_check", str(failure)
    except UnsupportedError as error:
        status, reason = "unsupported", str(error)
    except CompileError as error:
        status, reason, log = "error", str(error), error.log
    except HarnessError as error:
        status, reason = "error", str(error)
    except Exception as error:
        status, reason, log = "error", f"{type(error).__name__}: {error}", traceback.format_exc()
    return CheckResult(
        op=subject.kernel.op.name,
        kernel=subject.kernel.spec.name,
        size=subject.size,
        dtype=subject.dtype,
        status=status,
        reason=reason,
        log=log,
        passed=tuple(passed),
        value_error=subject.errors.get(False),
        gradient_error=subject.errors.get(True),
        seconds=time.perf_counter() - started,
    )


def _equal_to_definition(subject: Subject) -> None:
    """Values and every gradient, from outputs that start as NaN, against the definition in float64."""
    _compare("values", subject, subject.first.found, subject.expected)


def _keeps_inputs(subject: Subject) -> None:
    """Nothing is changed that was only given to be read."""
    if subject.first.changed_inputs:
        raise CheckFailed("keeps_inputs", f"input {subject.first.changed_inputs[0]} was changed")


def _launches(subject: Subject) -> bool | None:
    """A Triton or CUDA kernel starts code of its own."""
    backend = subject.kernel.spec.backend
    if backend not in (Backend.TRITON, Backend.CUDA):
        return False
    if not any(launch.backend == str(backend) for launch in subject.first.launches):
        raise CheckFailed("launches", f"no {backend} kernel was started; something else computed the result")
    return None


def _repeats(subject: Subject) -> bool | None:
    """The same inputs give the same bits, also when threads are scheduled otherwise."""
    if not subject.kernel.spec.deterministic:
        return False
    again = subject.call(subject.inputs(), schedule=1)
    for first, second in zip(subject.first.found, again.found, strict=True):
        if not torch.equal(first.tensor, second.tensor):
            share = float((first.tensor != second.tensor).double().mean())
            raise CheckFailed("repeats", f"{first.name} differs between two calls in {share:.1%} of its elements")
    return None


def _strided(subject: Subject) -> None:
    """The same from inputs that are not contiguous."""
    arguments = [
        _with_gaps(value) if isinstance(value, Tensor) and value.dim() else value for value in subject.inputs()
    ]
    _compare("strided", subject, subject.call(arguments).found, subject.expected)


def _reads_inputs(subject: Subject) -> None:
    """New numbers in the same storage give new results: nothing is remembered from an earlier call."""
    arguments = subject.inputs()
    subject.call(arguments)
    fresh = make_arguments(subject.kernel.op, subject.size, subject.seed + 1000, subject.dtype)
    with torch.no_grad():
        for old, new in zip(arguments, fresh, strict=True):
            if isinstance(old, Tensor):
                old.copy_(new)
    expected = values_and_gradients(subject.reference, exact(fresh), subject.with_gradients)
    _compare("reads_inputs", subject, subject.call(arguments).found, expected, limit_by_eager=False)


def _computes_itself(subject: Subject) -> bool | None:
    """Between its launches an operator of our own only allocates, moves and sums."""
    operator = subject.operator
    if operator is None:
        return False
    arguments = [value.detach() if isinstance(value, Tensor) else value for value in subject.inputs()]
    # Launches are only written down: what an emulator computes is not the kernel's.
    cuda, triton = (
        sources.launching_with(cuda_recording.Recorder()),
        launching.launching_with(triton_recording.Recorder()),
    )
    with torch.no_grad(), cuda, triton, _TorchCalls() as calls:
        operator.run_parts(arguments)
    if foreign := sorted(calls.names - ALLOCATES_OR_MOVES - set(subject.kernel.spec.torch_calls)):
        raise CheckFailed(
            "computes_itself",
            f"it computes with torch's {', '.join(foreign)}; a kernel that means to names them in `torch_calls`",
        )
    return None


def _is_a_good_operator(subject: Subject) -> bool | None:
    """`torch.library.opcheck`: schema, fake implementation, autograd registration, AOT dispatch."""
    operator = subject.operator
    if operator is None:
        return False
    arguments = subject.inputs()
    if not subject.with_gradients:
        arguments = tuple(value.detach() if isinstance(value, Tensor) else value for value in arguments)
    with subject.emulation(0):
        try:
            torch.library.opcheck(operator.operator, operator.complete(arguments))
        except (AssertionError, RuntimeError) as error:
            raise CheckFailed("opcheck", str(error).strip().splitlines()[0]) from error
    return None


PROPERTIES: Mapping[str, Callable[[Subject], bool | None]] = {
    "values": _equal_to_definition,
    "keeps_inputs": _keeps_inputs,
    "launches": _launches,
    "repeats": _repeats,
    "strided": _strided,
    "reads_inputs": _reads_inputs,
    "computes_itself": _computes_itself,
    "opcheck": _is_a_good_operator,
}
"""By name, in the order in which they run. One that does not apply to a kernel returns False and is not counted."""


def _compare(
    name: str, subject: Subject, found: Sequence[Found], expected: Sequence[Found], limit_by_eager: bool = True
) -> None:
    hard = subject.kernel.op.tolerances[subject.dtype]
    eager = subject.eager if limit_by_eager else expected
    for got, want, plain in zip(found, expected, eager, strict=True):
        error = relative_error(got.tensor, want.tensor)
        most = hard[want.is_gradient]
        limit = most
        if limit_by_eager:
            own = relative_error(plain.tensor, want.tensor).norm
            share = SHARE_OF_EAGER[want.is_gradient]
            limit = min(most, max(ROUNDING[subject.dtype] * (1 + want.is_gradient), share * own))
        before = subject.errors.get(want.is_gradient, 0.0)
        subject.errors[want.is_gradient] = max(before, error.norm)
        if not error.norm <= limit:
            raise CheckFailed(name, f"{want.name} is off by {error.norm:.1e}; {limit:.1e} is allowed")
        if not error.largest <= LARGEST_ELEMENT * most:
            raise CheckFailed(
                name,
                f"one element of {want.name} is off by {error.largest:.1e}; {LARGEST_ELEMENT * most:.1e} is allowed",
            )


def _with_gaps(tensor: Tensor) -> Tensor:
    """The same numbers with every other place of the storage left out, and NaN there."""
    storage = torch.full((*tensor.shape, 2), float("nan"), device=tensor.device).to(tensor.dtype)
    spread = storage[..., 0]
    with torch.no_grad():
        spread.copy_(tensor)
    return spread.detach().requires_grad_(tensor.requires_grad)


class _TorchCalls(TorchDispatchMode):
    """Notes which functions of torch are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))
