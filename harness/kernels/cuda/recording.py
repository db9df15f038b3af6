"""Launches written down instead of executed: how kernels are compiled on a machine that cannot run them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.kernels.cuda.compiling import Compiled, compile_entry
from harness.kernels.cuda.launches import check_geometry, name_of
from harness.kernels.cuda.packing import Layout
from harness.kernels.cuda.parameters import check_arguments
from harness.kernels.cuda.resources import Resources
from harness.kernels.cuda.sources import Launch


class Recorder:
    """A launcher that keeps launches and never looks at data: tensors may be fake or on the meta device."""

    def __init__(self) -> None:
        self.recorded: list[Launch] = []

    def launch(self, launch: Launch) -> None:
        check_geometry(launch)
        self.recorded.append(launch)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledLaunch:
    """A kernel for one architecture; `shared_bytes` is what a block takes at most: static and the largest dynamic."""

    compiled: Compiled
    shared_bytes: int

    @property
    def resources(self) -> Resources:
        return self.compiled.resources


def compile_recorded(recorder: Recorder, archs: Sequence[str]) -> list[CompiledLaunch]:
    """Compile each kernel that was launched for each of the architectures, such as `["sm_80", "sm_90"]`."""
    launches: dict[tuple[object, str], list[Launch]] = {}
    for launch in recorder.recorded:
        launches.setdefault((launch.source, launch.entry), []).append(launch)
    return [_compile(same, arch) for same in launches.values() for arch in archs]


def _compile(launches: Sequence[Launch], arch: str) -> CompiledLaunch:
    compiled = compile_entry(launches[0].source, launches[0].entry, arch)
    for launch in launches:
        layout = Layout(name_of(launch), [type(argument) for argument in launch.arguments])
        check_arguments(name_of(launch), compiled.parameter_sizes, layout.sizes)
    dynamic = max(launch.shared_bytes for launch in launches)
    return CompiledLaunch(compiled=compiled, shared_bytes=dynamic + compiled.resources.static_shared_bytes)
