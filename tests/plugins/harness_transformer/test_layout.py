"""How GPT-NeoX's checkpoints are described."""

import pytest

from harness_transformer.config import GptNeoxConfig
from harness_transformer.layout import _fraction, options


@pytest.mark.parametrize("d_head", [12, 49, 64, 98, 103, 128])
def test_the_written_fraction_gives_the_width_back(d_head):
    widths = range(0, d_head + 1, 2)
    assert [int(d_head * _fraction(width, d_head)) for width in widths] == list(widths)


@pytest.mark.parametrize(("d_model", "width"), [(128, 16), (24, 2), (40, 4)])
def test_features_are_turned_in_pairs(d_model, width):
    assert GptNeoxConfig(d_model=d_model).rotary_width == width


def test_a_published_configuration_is_understood():
    """Pythia-160m, as its config.json has it since 2023."""
    pythia = {
        "architectures": ["GPTNeoXForCausalLM"], "attention_probs_dropout_prob": 0, "hidden_act": "gelu",
        "hidden_size": 768, "intermediate_size": 3072, "layer_norm_eps": 1e-05, "max_position_embeddings": 2048,
        "model_type": "gpt_neox", "num_attention_heads": 12, "num_hidden_layers": 12, "rotary_emb_base": 10000,
        "rotary_pct": 0.25, "tie_word_embeddings": False, "use_parallel_residual": True, "vocab_size": 50304,
    }  # fmt: skip
    config = GptNeoxConfig.model_validate(options(pythia))
    assert (config.d_model, config.num_layers, config.num_heads, config.mlp_ratio) == (768, 12, 12, 4)
    assert config.parallel
    assert config.rotary_width == 16
