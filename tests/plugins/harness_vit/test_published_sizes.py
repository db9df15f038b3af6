"""The published sizes have the published numbers of parameters."""

from __future__ import annotations

import pytest
import torch
from transformers import BitConfig, BitModel, ViTForImageClassification
from transformers import ViTConfig as TheirConfig

from harness.interfaces import ImageData
from harness_sequence.attention import fused
from harness_vit import plugin
from harness_vit.builders import build

CONFIGS = {spec.name: spec.config.load() for spec in plugin.harness_models()}
IMAGENET = ImageData(num_classes=1000, channels=3, height=224, width=224)
COUNTS = {
    "vit_ti": 5_717_416,
    "vit_s": 22_050_664,
    "vit_b": 86_567_656,
    "vit_l": 304_326_632,
    "vit_h": 632_045_800,
}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", COUNTS)
def test_a_published_size_has_its_number_of_parameters(name):
    with torch.device("meta"):
        model = build(CONFIGS[name](), IMAGENET, {"attention": fused.attention})
    assert count(model) == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_transformers_counts_as_many(name):
    config = CONFIGS[name]()
    theirs = TheirConfig(
        hidden_size=config.d_model,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        intermediate_size=config.d_hidden,
        patch_size=config.patch_size,
        num_labels=1000,
    )
    with torch.device("meta"):
        model = ViTForImageClassification(theirs)
    assert count(model) == COUNTS[name]


def test_the_hidden_head_is_a_square_map():
    with torch.device("meta"):
        model = build(CONFIGS["vit_b"](hidden_head=True), IMAGENET, {"attention": fused.attention})
    assert count(model) == COUNTS["vit_b"] + 768 * 768 + 768


def test_the_hybrid_of_the_base_size_has_the_parameters_of_both_its_parts():
    image = ImageData(num_classes=1000, channels=3, height=384, width=384)
    resnet = BitConfig(embedding_size=64, hidden_sizes=[256, 512, 1024], depths=[3, 4, 9], layer_type="bottleneck")
    encoder = TheirConfig(image_size=24, patch_size=1, num_channels=1024, num_labels=1000)
    with torch.device("meta"):
        model = build(CONFIGS["vit_b"](stem="hybrid"), image, {"attention": fused.attention})
    assert count(model) == count(BitModel(resnet)) + count(ViTForImageClassification(encoder)) == 98_950_952
