"""Mamba's checkpoints as `transformers` keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from harness.errors import UsageError
from harness.interfaces import CheckpointLayout, TensorRule, TokenData
from harness_mamba.config import MambaConfig

# What the model does in one way only: name in the configuration, that way, and what a missing entry means.
FIXED = (("use_bias", False, False), ("use_conv_bias", True, True), ("hidden_act", "silu", "silu"),
         ("layer_norm_epsilon", 1e-5, 1e-5))  # fmt: skip
BLOCK = "backbone.layers.#"


def options(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `mamba` for a `config.json`. Raises UsageError for a variant that the paper does not have."""
    for name, wanted, default in FIXED:
        if (found := config.get(name, default)) != wanted:
            raise UsageError(f"{name}={found} in the checkpoint's config.json; mamba has {wanted} and no other")
    rank = config.get("time_step_rank", "auto")
    return {
        "d_model": config["hidden_size"],
        "num_layers": config["num_hidden_layers"],
        "d_state": config.get("state_size", 16),
        "expand": config.get("expand", 2),
        "d_conv": config.get("conv_kernel", 4),
        "dt_rank": None if rank == "auto" else rank,
        "tie_embeddings": config.get("tie_word_embeddings", True),
    }


def config(chosen: MambaConfig, data: TokenData) -> dict[str, Any]:
    """The `config.json` of a model with these options."""
    return {
        "model_type": "mamba",
        "vocab_size": data.vocab,
        "hidden_size": chosen.d_model,
        "num_hidden_layers": chosen.num_layers,
        "state_size": chosen.d_state,
        "expand": chosen.expand,
        "intermediate_size": chosen.d_inner,
        "conv_kernel": chosen.d_conv,
        "time_step_rank": chosen.rank,
        "tie_word_embeddings": chosen.tie_embeddings,
        **{name: wanted for name, wanted, _ in FIXED},
    }


def rules(chosen: MambaConfig) -> list[TensorRule]:
    """Every weight. Theirs of the convolution is [channels, 1, width] from the oldest value, ours is turned over."""
    same = {
        "norm.weight": "norm.weight",
        "mixer.in_proj.weight": "in_proj.weight",
        "mixer.conv1d.bias": "conv.bias",
        "mixer.x_proj.weight": "ssm.x_proj.weight",
        "mixer.dt_proj.weight": "ssm.dt_proj.weight",
        "mixer.dt_proj.bias": "ssm.dt_proj.bias",
        "mixer.A_log": "ssm.A_log",
        "mixer.D": "ssm.D",
        "mixer.out_proj.weight": "out_proj.weight",
    }
    return [
        TensorRule(theirs="backbone.embeddings.weight", ours="embedding.weight"),
        TensorRule(theirs="backbone.norm_f.weight", ours="norm.weight"),
        TensorRule(theirs="lm_head.weight", ours="head.weight"),
        *(TensorRule(theirs=f"{BLOCK}.{theirs}", ours=f"blocks.#.{ours}") for theirs, ours in same.items()),
        TensorRule(
            theirs=f"{BLOCK}.mixer.conv1d.weight",
            ours="blocks.#.conv.weight",
            to_ours=_latest_first,
            to_theirs=_oldest_first,
        ),
    ]


def _latest_first(weight: Tensor) -> Tensor:
    return weight[:, 0].t().flip(0).contiguous()


def _oldest_first(weight: Tensor) -> Tensor:
    return weight.flip(0).t()[:, None].contiguous()


LAYOUT = CheckpointLayout(architecture="MambaForCausalLM", options=options, config=config, rules=rules)
