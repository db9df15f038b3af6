"""What a call allocates, by the allocator's own events."""

from __future__ import annotations

import bisect
import gc
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._C._autograd import DeviceType
from torch.autograd.profiler import profile

from harness.interfaces import MemoryUse


def measure_memory(call: Callable[[], object], module: nn.Module, device: torch.device) -> MemoryUse:
    """What is allocated when most is, in two more calls of something that was called before; the second counts.

    Counted are the parameters and buffers of the module, what optimisers of these parameters keep, gradients, and all
    that torch's allocator of this device hands out during the call; what else lay there before (the batch, a state) is
    not. Activations are the storages that autograd keeps for the backward pass, each once, without parameters and
    without what lay there before; those that torch's checkpointing makes again in the backward pass are workspace.
    Memory that other libraries allocate, such as NumPy inside a kernel for the CPU, is not seen.
    """
    on_gpu = device.type == "cuda"
    old = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    objects = gc.get_objects()
    gradients = _Gradients([parameter for parameter in module.parameters() if parameter.requires_grad])
    saved = _Saved(ignored=_storages(objects), gradients=gradients)
    parameters = _distinct_bytes([*module.parameters(), *module.buffers()])
    optimizer = _distinct_bytes(_optimizer_state(objects, module))
    del objects
    profiler = profile(profile_memory=True, use_device="cuda" if on_gpu else None)
    with profiler:
        # The allocator does not tell when something is freed that it handed out before, such as the old gradients.
        call()
        kept = _distinct_bytes(_still_there(old, module))
        between = time.time_ns()
        with gradients.watching(), saved.watching():
            call()
    most = _peak(profiler, DeviceType.CUDA if on_gpu else DeviceType.CPU, between)
    # A gradient is told of once it is complete, a kept tensor when it is let go, before its memory is.
    grown, held = gradients.level.at(most.end - 1), saved.level.at(most.start)
    peak = parameters + optimizer + kept + most.num_bytes
    return MemoryUse(
        parameters=parameters,
        gradients=grown,
        optimizer=optimizer,
        activations=held,
        workspace=max(0, peak - parameters - optimizer - grown - held),
        peak=peak,
    )


def _still_there(old: Iterable[Tensor], module: nn.Module) -> list[Tensor]:
    """Those of the old gradients that the parameters still have."""
    now = {id(parameter.grad) for parameter in module.parameters()}
    return [gradient for gradient in old if id(gradient) in now]


@dataclass(frozen=True, slots=True)
class _Peak:
    """The most that the allocator had handed out, and from when to when, in nanoseconds since 1970."""

    num_bytes: int
    start: int
    end: int


def _peak(profiler: profile, device: DeviceType, since: int) -> _Peak:
    """The peak of what the allocator handed out in the profile, from a moment on."""
    found: Any = profiler.kineto_results
    events = sorted(
        (event.start_ns(), event.nbytes())
        for event in found.events()
        if event.name() == "[memory]" and event.device_type() == device
    )
    times = [since, *(at for at, _ in events if at >= since), time.time_ns()]
    levels = [sum(change for at, change in events if at < since)]
    for at, change in events:
        if at >= since:
            levels.append(levels[-1] + change)
    place = levels.index(max(levels))
    return _Peak(levels[place], times[place], times[place + 1])


def _storages(objects: Iterable[object]) -> frozenset[int]:
    """Where the storages of all tensors among these lie."""
    found: Iterable[Any] = (item for item in objects if issubclass(type(item), Tensor))
    return frozenset(tensor.untyped_storage().data_ptr() for tensor in found if _is_plain(tensor))


def _is_plain(tensor: Any) -> bool:
    return type(tensor) in (Tensor, nn.Parameter) and tensor.layout == torch.strided and tensor.device.type != "meta"


def _optimizer_state(objects: Iterable[object], module: nn.Module) -> list[Tensor]:
    """The tensors that optimisers of the module's parameters keep, wherever these are held."""
    trained = {id(parameter) for parameter in module.parameters()}
    optimizers: Iterable[Any] = (item for item in objects if issubclass(type(item), torch.optim.Optimizer))
    return [
        value
        for optimizer in optimizers
        for parameter, state in optimizer.state.items()
        if id(parameter) in trained
        for value in state.values()
        if isinstance(value, Tensor)
    ]


def _distinct_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of the tensors' storages, each once."""
    storages = (tensor.untyped_storage() for tensor in tensors)
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


class _Level:
    """Bytes over time."""

    def __init__(self, start: int = 0) -> None:
        self.now = start
        self._times, self._bytes = [0], [start]

    def set(self, num_bytes: int) -> None:
        self.now = num_bytes
        self._times.append(time.time_ns())
        self._bytes.append(num_bytes)

    def at(self, moment: int) -> int:
        """What it was at a moment, in nanoseconds since 1970."""
        return self._bytes[bisect.bisect_right(self._times, moment) - 1]


class _Gradients:
    """Gradients of parameters, which a step lets go at its start and makes anew."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self._parameters = parameters
        self.level = _Level(self.bytes_now())

    def bytes_now(self) -> int:
        return _distinct_bytes(parameter.grad for parameter in self._parameters if parameter.grad is not None)

    def look(self, *_: object) -> None:
        self.level.set(self.bytes_now())

    @contextmanager
    def watching(self) -> Iterator[None]:
        hooks = [parameter.register_post_accumulate_grad_hook(self.look) for parameter in self._parameters]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


class _Kept:
    """A tensor that autograd keeps; it says when it is let go."""

    __slots__ = ("__weakref__", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class _Saved:
    """Storages that autograd keeps for the backward pass, without those that are `ignored`."""

    def __init__(self, ignored: frozenset[int], gradients: _Gradients) -> None:
        self.level = _Level()
        self._ignored = ignored
        self._gradients = gradients
        self._holders: Counter[int] = Counter()

    def watching(self) -> AbstractContextManager[Any]:
        return torch.autograd.graph.saved_tensors_hooks(self._keep, _tensor_of)

    def _keep(self, tensor: Tensor) -> _Kept | Tensor:
        # The first tensor is kept after the step has let go of the gradients before it, which no hook tells.
        self._gradients.look()
        storage = tensor.untyped_storage()
        place, num_bytes = storage.data_ptr(), storage.nbytes()
        if place in self._ignored:
            return tensor
        kept = _Kept(tensor)
        self._holders[place] += 1
        if self._holders[place] == 1:
            self.level.set(self.level.now + num_bytes)
        weakref.finalize(kept, self._let_go, place, num_bytes)
        return kept

    def _let_go(self, place: int, num_bytes: int) -> None:
        self._holders[place] -= 1
        if self._holders[place] == 0:
            self.level.set(self.level.now - num_bytes)


def _tensor_of(kept: _Kept | Tensor) -> Tensor:
    return kept.tensor if isinstance(kept, _Kept) else kept
