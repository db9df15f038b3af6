"""Declarations of shared memory, rewritten or refused."""

from __future__ import annotations

import pytest

from harness.errors import KernelError
from harness.kernels.cuda.simulation.translation import translate

STORAGE = '::simulation::shared<x_in_shared_memory>("x", [] {});'


@pytest.mark.parametrize(
    ("declaration", "kind"),
    [
        ("__shared__ float x;", "float"),
        ("__shared__ float x[32];", "float[32]"),
        ("__shared__ float x [4][N + 1] ;", "float[4][N + 1]"),
        ("static __shared__ float x[32];", "float[32]"),
        ("__shared__ alignas(16) float x[32];", "float[32]"),
        ("alignas(sizeof(float4)) __shared__ float x[32];", "float[32]"),
        ("__shared__ __align__(16) unsigned char x[sizeof(T) * 4];", "unsigned char[sizeof(T) * 4]"),
        ("volatile __shared__ float x[32];", "volatile float[32]"),
        ("__shared__ Pair<float, N> x[2];", "Pair<float, N>[2]"),
        ("__shared__ typename Scan<T>::Storage x;", "typename Scan<T>::Storage"),
        ("__shared__ float x[32 /* lanes; warps */];", "float[32 ]"),
    ],
)
def test_a_variable_becomes_a_reference(declaration: str, kind: str) -> None:
    translated = translate(declaration, "a.cu")

    assert translated == f"using x_in_shared_memory = {kind}; x_in_shared_memory& x = {STORAGE}"


def test_several_variables_in_one_declaration() -> None:
    translated = translate("__shared__ float x[2], y;", "a.cu")

    assert "using x_in_shared_memory = float[2];" in translated
    assert "using y_in_shared_memory = float;" in translated


@pytest.mark.parametrize(
    "declaration",
    [
        "extern __shared__ float x[];",
        "extern __shared__ __align__(16) float x[];",
        "__shared__ extern float x[ ];",
        "extern\n__shared__ float x[];",
    ],
)
def test_dynamic_memory_becomes_a_pointer(declaration: str) -> None:
    translated = translate(declaration, "a.cu")

    assert translated.strip() == "float* const x = ::simulation::dynamic_shared<float>();"


def test_lines_keep_their_numbers_and_the_rest_its_text() -> None:
    text = (
        "int a;\n__shared__ float x[\n  32];  // kept\nint b; // __shared__ here\n/* and\n here: __shared__ */ int c;\n"
    )

    translated = translate(text, "a.cu")

    assert translated.count("\n") == text.count("\n")
    assert translated.endswith("  // kept\nint b; // __shared__ here\n/* and\n here: __shared__ */ int c;\n")


@pytest.mark.parametrize(
    "declaration",
    [
        "__shared__ float x[2] = {1, 2};",
        "__shared__ float (*x)[2];",
        "__shared__ x;",
        "__shared__ float x[2]",
        "extern __shared__ float x[4];",
        "__shared__ __shared__ float x;",
        "#define DECLARE __shared__ float x[4]\nDECLARE;",
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(declaration: str) -> None:
    with pytest.raises(KernelError, match=r"^a\.cu:2: .* write `__shared__ type name\[bounds\];`"):
        translate("int a;\n" + declaration, "a.cu")
