"""What the bridge to lm-eval costs: our models in it against lm-eval's own wrapper of `transformers`, same weights.

    python benchmarks/lm_eval_bridge.py --d-model 256 --layers 4 --batch-size 8

Both answer the same requests on one thread: continuations after contexts of several hundred bytes (four choices each),
whole texts in windows, and generation of 64 tokens, and of 256 after one short prompt. Of Mamba the wrapper runs the
recurrence of `transformers` without compiled extensions, its slow path. Rounds are interleaved in one process; the
figures are medians and the quartiles of the rounds' ratios (their time over ours). Answers are compared first.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch

from harness.bridges.lm_eval import language_model

VOCAB, LENGTH = 320, 1024
NEVER = "no text of bytes drawn at random has this in it"
TEXT = Path(statistics.__file__).read_text(encoding="utf-8")


def their_model(name: str, d_model: int, layers: int) -> torch.nn.Module:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, MambaConfig, MambaForCausalLM

    """With random weights, of which none favours an id that is no byte: no text ends before its last token."""
    torch.manual_seed(0)
    marks = {"vocab_size": VOCAB, "pad_token_id": 257, "bos_token_id": 256, "eos_token_id": 257}
    if name == "mamba":
        model: torch.nn.Module = MambaForCausalLM(MambaConfig(hidden_size=d_model, num_hidden_layers=layers, **marks))
    else:
        sizes = {"hidden_size": d_model, "num_hidden_layers": layers, "intermediate_size": 4 * d_model}
        model = GPTNeoXForCausalLM(
            GPTNeoXConfig(**sizes, num_attention_heads=4, max_position_embeddings=LENGTH, **marks)
        )
    with torch.no_grad():
        model.get_output_embeddings().weight[256:] = 0.0
    return model


def write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|begin|>", eos_token="<|end|>", pad_token="<|end|>"
    )
    fast.save_pretrained(folder)


def instances(kind: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    from lm_eval.api.instance import Instance

    return [Instance(request_type=kind, doc={}, arguments=given, idx=n) for n, given in enumerate(arguments)]


def requests(new_tokens: int) -> dict[str, list[Any]]:
    """Of each kind, from the same text. No text ends a generation, so that both write all of it."""
    contexts = [TEXT[start : start + 200 + 37 * (start // 500 % 9)] for start in range(0, 8_000, 500)]
    choices = [(context, f" {word}") for context in contexts for word in ("return", "value", "if x", "sum of")]
    writing = {"until": [NEVER], "max_gen_toks": new_tokens, "do_sample": False}
    return {
        "loglikelihood": instances("loglikelihood", choices),
        "loglikelihood_rolling": instances(
            "loglikelihood_rolling", [(TEXT[i : i + 1500],) for i in range(0, 12_000, 1500)]
        ),
        "generate_until": instances("generate_until", [(context, writing) for context in contexts[:8]]),
    }


def answer(lm: Any, kind: str, asked: list[Any]) -> list[Any]:
    found: list[Any] = getattr(lm, kind)(asked, disable_tqdm=True)
    return found


def agree(kind: str, ours: list[Any], theirs: list[Any]) -> bool:
    if kind == "loglikelihood":
        ours, theirs = ([nats for nats, _ in answers] for answers in (ours, theirs))
    if kind == "generate_until":
        return ours == theirs
    return max(abs(mine - other) for mine, other in zip(ours, theirs, strict=True)) < 1e-2


def compare(title: str, kind: str, asked: list[Any], ours: Any, theirs: Any, rounds: int) -> None:
    """One line: do the answers agree, and how long does each take?"""
    found = answer(ours, kind, asked)
    same = agree(kind, found, answer(theirs, kind, asked))
    times: list[tuple[float, float]] = []
    for _ in range(rounds):
        taken = []
        for lm in (ours, theirs):
            started = time.perf_counter()
            answer(lm, kind, asked)
            taken.append(time.perf_counter() - started)
        times.append((taken[0], taken[1]))
    ratios = [other / mine for mine, other in times]
    low, middle, high = statistics.quantiles(ratios, n=4)
    mine, other = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"{title:32} {'same' if same else 'DIFFERENT'}  ours {mine:7.3f} s  theirs {other:7.3f} s  "
        f"ratio {middle:6.2f} ({low:.2f} to {high:.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--d-model", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    from lm_eval.models.huggingface import HFLM

    for name in ("mamba", "gpt_neox"):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            their_model(name, chosen.d_model, chosen.layers).save_pretrained(folder)
            write_tokenizer(folder)
            shared = {"batch_size": chosen.batch_size, "max_length": LENGTH}
            ours = language_model().create_from_arg_obj({"checkpoint": str(folder), "device": "cpu", **shared})
            theirs = HFLM(pretrained=str(folder), device="cpu", dtype="float32", **shared)
            for kind, asked in requests(64).items():
                compare(f"{name} {kind}", kind, asked, ours, theirs, chosen.rounds)
            one = instances("generate_until", [(TEXT[:40], {"until": [NEVER], "max_gen_toks": 256})])
            compare(f"{name} 256 tokens of one text", "generate_until", one, ours, theirs, chosen.rounds)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    main()
