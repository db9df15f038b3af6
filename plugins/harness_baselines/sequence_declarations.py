"""Declarations of the sequence baselines: LSTM, linear attention, local attention."""

from __future__ import annotations

from harness.specs import Capability, Growth, KernelSpec, ModelSpec, OpSpec, Ref, Source

LSTM = Source(
    title="Long Short-Term Memory", authors="Sepp Hochreiter, Jürgen Schmidhuber", year=1997, venue="Neural Computation"
)
LINEAR = Source(
    title="Transformers are RNNs: Fast Autoregressive Transformers with Linear Attention",
    authors="Angelos Katharopoulos, Apoorv Vyas, Nikolaos Pappas, François Fleuret",
    year=2020,
    arxiv="2006.16236",
    venue="ICML 2020",
)
LOCAL = Source(
    title="Longformer: The Long-Document Transformer",
    authors="Iz Beltagy, Matthew E. Peters, Arman Cohan",
    year=2020,
    arxiv="2004.05150",
)
LINEAR_ATTENTION = "linear_attention"
LINEAR_SUMMARY = "decoder with attention of positive features, linear in the length"
MODULE = "harness_baselines.linear_attention"


def _model(name: str, summary: str, source: Source, config: str, build: str, *ops: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        source=source,
        config=Ref(f"harness_baselines.config:{config}"),
        build=Ref(f"harness_baselines.{build}"),
        capabilities=frozenset({Capability.PREDICTS_TOKENS, Capability.STEPS_TOKENS}),
        ops=ops,
        size_multiple=4 if ops else 1,
        shares=("harness_sequence",),
        growth=(
            Growth(along="length", seconds=1.0, bytes=1.0),
            Growth(along="context", seconds=0.0, bytes=0.0, state=0.0),
        ),
    )


MODELS = (
    _model("lstm", "stacked LSTM layers", LSTM, "LSTMConfig", "lstm:build"),
    _model(
        LINEAR_ATTENTION, LINEAR_SUMMARY, LINEAR, "LinearAttentionConfig", "decoders:build_linear", LINEAR_ATTENTION
    ),
    _model(
        "local_attention",
        "decoder with attention to a window of the past",
        LOCAL,
        "LocalAttentionConfig",
        "decoders:build_local",
        "attention",
    ),
)
OP = OpSpec(
    name=LINEAR_ATTENTION,
    summary="causal attention with weights sigma(q) . sigma(k)",
    source=LINEAR,
    make_inputs=Ref(f"{MODULE}:make_inputs"),
    # At length 1 the mean is the value itself: gradients of q and k are 0 and have no relative error.
    sizes=tuple({"batch": 2, "heads": 2, "d_head": 8, "length": length} for length in (2, 33, 130)),
    tolerances={"float32": (2e-6, 1e-5)},
    tolerance_reason="float32 sums over tokens in another order; measured 1.2e-7 (values), 4.7e-7 (gradients)",
    flops=Ref(f"{MODULE}:flops"),
)
KERNELS = (
    KernelSpec(
        name="reference", op=LINEAR_ATTENTION, summary="token by token", implementation=Ref(f"{MODULE}:reference")
    ),
    KernelSpec(
        name="torch",
        op=LINEAR_ATTENTION,
        summary="chunks of tokens",
        implementation=Ref(f"{MODULE}:chunked"),
        auto_rank=10,
    ),
)
