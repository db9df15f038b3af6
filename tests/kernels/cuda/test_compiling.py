from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from kernel_requirements import needs_compilers

from harness.errors import CompileError, HarnessError, UnsupportedError
from harness.kernels.cuda import compiling
from harness.kernels.cuda.compiling import compile_entry
from harness.kernels.cuda.sources import CudaSource

pytestmark = needs_compilers

REVERSE = "reverse<__nv_bfloat16, 128>"


@pytest.fixture
def cache(samples: CudaSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    return tmp_path / "cuda"


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by what the compiler really compiles."""
    compiled: list[str] = []
    original = compiling._compile

    def counting(source: CudaSource, entry: str, arch: str, headers: str) -> object:
        compiled.append(entry)
        return original(source, entry, arch, headers)

    monkeypatch.setattr(compiling, "_compile", counting)
    return compiled


@pytest.mark.parametrize("arch", ["sm_80", "sm_90", "sm_100"])
def test_template_compiles_with_the_headers_of_cuda(samples: CudaSource, arch: str) -> None:
    compiled = compile_entry(samples, REVERSE, arch)
    assert compiled.cubin[:4] == b"\x7fELF"
    assert compiled.symbol.startswith("_Z7reverseI13__nv_bfloat16Li128E")
    assert compiled.symbol.encode() in compiled.cubin
    assert compiled.resources.static_shared_bytes == 512
    assert compiled.resources.spill_store_bytes == 0
    assert 0 < compiled.resources.registers < 64


def test_spilling_kernel_is_seen_to_spill(samples: CudaSource) -> None:
    resources = compile_entry(samples, "spilling", "sm_90").resources
    assert resources.registers == 32
    assert min(resources.spill_store_bytes, resources.spill_load_bytes, resources.stack_bytes) > 0


def test_parameters_are_read_from_the_cubin(samples: CudaSource) -> None:
    assert compile_entry(samples, "parameters", "sm_90").parameter_sizes == (8, 4, 4, 1, 8, 8, 16, 8)


def test_error_has_file_entry_architecture_first_error_and_log(samples: CudaSource) -> None:
    wrong = CudaSource("kernel_samples", "wrong.cu")
    with pytest.raises(CompileError) as caught:
        compile_entry(wrong, "wrong", "sm_90")
    message = str(caught.value)
    assert message.startswith(f"{wrong.path}: wrong does not compile for sm_90: wrong.cu(1): error: identifier")
    assert '"undeclared" is undefined' in message
    assert '1 error detected in the compilation of "wrong.cu"' in caught.value.log


@pytest.mark.parametrize(
    ("entry", "arch", "error"),
    [
        ("absent<3>", "sm_90", 'identifier "absent" is undefined'),
        ("scale", "sm_999", "invalid value for --gpu-architecture"),
        ("scale", "compute_90", "there is no code for compute_90"),
    ],
    ids=["entry", "architecture", "virtual"],
)
def test_what_cannot_be_compiled_is_an_error(samples: CudaSource, entry: str, arch: str, error: str) -> None:
    with pytest.raises(CompileError, match=error):
        compile_entry(samples, entry, arch)


def test_second_time_is_read_from_disk(samples: CudaSource, cache: Path, count: list[str]) -> None:
    first = compile_entry(samples, "scale", "sm_90")
    assert compile_entry(samples, "scale", "sm_90") == first
    assert count == ["scale"]


def test_another_entry_or_architecture_is_compiled(samples: CudaSource, cache: Path, count: list[str]) -> None:
    compile_entry(samples, "scale", "sm_90")
    compile_entry(samples, "scale", "sm_80")
    compile_entry(samples, "parameters", "sm_90")
    assert count == ["scale", "scale", "parameters"]


def test_changed_include_is_compiled_again(
    cache: Path, count: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "INCLUDE", tmp_path)
    source = CudaSource("kernel_samples", "shared_header.cu")
    cubins = []
    for value in (1.0, 2.0, 1.0):
        (tmp_path / "shared.cuh").write_text(f"#define CONSTANT {value}f\n")
        cubins.append(compile_entry(source, "constant", "sm_90").cubin)
    assert len(count) == 2
    assert cubins[0] == cubins[2] != cubins[1]


@pytest.mark.parametrize("suffix", ["cubin", "json"])
@pytest.mark.parametrize("damage", ["empty", "cut", "changed"])
def test_damaged_file_is_compiled_again(
    samples: CudaSource, cache: Path, count: list[str], suffix: str, damage: str
) -> None:
    first = compile_entry(samples, "scale", "sm_90")
    (path,) = cache.glob(f"*.{suffix}")
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "empty": b"",
            "cut": content[:middle],
            "changed": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        }[damage]
    )
    repaired = compile_entry(samples, "scale", "sm_90")
    assert (repaired.cubin, repaired.symbol) == (first.cubin, first.symbol)
    assert compile_entry(samples, "scale", "sm_90") == repaired
    assert count == ["scale", "scale"]


def test_lost_file_is_compiled_again(samples: CudaSource, cache: Path, count: list[str]) -> None:
    compile_entry(samples, "scale", "sm_90")
    next(cache.glob("*.cubin")).unlink()
    compile_entry(samples, "scale", "sm_90")
    assert count == ["scale", "scale"]


def test_cache_that_cannot_be_written_says_what_to_set(
    samples: CudaSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "file"))
    with pytest.raises(HarnessError, match="set HARNESS_CACHE to a folder that can be written"):
        compile_entry(samples, "scale", "sm_90")


def test_two_processes_compile_the_same_at_once(samples: CudaSource, cache: Path) -> None:
    code = (
        "from harness.kernels.cuda.compiling import compile_entry;"
        "from harness.kernels.cuda.sources import CudaSource;"
        "print(compile_entry(CudaSource('kernel_samples', 'samples.cu'), 'scale', 'sm_90').symbol)"
    )
    environment = {"PYTHONPATH": str(samples.path.parents[1]), "HARNESS_CACHE": str(cache.parent), "PATH": ""}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=120)[0] for process in processes] == ["scale\n", "scale\n"]
    assert sorted(path.suffix for path in cache.iterdir()) == [".cubin", ".json"]


@pytest.mark.parametrize("module", ["cuda.pathfinder", "cuda.bindings", "cuda.core"])
def test_missing_package_says_what_to_install(
    samples: CudaSource, cache: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UnsupportedError, match=r"pip install 'arch-harness\[cuda\]'"):
        compile_entry(samples, "scale", "sm_90")


def test_missing_headers_say_what_to_install(samples: CudaSource, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cuda.pathfinder.find_nvidia_header_directory", lambda name: None)
    with pytest.raises(UnsupportedError, match=r"needs the CUDA headers .* pip install 'arch-harness\[cuda\]'"):
        compile_entry(samples, "scale", "sm_90")
