"""Declares the Vision Transformer: small and configurable, in the published sizes, and on a ResNet's feature map."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import Capability, Growth, ModelSpec, Ref, Source

VIT = Source(
    title="An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale",
    authors="Alexey Dosovitskiy, Lucas Beyer, Alexander Kolesnikov, Dirk Weissenborn, Xiaohua Zhai, "
    "Thomas Unterthiner, Mostafa Dehghani, Matthias Minderer, Georg Heigold, Sylvain Gelly, Jakob Uszkoreit, "
    "Neil Houlsby",
    year=2020,
    arxiv="2010.11929",
    venue="ICLR 2021",
)
DEIT = Source(
    title="Training data-efficient image transformers & distillation through attention",
    authors="Hugo Touvron, Matthieu Cord, Matthijs Douze, Francisco Massa, Alexandre Sablayrolles, Hervé Jégou",
    year=2020,
    arxiv="2012.12877",
    venue="ICML 2021",
)


def _model(name: str, summary: str, config: str, source: Source = VIT, *, is_sized: bool = False) -> ModelSpec:
    # Widths in steps of 8 keep 1, 2, 4 or 8 heads and positions in two halves possible.
    return ModelSpec(
        name=name,
        summary=summary,
        source=source,
        config=Ref(f"harness_vit.config:{config}"),
        build=Ref("harness_vit.builders:build"),
        capabilities=frozenset({Capability.CLASSIFIES, Capability.EXTRACTS_FEATURES}),
        ops=("attention",),
        fingerprint=Ref("harness_vit.fingerprints:fingerprint"),
        sized_by="d_model" if is_sized else None,
        size_multiple=8,
        shares=("harness_sequence",),
        # Patches are of one size: their number grows with the square of the side, and attention with that of theirs.
        growth=(Growth(along="side", seconds=4.0, bytes=2.0),),
    )


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [
        _model("vit", "encoder over patches of 4 pixels, small by default", "ViTConfig", is_sized=True),
        _model("vit_ti", "ViT-Ti/16: 12 layers of width 192", "ViTTinyConfig", DEIT),
        _model("vit_s", "ViT-S/16: 12 layers of width 384", "ViTSmallConfig", DEIT),
        _model("vit_b", "ViT-B/16: 12 layers of width 768", "ViTBaseConfig"),
        _model("vit_l", "ViT-L/16: 24 layers of width 1024", "ViTLargeConfig"),
        _model("vit_h", "ViT-H/14: 32 layers of width 1280", "ViTHugeConfig"),
        _model("vit_hybrid", "encoder over a ResNet's feature map, small by default", "ViTHybridConfig", is_sized=True),
    ]
