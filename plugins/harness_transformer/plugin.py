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
GPT_NEOX = Source(
    title="GPT-NeoX-20B: An Open-Source Autoregressive Language Model",
    authors="Sid Black, Stella Biderman, Eric Hallahan, Quentin Anthony, Leo Gao, Laurence Golding, Horace He, "
    "Connor Leahy, Kyle McDonell, Jason Phang, Michael Pieler, USVSN Sai Prashanth, Shivanshu Purohit, "
    "Laria Reynolds, Jonathan Tow, Ben Wang, Samuel Weinbach",
    year=2022,
    arxiv="2204.06745",
)


def _decoder(
    name: str, summary: str, source: Source, config: str, build: str, checkpoints: Ref[object] | None = None
) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        source=source,
        config=Ref(f"harness_transformer.config:{config}"),
        build=Ref(f"harness_transformer.{build}:build"),
        capabilities=frozenset({Capability.PREDICTS_TOKENS, Capability.STEPS_TOKENS}),
        ops=("attention",),
        checkpoints=checkpoints,
        size_multiple=4,
        shares=("harness_sequence",),
        growth=(
            Growth(along="length", seconds=2.0, bytes=1.0),
            Growth(along="context", seconds=1.0, bytes=1.0, state=1.0),
        ),
    )


@hookimpl
def harness_models() -> list[ModelSpec]:
    layout: Ref[object] = Ref("harness_transformer.layout:LAYOUT")
    summary = "pre-norm decoder with attention over the whole past"
    parallel = "decoder of GPT-NeoX and Pythia: attention and feed-forward layer side by side"
    return [
        _decoder("transformer", summary, TRANSFORMER, "TransformerConfig", "model"),
        _decoder("gpt_neox", parallel, GPT_NEOX, "GptNeoxConfig", "gpt_neox", layout),
    ]
