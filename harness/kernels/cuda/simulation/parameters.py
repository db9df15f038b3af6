"""Whether the arguments of a launch are what the kernel takes: a device would read other bits in silence."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from harness.errors import UsageError
from harness.kernels.cuda.sources import Argument

_WIDER = {"int64": "ctypes.c_int64", "uint64": "ctypes.c_uint64", "float64": "ctypes.c_double"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a kernel declares; `dtype` is empty for a type without a name in torch, such as a struct or float4."""

    is_pointer: bool
    dtype: str
    size: int

    def __str__(self) -> str:
        return f"{self.dtype or ('something' if self.is_pointer else 'a struct')}{'*' if self.is_pointer else ''}"


def parse_parameters(description: str) -> list[Parameter]:
    """From the words that entry.h writes, such as `*float32:8 int32:4`."""
    parameters = []
    for word in description.split():
        name, _, size = word.rpartition(":")
        parameters.append(Parameter(name.startswith("*"), name.lstrip("*"), int(size)))
    return parameters


def check_arguments(kernel: str, parameters: Sequence[Parameter], arguments: Sequence[Argument]) -> None:
    """A UsageError names the first argument that does not fit."""
    if len(arguments) != len(parameters):
        taken = ", ".join(map(str, parameters))
        raise UsageError(f"kernel {kernel}: {len(arguments)} arguments for {len(parameters)} parameters ({taken})")
    for index, (parameter, argument) in enumerate(zip(parameters, arguments, strict=True)):
        way_out = _mismatch(parameter, argument)
        if way_out:
            raise UsageError(
                f"kernel {kernel}: argument {index} is {_describe(argument)}, its parameter is {parameter}; {way_out}"
            )


def _mismatch(parameter: Parameter, argument: Argument) -> str | None:
    """What to do about an argument that does not fit."""
    if isinstance(argument, Tensor):
        if not parameter.is_pointer:
            return "pass a number"
        return None if _points_to(parameter.dtype, argument) else f"pass a tensor of {parameter.dtype}"
    if argument is None:
        return None if parameter.is_pointer else "only a pointer may be null"
    if isinstance(argument, bool):
        return None if parameter.dtype == "bool" and not parameter.is_pointer else "declare the parameter as bool"
    if isinstance(argument, int):
        return None if str(parameter) in ("int32", "uint32") else f"pass {_WIDER.get(str(parameter), 'what it takes')}"
    if isinstance(argument, float):
        return None if str(parameter) == "float32" else f"pass {_WIDER.get(str(parameter), 'what it takes')}"
    return None if ctypes.sizeof(argument) == parameter.size else f"pass something of {parameter.size} bytes"


def _points_to(dtype: str, tensor: Tensor) -> bool:
    given = str(tensor.dtype).removeprefix("torch.")
    if dtype in ("", given):
        return True
    # Unsigned words stand for raw bits, and a complex tensor for pairs.
    same_bits = dtype.startswith("uint") and int(dtype.removeprefix("uint")) in (8, 8 * tensor.itemsize)
    pairs = {"complex64": "float32", "complex128": "float64"}.get(given) == dtype
    return same_bits or pairs or {dtype, given} == {"bool", "int8"}


def _describe(argument: Argument) -> str:
    if isinstance(argument, Tensor):
        return f"a tensor of {str(argument.dtype).removeprefix('torch.')}"
    if isinstance(argument, int | float) or argument is None:
        return repr(argument)
    return type(argument).__name__
