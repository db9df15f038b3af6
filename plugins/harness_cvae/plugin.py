"""Declares the conditional variational autoencoder, its variants, and a deterministic network."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import Capability, ModelSpec, Ref, Source

CVAE = Source(
    title="Learning Structured Output Representation using Deep Conditional Generative Models",
    authors="Kihyuk Sohn, Honglak Lee, Xinchen Yan",
    year=2015,
    venue="NeurIPS 2015",
)


def _model(name: str, summary: str, config: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        source=CVAE,
        config=Ref(f"harness_cvae.config:{config}"),
        build=Ref(f"harness_cvae.builders:build_{name}"),
        capabilities=frozenset({Capability.COMPLETES}),
        sized_by="d_hidden",
    )


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [
        _model("cvae", "hidden pixels given the others through 200 latents", "ConditionalConfig"),
        _model("gsnn", "the networks of cvae without a recognition network", "ConditionalConfig"),
        _model("cvae_hybrid", "cvae trained on a mixture of its objective and gsnn's", "HybridConfig"),
        _model("completion_net", "the layers of cvae without latents", "CompletionNetConfig"),
    ]
