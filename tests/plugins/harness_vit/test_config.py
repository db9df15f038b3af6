"""The options of the Vision Transformer, and what the plugin declares."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.configuration import parse_config
from harness.errors import UsageError
from harness_vit import plugin
from harness_vit.config import ViTConfig, ViTHybridConfig

SPECS = {spec.name: spec for spec in plugin.harness_models()}
REFUSED = {
    "heads": ({"d_model": 30}, "d_model=30 is not a multiple of num_heads=4.*use d_model=32"),
    "odd_width": (
        {"d_model": 9, "num_heads": 3, "positions": "learned_2d"},
        "d_model=9 is odd.*use d_model=12 or positions=learned_1d",
    ),
    "stem_width_of_patches": ({"stem_width": 32}, "stem=patches has none.*use stem=hybrid"),
    "stem_blocks_of_patches": ({"stem_blocks": [3]}, "stem=patches has none.*use stem=hybrid"),
    "stride": ({"stem": "hybrid", "patch_size": 2}, "patch_size=2 with stem=hybrid.*4, 8 or 16"),
    "groups": ({"stem": "hybrid", "stem_width": 48}, "stem_width=48 is not a multiple of 32.*use stem_width=64"),
    "stages": (
        {"stem": "hybrid", "patch_size": 8, "stem_blocks": [3]},
        r"stem_blocks=\[3\] has 1 stages; patch_size=8 takes 2.*use stem_blocks=\[3, 4\]",
    ),
    "no_blocks": ({"stem": "hybrid", "stem_blocks": [0]}, r"stem_blocks=\[0\]: every stage .* use stem_blocks=\[3\]"),
    "no_stages": ({"stem": "hybrid", "stem_blocks": []}, r"stem_blocks=\[\] has 0 stages.*use stem_blocks=\[3\]"),
    "suffix": ({"checkpoint": "weights.pt"}, r"checkpoint=weights.pt ends neither in .npz nor in .safetensors.*give"),
    "checkpoint_2d": (
        {"checkpoint": "a.npz", "positions": "learned_2d"},
        "positions=learned_2d.*use positions=learned_1d",
    ),
    "checkpoint_hybrid": ({"checkpoint": "a.npz", "stem": "hybrid"}, "stem=hybrid.*use .*stem=patches"),
    "unknown_pool": ({"pool": "max"}, "'class_token' or 'mean', not 'max'"),
    "unknown_positions": ({"positions": "rope"}, "'learned_1d', 'learned_2d' or 'none', not 'rope'"),
    "text_for_a_number": ({"patch_size": "4"}, "patch_size: input should be a valid integer, not '4'"),
    "no_width": ({"d_model": 0}, "greater than 0, not 0"),
    "no_hidden_width": ({"mlp_dim": 0}, "greater than 0, not 0"),
    "dropout_of_everything": ({"dropout": 1.0}, "less than 1, not 1.0"),
    "unknown_option": ({"patches": 4}, "vit has no option 'patches'; did you mean"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_with_the_way_out(options, message):
    with pytest.raises(UsageError, match=message):
        parse_config(ViTConfig, options, "vit")


@pytest.mark.parametrize(("patch_size", "blocks"), [(4, (3,)), (8, (3, 4)), (16, (3, 4, 9))], ids=str)
def test_the_hybrid_has_the_first_stages_of_a_resnet_50(patch_size, blocks):
    assert ViTHybridConfig(patch_size=patch_size).resnet_blocks == blocks


def test_stages_can_be_written_in_toml():
    assert parse_config(ViTHybridConfig, {"stem_blocks": [2]}, "vit_hybrid").resnet_blocks == (2,)


def test_options_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        ViTConfig().d_model = 32


@pytest.mark.parametrize("name", SPECS)
def test_what_is_declared_loads_with_its_defaults(name):
    assert SPECS[name].config.load()().num_layers > 0
    assert callable(SPECS[name].build.load())


@pytest.mark.parametrize("name", SPECS)
def test_every_option_is_described(name):
    undescribed = [option for option, field in SPECS[name].config.load().model_fields.items() if not field.description]
    assert undescribed == []


@pytest.mark.parametrize("name", ["vit", "vit_hybrid"])
def test_widths_that_sizing_tries_are_multiples_of_the_heads(name):
    assert SPECS[name].size_multiple % SPECS[name].config.load()().num_heads == 0
