"""Texts are the same however they are written: by a state, with prompts at once, or by reading everything again."""

from __future__ import annotations

import pytest
import torch

from harness.bridges.lm_eval.generation import read_and_step, recompute, step
from harness.bridges.lm_eval.sampling import GenerationOptions, Sampling, parse_generation, sample
from harness.bridges.lm_eval.tokenization import ByteTokenizer
from harness.bridges.lm_eval.writing import begin
from harness.configuration import parse_config
from harness.errors import UsageError
from harness.interfaces import TokenData
from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.runtime.seeding import SeedStreams

CPU = torch.device("cpu")
MODELS = (
    "mamba",
    "s4",
    "s4d",
    "transformer",
    "gpt_neox",
    "infini_attention",
    "local_attention",
    "linear_attention",
    "lstm",
)
PROMPTS = ("a", "state space", "token", "tokens", "a longer prompt than the others", "")
GREEDY = GenerationOptions(until=(), max_tokens=9, sampling=None)
DRAWN = GenerationOptions(until=(), max_tokens=9, sampling=Sampling(temperature=0.7, top_k=40, top_p=0.9))


def build(registry, name):
    spec = registry.models[name].spec
    kernels, _ = resolve_kernels("auto", spec, "cpu", registry)
    torch.manual_seed(0)
    config = parse_config(spec.config.load(), {"d_model": 16}, name)
    module = spec.build.load()(config, TokenData(vocab=256, length=64), load_kernels(kernels, registry)).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return module.double()


def rows(prompts=PROMPTS, options=GREEDY, max_length=64):
    streams = SeedStreams(0, "generation")
    tokenizer = ByteTokenizer()
    return [
        begin(
            list(prompt.encode()), options, tokenizer=tokenizer, max_length=max_length, generator=streams.torch(prompt)
        )
        for prompt in prompts
    ]


def written(write, module, options=GREEDY, batch_size=None):
    texts = rows(options=options)
    batch_size = batch_size or len(texts)
    for start in range(0, len(texts), batch_size):
        write(module, texts[start : start + batch_size], CPU)
    return [row.written for row in texts]


@pytest.mark.parametrize("name", MODELS)
def test_all_ways_of_writing_give_the_same(registry, name):
    module = build(registry, name)
    with torch.no_grad():
        expected = written(recompute, module)
        assert written(step, module) == expected
        assert written(read_and_step, module) == expected
    assert len({tuple(tokens) for tokens in expected}) > 3


@pytest.mark.parametrize("options", [GREEDY, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_the_batch_size_changes_nothing(registry, options, batch_size):
    module = build(registry, "mamba")
    with torch.no_grad():
        assert written(read_and_step, module, options, batch_size) == written(read_and_step, module, options)


def test_a_text_ends_with_what_it_must_not_have(registry):
    module = build(registry, "mamba")
    with torch.no_grad():
        [[first, second, third, *_], *_] = written(read_and_step, module)
        until = bytes([first, second, third]).decode("utf-8", errors="replace")
        [row] = rows(PROMPTS[:1], GenerationOptions(until=(until,), max_tokens=9, sampling=None))
        read_and_step(module, [row], CPU)
    assert row.written == [first, second, third]


def test_a_prompt_without_room_loses_its_oldest_tokens():
    [row] = rows(["a longer prompt"], max_length=13)
    assert (bytes(row.prompt), row.dropped) == (b"ompt", 11)


def test_no_room_for_a_prompt_is_refused():
    with pytest.raises(UsageError, match="max_gen_toks=9 leaves no room"):
        rows(["x"], max_length=9)


def test_drawn_tokens_follow_their_probabilities():
    logits = torch.tensor([1.0, 3.0, 2.0, -1.0])
    generator = torch.Generator().manual_seed(0)
    sampling = Sampling(temperature=2.0)
    counts = torch.bincount(torch.tensor([sample(logits, sampling, generator) for _ in range(4000)]), minlength=4)
    expected = torch.softmax(logits / 2.0, dim=0)
    assert float((counts / 4000 - expected).abs().max()) < 0.03


@pytest.mark.parametrize(
    ("sampling", "kept"), [(Sampling(top_k=2), {1, 2}), (Sampling(top_p=0.6), {1}), (Sampling(top_p=0.7), {1, 2})],
    ids=["top_k", "one", "two"],
)  # fmt: skip
def test_only_the_most_likely_tokens_are_drawn(sampling, kept):
    generator = torch.Generator().manual_seed(0)
    logits = torch.tensor([1.0, 3.0, 2.0, -1.0])
    assert {sample(logits, sampling, generator) for _ in range(200)} == kept


OPTIONS = {"until": ["\n"], "max_gen_toks": 5, "do_sample": False}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"beam": 3}, "no option 'beam'"),
        ({"max_gen_toks": 0}, "nothing would be generated"),
        ({"do_sample": True, "temperature": 0.0}, "temperature=0.0"),
        ({"do_sample": True, "top_p": 1.5}, "top_p=1.5"),
    ],
    ids=["unknown", "none", "temperature", "top_p"],
)
def test_options_that_are_not_there_are_refused(changed, message):
    with pytest.raises(UsageError, match=message):
        parse_generation(OPTIONS | changed)
