"""Declarations of the image baselines."""

from __future__ import annotations

from harness.specs import Capability, Growth, ModelSpec, Ref, Source

RESNET = Source(
    title="Deep Residual Learning for Image Recognition",
    authors="Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun",
    year=2015,
    arxiv="1512.03385",
    venue="CVPR 2016",
)
PACKAGE = "harness_baselines.images"


def _model(
    name: str, summary: str, config: str, build: str, *, sized_by: str | None, source: Source | None = None
) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        source=source,
        config=Ref(f"{PACKAGE}.config:{config}"),
        build=Ref(f"{PACKAGE}.{build}"),
        capabilities=frozenset({Capability.CLASSIFIES, Capability.EXTRACTS_FEATURES}),
        sized_by=sized_by,
        growth=(Growth(along="side", seconds=2.0, bytes=2.0),),
    )


MODELS = (
    _model(
        "logistic_regression",
        "one linear map of the pixels",
        "LogisticRegressionConfig",
        "linear:build_logistic_regression",
        sized_by=None,
    ),
    _model("mlp", "multi-layer perceptron on the pixels", "MLPConfig", "linear:build_mlp", sized_by="d_hidden"),
    _model("convnet", "small residual network", "ConvNetConfig", "convnet:build", sized_by="width", source=RESNET),
)
