"""Tiny checkpoints made with `transformers`, a tokenizer for them, and one local task of each output type."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

WORDS = ("state", "space", "token", "scan", "gate", "memory", "kernel", "length", "window", "prefix", "é", "naïve")
VOCAB = 320


@dataclass(frozen=True)
class Task:
    """A local task: its lm-eval configuration and its documents."""

    config: Mapping[str, Any]
    documents: list[dict[str, Any]]


def sentence(generator: random.Random, count: int) -> str:
    return " ".join(generator.choice(WORDS) for _ in range(count))


def documents(kind: str) -> list[dict[str, Any]]:
    generator = random.Random(kind)
    rows = []
    for _ in range(23):
        question = sentence(generator, generator.randint(1, 30))
        choices = [sentence(generator, generator.randint(1, 4)) for _ in range(4)]
        rows.append({"question": question, "choices": choices, "answer": generator.randrange(4), "text": choices[0]})
    return rows


SHARED = {
    "dataset_path": "json",
    "test_split": "test",
    "doc_to_text": "{{question}}",
    "metadata": {"version": 2.0},
}
TASKS: Mapping[str, Mapping[str, Any]] = {
    "local_choice": {
        "output_type": "multiple_choice",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
    },
    "local_cloze": {
        "output_type": "loglikelihood",
        "doc_to_target": "{{text}}",
        "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}],
    },
    "local_rolling": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{question}}",
        "metric_list": [{"metric": "byte_perplexity"}, {"metric": "bits_per_byte"}, {"metric": "word_perplexity"}],
    },
    "local_writing": {
        "output_type": "generate_until",
        "doc_to_target": "{{text}}",
        "generation_kwargs": {"until": ["e", "\n"], "max_gen_toks": 24, "do_sample": False},
        "metric_list": [{"metric": "exact_match"}],
    },
}


@pytest.fixture(scope="session")
def task_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The YAML files and the documents of `TASKS`."""
    folder = tmp_path_factory.mktemp("tasks")
    for name, config in TASKS.items():
        lines = [json.dumps(row) for row in documents(name)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        whole = {"task": name, **SHARED, **config}
        whole["dataset_kwargs"] = {"data_files": {"test": str(folder / f"{name}.jsonl")}}
        # JSON is YAML.
        (folder / f"{name}.yaml").write_text(json.dumps(whole), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def datasets_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("datasets")


def write_tokenizer(folder: Path) -> None:
    """Bytes of UTF-8 under the names that byte-level tokenizers give them, with tokens that begin and end a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("s", "t"), ("Ġ", "s"), ("e", "n"), ("k", "en"), ("Ġ", "m")]
    tokens = [*letters, *("".join(pair) for pair in merges)]
    model = models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|begin|>", eos_token="<|end|>", pad_token="<|end|>"
    )
    fast.save_pretrained(folder)


def grown(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Larger weights, with which every part counts: fresh models are nearly linear."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))
    return module.eval()


def make_mamba(**changed: Any) -> torch.nn.Module:
    from transformers import MambaConfig, MambaForCausalLM

    sizes: dict[str, Any] = {
        "vocab_size": VOCAB, "hidden_size": 32, "state_size": 8, "num_hidden_layers": 2,
        "pad_token_id": 262, "bos_token_id": 261, "eos_token_id": 262,
    }  # fmt: skip
    return grown(MambaForCausalLM(MambaConfig(**{**sizes, **changed})), 1)


def make_gpt_neox(**changed: Any) -> torch.nn.Module:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    sizes: dict[str, Any] = {
        "vocab_size": VOCAB, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 128, "max_position_embeddings": 512, "bos_token_id": 261, "eos_token_id": 262,
        "attn_implementation": "eager",
    }  # fmt: skip
    return grown(GPTNeoXForCausalLM(GPTNeoXConfig(**{**sizes, **changed})), 2)


MAKERS = {"mamba": make_mamba, "gpt_neox": make_gpt_neox}


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A folder for each model as `transformers` saves it, with the tokenizer beside it."""
    folders = {}
    for name, make in MAKERS.items():
        folders[name] = tmp_path_factory.mktemp(name)
        make().save_pretrained(folders[name])
        write_tokenizer(folders[name])
    return folders
