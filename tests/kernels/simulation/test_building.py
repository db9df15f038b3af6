"""Building kernels for the simulator: what is kept, what is missing, what does not compile."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from harness.errors import CompileError, HarnessError, KernelError, UnsupportedError
from harness.kernels.cuda.simulation import building
from harness.kernels.cuda.simulation.building import build
from harness.kernels.cuda.simulation.toolchain import Toolchain, find_toolchain
from harness.kernels.cuda.sources import CudaSource

Write = Callable[[str], CudaSource]
FILL = "__global__ void fill(float* x) { x[threadIdx.x] = VALUE; }"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """Every call of the compiler."""
    calls: list[Sequence[str]] = []
    original = Toolchain.run

    def run(self: Toolchain, arguments: Sequence[str], folder: Path) -> object:
        calls.append(arguments)
        return original(self, arguments, folder)

    monkeypatch.setattr(Toolchain, "run", run)
    return calls


@pytest.fixture
def no_toolchain_kept() -> Iterator[None]:
    find_toolchain.cache_clear()
    yield
    find_toolchain.cache_clear()


def test_nothing_is_compiled_twice(write: Write, compilations: list[Sequence[str]]) -> None:
    build(write(FILL.replace("VALUE", "1")), "fill", sanitize=False)
    compilations.clear()

    first = build(write(FILL.replace("VALUE", "2")), "fill", sanitize=False)
    for_first = len(compilations)
    same = build(write(FILL.replace("VALUE", "2")), "fill", sanitize=False)

    assert for_first == 2  # the kernel and its link, but not the simulator
    assert len(compilations) == for_first
    assert first == same


def test_a_changed_include_is_seen(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    include = tmp_path / "include"
    include.mkdir()
    monkeypatch.setattr(building, "INCLUDE", include)
    source = write('#include "value.cuh"\n' + FILL)

    def filled(value: str) -> Path:
        (include / "value.cuh").write_text(f"#define VALUE {value}\n")
        return build(source, "fill", sanitize=False)

    assert filled("1") != filled("2")
    assert filled("1") == filled("1")


def test_half_written_files_are_not_left_behind(write: Write, built: Path) -> None:
    before = set((built / "simulation").glob("*.so"))

    with pytest.raises(CompileError):
        build(write("__global__ void broken() { missing; }"), "broken", sanitize=False)

    assert set((built / "simulation").glob("*.so")) == before
    assert not list((built / "simulation").glob(".*"))


def test_an_error_of_the_compiler_has_file_line_and_log(write: Write) -> None:
    source = write("// first\n__global__ void broken() { nonsense }")

    with pytest.raises(CompileError, match=r"written.cu: broken does not compile .* written.cu:2:.*nonsense") as caught:
        build(source, "broken", sanitize=False)

    assert "nonsense" in caught.value.log


def test_an_unknown_entry_is_an_error(write: Write) -> None:
    with pytest.raises(CompileError, match="missing"):
        build(write(FILL.replace("VALUE", "1")), "missing<4>", sanitize=False)


def test_a_declaration_that_is_not_understood_is_an_error(write: Write) -> None:
    with pytest.raises(KernelError, match=r"written\.cu:1: a declaration of `__shared__` memory"):
        build(write("__global__ void f() { __shared__ int x = 1; }"), "f", sanitize=False)


@pytest.mark.usefixtures("no_toolchain_kept")
def test_without_a_compiler_the_way_out_is_said(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(UnsupportedError, match=r"g\+\+ .* not found here; install g\+\+"):
        build(write(FILL), "fill", sanitize=False)


@pytest.mark.usefixtures("no_toolchain_kept")
def test_without_headers_the_way_out_is_said(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cuda.pathfinder.find_nvidia_header_directory", lambda name: None)

    with pytest.raises(UnsupportedError, match=r"headers .* not found here; install .*arch-harness\[cuda\]"):
        build(write(FILL), "fill", sanitize=False)


def test_a_cache_that_cannot_be_written_is_named(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    source = write(FILL.replace("VALUE", "1"))
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "file"))

    with pytest.raises(HarnessError, match="set HARNESS_CACHE"):
        build(source, "fill", sanitize=False)
