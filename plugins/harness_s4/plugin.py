"""Declarations of S4 and S4D."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import Capability, KernelSpec, ModelSpec, OpSpec, Ref, Source

TITLE_S4 = "Efficiently Modeling Long Sequences with Structured State Spaces"
TITLE_S4D = "On the Parameterization and Initialization of Diagonal State Space Models"
S4 = Source(title=TITLE_S4, authors="Albert Gu, Karan Goel, Christopher Ré", year=2021, arxiv="2111.00396")
S4D = Source(
    title=TITLE_S4D, authors="Albert Gu, Ankit Gupta, Karan Goel, Christopher Ré", year=2022, arxiv="2206.11893"
)


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [
        _model("s4", "state space model, diagonal plus low rank, started as HiPPO-LegS", S4, "S4Config"),
        _model("s4d", "diagonal state space model", S4D, "S4DConfig"),
    ]


@hookimpl
def harness_ops() -> list[OpSpec]:
    return [
        OpSpec(
            name="s4_kernel",
            summary="convolution kernel of a diagonal-plus-low-rank state space model",
            source=S4,
            make_inputs=Ref("harness_s4.s4_kernel.inputs:make_inputs"),
            sizes=_sizes((4, 2), (8, 37), (16, 130)),
            tolerances={"float32": (3e-5, 4e-3), "float64": (1e-12, 1e-10)},
            tolerance_reason="worst of 60 seeds, float32: values 9e-6, gradients 6e-5 but 1.3e-3 for dt (length 130). "
            "B starts as sqrt(2) P, so the shares of diagonal and low rank nearly cancel, in dt's gradient twice. "
            "Length 1 is left out: its value does not depend on dt, so that gradient has no relative error",
            flops=Ref("harness_s4.s4_kernel.inputs:flops"),
        ),
        OpSpec(
            name="s4d_kernel",
            summary="convolution kernel of a diagonal state space model",
            source=S4D,
            make_inputs=Ref("harness_s4.s4d_kernel.inputs:make_inputs"),
            sizes=_sizes((4, 1), (8, 37), (16, 130)),
            tolerances={"float32": (5e-6, 5e-5), "float64": (1e-13, 1e-13)},
            tolerance_reason="worst of 60 seeds in float32: values 2e-6, gradients 1e-5; phases l dt A are rounded",
            flops=Ref("harness_s4.s4d_kernel.inputs:flops"),
        ),
    ]


@hookimpl
def harness_kernels() -> list[KernelSpec]:
    return [
        _kernel("s4_kernel", "reference", "reference", "powers of the dense discretised matrix", 0),
        _kernel("s4_kernel", "torch", "parallel", "Cauchy sums, Woodbury's identity, inverse FFT", 10),
        _kernel("s4d_kernel", "reference", "reference", "Vandermonde product, every power in memory", 0),
        _kernel("s4d_kernel", "torch", "parallel", "Vandermonde product by two short factors", 10),
    ]


def _model(name: str, summary: str, source: Source, config: str) -> ModelSpec:
    return ModelSpec(
        name=name, summary=summary, source=source,
        config=Ref(f"harness_s4.config:{config}"),
        build=Ref(f"harness_s4.model:build_{name}"),
        parameter_groups=Ref("harness_s4.model:parameter_groups"),
        capabilities=frozenset({Capability.PREDICTS_TOKENS, Capability.STEPS_TOKENS}),
        ops=(f"{name}_kernel", "long_conv"), shares=("harness_sequence",),
    )  # fmt: skip


def _sizes(*modes_and_lengths: tuple[int, int]) -> tuple[dict[str, int], ...]:
    return tuple({"features": 3, "modes": modes, "length": length} for modes, length in modes_and_lengths)


def _kernel(op: str, name: str, module: str, summary: str, rank: int) -> KernelSpec:
    target = f"harness_s4.{op}.{module}:{op}"
    return KernelSpec(name=name, op=op, summary=summary, implementation=Ref(target), auto_rank=rank)
