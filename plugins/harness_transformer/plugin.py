"""Declares the Transformer."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import Capability, Growth, ModelSpec, Ref, Source

TRANSFORMER = Source(
    title="Attention Is All You Need",
    authors="Ashish Vaswani, Noam Shazeer, Niki Parmar, Jakob Uszkoreit, Llion Jones, Aidan N. Gomez, Lukasz Kaiser, "
    "Illia Polosukhin",
    year=2017,
    arxiv="1706.03762",
    venue="NeurIPS 2017",
)


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="transformer",
            summary="pre-norm decoder with attention over the whole past",
            source=TRANSFORMER,
            config=Ref("harness_transformer.config:TransformerConfig"),
            build=Ref("harness_transformer.model:build"),
            capabilities=frozenset({Capability.PREDICTS_TOKENS, Capability.STEPS_TOKENS}),
            ops=("attention",),
            size_multiple=4,
            shares=("harness_sequence",),
            growth=(
                Growth(along="length", seconds=2.0, bytes=1.0),
                Growth(along="context", seconds=1.0, bytes=1.0, state=1.0),
            ),
        )
    ]
