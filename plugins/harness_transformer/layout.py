"""Checkpoints of GPT-NeoX, Pythia among them, as `transformers` keeps them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from einops import rearrange
from torch import Tensor

from harness.errors import UsageError
from harness.interfaces import CheckpointLayout, TensorRule, TokenData
from harness_transformer.config import GptNeoxConfig

# What the model does in one way only: name in the configuration, that way, and what a missing entry means.
FIXED = (("hidden_act", "gelu", "gelu"), ("attention_bias", True, True), ("layer_norm_eps", 1e-5, 1e-5))
BLOCK = "gpt_neox.layers.#"


def options(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `gpt_neox` for a `config.json`. Raises UsageError for a variant that the model does not have."""
    for name, wanted, default in FIXED:
        if (found := config.get(name, default)) != wanted:
            raise UsageError(f"{name}={found} in the checkpoint's config.json; gpt_neox has {wanted} and no other")
    d_model, d_hidden = config["hidden_size"], config["intermediate_size"]
    if d_hidden % d_model:
        raise UsageError(f"intermediate_size={d_hidden} is no multiple of hidden_size={d_model}; gpt_neox takes those")
    rotary = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if (kind := rotary.get("rope_type", rotary.get("type", "default"))) != "default":
        raise UsageError(f"rope_type={kind} in the checkpoint's config.json; gpt_neox turns by plain angles only")
    # Their names before version 5 come second.
    fraction = rotary.get("partial_rotary_factor", config.get("rotary_pct", 0.25))
    num_heads = config["num_attention_heads"]
    if (width := int(d_model // num_heads * fraction)) % 2:
        raise UsageError(f"{width} features of a head are turned in the checkpoint's config.json; gpt_neox turns pairs")
    return {
        "d_model": d_model,
        "num_layers": config["num_hidden_layers"],
        "num_heads": num_heads,
        "mlp_ratio": d_hidden // d_model,
        "parallel": config.get("use_parallel_residual", True),
        "rotary_fraction": fraction,
        "rotary_base": float(rotary.get("rope_theta", config.get("rotary_emb_base", 10_000))),
        "tie_embeddings": config.get("tie_word_embeddings", False),
    }


def config(chosen: GptNeoxConfig, data: TokenData) -> dict[str, Any]:
    """The `config.json` of a model with these options, with the names of before and since version 5."""
    fraction = _fraction(chosen.rotary_width, chosen.d_model // chosen.num_heads)
    return {
        "model_type": "gpt_neox",
        "vocab_size": data.vocab,
        "max_position_embeddings": data.length,
        "hidden_size": chosen.d_model,
        "intermediate_size": chosen.mlp_ratio * chosen.d_model,
        "num_hidden_layers": chosen.num_layers,
        "num_attention_heads": chosen.num_heads,
        "use_parallel_residual": chosen.parallel,
        "rotary_pct": fraction,
        "rotary_emb_base": chosen.rotary_base,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": chosen.rotary_base,
            "partial_rotary_factor": fraction,
        },
        "tie_word_embeddings": chosen.tie_embeddings,
        **{name: wanted for name, wanted, _ in FIXED},
    }


def rules(chosen: GptNeoxConfig) -> list[TensorRule]:
    """Every weight. Queries, keys and values come head by head in their joint projection, all heads of each in ours."""
    same = {
        "input_layernorm": "mixer_norm",
        "post_attention_layernorm": "feed_forward_norm",
        "attention.dense": "mixer.out",
        "mlp.dense_h_to_4h": "feed_forward.up",
        "mlp.dense_4h_to_h": "feed_forward.down",
    }
    parts = ("weight", "bias")
    return [
        TensorRule(theirs="gpt_neox.embed_in.weight", ours="embedding.weight"),
        # The head's name in files is that of before version 5; in memory it has become lm_head.
        TensorRule(theirs="lm_head.weight", ours="head.weight"),
        TensorRule(theirs="embed_out.weight", ours="head.weight"),
        *(TensorRule(theirs=f"gpt_neox.final_layer_norm.{part}", ours=f"norm.{part}") for part in parts),
        *(
            TensorRule(theirs=f"{BLOCK}.{theirs}.{part}", ours=f"blocks.#.{ours}.{part}")
            for theirs, ours in same.items()
            for part in parts
        ),
        *(
            TensorRule(
                theirs=f"{BLOCK}.attention.query_key_value.{part}",
                ours=f"blocks.#.mixer.qkv.{part}",
                to_ours=partial(_parts_first, num_heads=chosen.num_heads),
                to_theirs=partial(_heads_first, num_heads=chosen.num_heads),
            )
            for part in parts
        ),
    ]


def _fraction(width: int, d_head: int) -> float:
    """Of which int(d_head * fraction) is the width, whatever was lost in the division."""
    fraction = width / d_head
    return fraction if int(d_head * fraction) == width else math.nextafter(fraction, 1.0)


def _parts_first(x: Tensor, num_heads: int) -> Tensor:
    return rearrange(x, "(h p d) ... -> (p h d) ...", h=num_heads, p=3).contiguous()


def _heads_first(x: Tensor, num_heads: int) -> Tensor:
    return rearrange(x, "(p h d) ... -> (h p d) ...", h=num_heads, p=3).contiguous()


LAYOUT = CheckpointLayout(
    architecture="GPTNeoXForCausalLM",
    options=options,
    config=config,
    rules=rules,
    # Masks and frequencies that older versions kept beside the weights.
    without_weights=(".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"),
)
