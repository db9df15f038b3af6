"""Continuations are scored alike at any batch size, with every input read once."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from harness.bridges.lm_eval.scoring import make_span, score_spans, score_whole, share_inputs, shared_contexts
from harness.configuration import parse_config
from harness.errors import UsageError
from harness.interfaces import TokenData
from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels

CPU = torch.device("cpu")
VOCAB = 11


class Counting(nn.Module):
    """A causal model whose logits depend on all earlier tokens; it counts what it reads."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.table = torch.randn(VOCAB, VOCAB, generator=generator, dtype=torch.float64)
        self.passes: list[tuple[int, int]] = []

    def forward(self, tokens: Tensor) -> Tensor:
        self.passes.append((tokens.shape[0], tokens.shape[1]))
        places = torch.arange(1, tokens.shape[1] + 1)[None, :, None]
        return self.table[tokens].cumsum(dim=1) / places


def scores(spans, batch_size=1, model=None):
    passes = score_spans(model or Counting(), spans, batch_size=batch_size, device=CPU)
    found = dict(pair for scored in passes for pair in scored)
    return [found[index] for index in range(len(spans))]


SPANS = [
    make_span(context, continuation, 20)
    for context, continuation in [
        ((1, 2, 3), (4,)), ((1, 2, 3), (5,)), ((1, 2, 3), (4, 5, 6)), ((1,), (2, 3, 4, 5)), ((7,), (7,)),
        ((9, 9, 9, 9), (1, 2)), ((1, 2, 3), (4,)),
    ]
]  # fmt: skip


def test_a_score_is_the_sum_of_log_probabilities():
    model = Counting()
    [score] = scores([make_span((1, 2), (3, 4), 20)], model=model)
    log_probabilities = torch.log_softmax(model(torch.tensor([[1, 2, 3]])), dim=-1)[0]
    assert score.log_probability == pytest.approx(float(log_probabilities[1, 3] + log_probabilities[2, 4]))


def test_greedy_is_what_is_most_likely_at_every_place():
    model = Counting()
    first = int(model(torch.tensor([[1, 2]]))[0, -1].argmax())
    second = int(model(torch.tensor([[1, 2, first]]))[0, -1].argmax())
    wrong = (second + 1) % VOCAB
    found = scores([make_span((1, 2), (first, second), 20), make_span((1, 2), (first, wrong), 20)])
    assert [score.is_greedy for score in found] == [True, False]


@pytest.mark.parametrize("batch_size", [2, 3, 16])
def test_the_batch_size_changes_nothing(batch_size):
    alone, together = scores(SPANS), scores(SPANS, batch_size)
    assert [score.log_probability for score in together] == pytest.approx([score.log_probability for score in alone])
    assert [score.is_greedy for score in together] == [score.is_greedy for score in alone]


def test_inputs_that_begin_others_are_read_with_them():
    model = Counting()
    scores(SPANS, model=model)
    assert sorted(model.passes) == [(1, 1), (1, 5), (1, 5)]


def test_sharing_keeps_every_index_once():
    inputs = [(1, 2), (1,), (2,), (1, 2), (1, 2, 3), (2, 1)]
    shared = share_inputs(inputs)
    assert set(shared) == {(1, 2, 3), (2, 1)}
    assert sorted(index for indices in shared.values() for index in indices) == list(range(6))


def test_a_context_that_is_too_long_loses_its_oldest_tokens():
    span = make_span((1, 2, 3, 4, 5), (6, 7), 4)
    assert (span.inputs, span.targets, span.dropped) == ((3, 4, 5, 6), (6, 7), 2)


@pytest.mark.parametrize(
    ("context", "continuation", "message"),
    [((1,), (), "no tokens"), ((), (1,), "no context"), ((1,), (1, 2, 3, 4, 5), "max_length=5 or more")],
    ids=["continuation", "context", "length"],
)
def test_what_has_no_score_is_refused(context, continuation, message):
    with pytest.raises(UsageError, match=message):
        make_span(context, continuation, 4)


def test_probabilities_of_all_continuations_add_up_to_one():
    found = scores([make_span((1, 2), (token,), 20) for token in range(VOCAB)])
    assert math.fsum(math.exp(score.log_probability) for score in found) == pytest.approx(1)


LONG = tuple(index % 9 for index in range(40))
QUESTIONS = [
    make_span(context, continuation, 60)
    for context in (LONG, LONG[::-1], LONG[:33])
    for continuation in ((1,), (2, 3), (2, 4, 5, 6), (7,))
]
STREAMING = ("mamba", "s4", "s4d", "transformer", "gpt_neox", "infini_attention", "local_attention", "lstm")


def build(registry, name):
    spec = registry.models[name].spec
    kernels, _ = resolve_kernels("auto", spec, "cpu", registry)
    torch.manual_seed(0)
    config = parse_config(spec.config.load(), {"d_model": 16}, name)
    module = spec.build.load()(config, TokenData(vocab=VOCAB, length=64), load_kernels(kernels, registry)).eval()
    return module.double()


@pytest.mark.parametrize("batch_size", [1, 2, 16])
@pytest.mark.parametrize("name", STREAMING)
def test_going_on_from_a_context_is_reading_it_each_time(registry, name, batch_size):
    module = build(registry, name)
    spans = [*SPANS, *QUESTIONS]
    whole = dict(pair for part in score_whole(module, spans, batch_size=batch_size, device=CPU) for pair in part)
    found = scores(spans, batch_size, module)
    assert shared_contexts(spans)
    expected = [whole[index] for index in range(len(spans))]
    assert [one.log_probability for one in found] == pytest.approx([one.log_probability for one in expected], abs=1e-9)
    assert [one.is_greedy for one in found] == [one.is_greedy for one in expected]


def test_a_context_with_several_continuations_is_read_once(registry, monkeypatch):
    module = build(registry, "mamba")
    read = []
    monkeypatch.setattr(
        module, "read", lambda tokens, original=module.read: read.append(tokens.shape) or original(tokens)
    )
    monkeypatch.setattr(module, "forward", lambda tokens: pytest.fail("it was read whole"))
    scores(QUESTIONS, batch_size=2, model=module)
    assert sorted(map(tuple, read)) == [(1, 33), (2, 40)]


def test_short_contexts_and_single_continuations_are_read_whole():
    assert shared_contexts(SPANS) == {}
    assert shared_contexts(QUESTIONS[:1]) == {}
    assert shared_contexts(QUESTIONS[:4]) == {LONG: [0, 1, 2, 3]}
