"""What this plugin declares: the model `mamba`, the op `selective_scan` and the op's kernels."""

from harness.hookspecs import hookimpl
from harness.specs import Capability, KernelSpec, ModelSpec, OpSpec, Ref, Source

MAMBA = Source(
    title="Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
    authors="Albert Gu, Tri Dao",
    year=2023,
    arxiv="2312.00752",
)


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="mamba",
            summary="selective state spaces: a gated recurrence whose step, input and output depend on the token",
            source=MAMBA,
            config=Ref("harness_mamba.config:MambaConfig"),
            build=Ref("harness_mamba.model:build"),
            capabilities=frozenset({Capability.PREDICTS_TOKENS, Capability.STEPS_TOKENS}),
            ops=("selective_scan",),
            parameter_groups=Ref("harness_mamba.model:parameter_groups"),
            size_multiple=4,
            shares=("harness_sequence",),
        )
    ]


@hookimpl
def harness_ops() -> list[OpSpec]:
    return [
        OpSpec(
            name="selective_scan",
            summary="h_t = exp(dt_t A) h_{t-1} + dt_t u_t B_t; y_t = C_t h_t + D u_t",
            source=MAMBA,
            make_inputs=Ref("harness_mamba.selective_scan.op:make_inputs"),
            sizes=(
                {"batch": 2, "length": 37, "channels": 24, "states": 16},
                {"batch": 3, "length": 1, "channels": 16, "states": 16},
                {"batch": 1, "length": 64, "channels": 19, "states": 5},
            ),
            tolerances={"float32": (2e-6, 1e-5), "float64": (1e-13, 1e-13)},
            tolerance_reason="float32 rounds each of many summed products; measured against the loop in float64: "
            "values 1.4e-7 and gradients 9.4e-7 in float32 (2048 steps), 3e-15 in float64",
            flops=Ref("harness_mamba.selective_scan.op:flops"),
        )
    ]


@hookimpl
def harness_kernels() -> list[KernelSpec]:
    return [
        KernelSpec(
            op="selective_scan",
            name="reference",
            summary="the recurrence as a loop over time",
            implementation=Ref("harness_mamba.selective_scan.reference:selective_scan"),
            auto_rank=0,
        ),
        KernelSpec(
            op="selective_scan",
            name="torch",
            summary="scans inside chunks, then over them: about 2 sqrt(length) tensor operations",
            implementation=Ref("harness_mamba.selective_scan.chunked:selective_scan"),
            auto_rank=10,
        ),
        KernelSpec(
            op="selective_scan",
            name="cpu",
            summary="one pass in machine code (numba), sixteen channels to a vector, states recomputed backward",
            implementation=Ref("harness_mamba.selective_scan.cpu:selective_scan"),
            requires=("numba",),
            devices=("cpu",),
            auto_rank=20,
        ),
    ]
