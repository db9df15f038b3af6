"""The class that lm-eval evaluates; where lm-eval is missing, `harness.bridges.lm_eval.language_model` says so."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text
from lm_eval.utils import simple_parse_args_string
from torch import nn
from tqdm import tqdm

from harness.bridges.lm_eval.arguments import MAX_LENGTH, asked_of, find_device, parse_arguments
from harness.bridges.lm_eval.building import build_module, plan_model
from harness.bridges.lm_eval.generation import generate
from harness.bridges.lm_eval.sampling import parse_generation
from harness.bridges.lm_eval.scoring import Span, make_span, score_spans
from harness.bridges.lm_eval.tokenization import Tokenizer, choose_tokenizer, load_tokenizer
from harness.bridges.lm_eval.windows import rolling_spans
from harness.bridges.lm_eval.writing import Writing, begin
from harness.errors import UsageError
from harness.interfaces import TokenData
from harness.runtime.seeding import SeedStreams

LOGGER = logging.getLogger(__name__)
MAX_NEW_TOKENS = 256
TokenRequest: TypeAlias = tuple[tuple[str, str] | None, Sequence[int], Sequence[int]]


class HarnessLM(TemplateLM):  # type: ignore[misc]
    """A causal module that maps tokens [batch, length] to logits [batch, length, vocab], as lm-eval sees it.

    Contexts of more than `max_length` tokens, less those that are generated, lose their oldest tokens; `truncated`
    counts these contexts. A continuation that is longer by itself is a UsageError. Generation goes by the streaming
    state where the module has one (`harness.interfaces.StepsTokens`). Sampling is of `seed`, the prompt and how often
    the prompt came before in the same call, so it does not depend on the batch size. `facts` go into lm-eval's results.
    """

    def __init__(
        self,
        module: nn.Module,
        tokenizer: Tokenizer,
        *,
        vocab: int,
        max_length: int = MAX_LENGTH,
        batch_size: int = 1,
        device: torch.device | None = None,
        seed: int = 0,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """`vocab` is the number of ids that the module knows. Raises UsageError where the tokenizer has more."""
        super().__init__()
        if tokenizer.vocab > vocab:
            raise UsageError(
                f"tokenizer {tokenizer.name} has ids up to {tokenizer.vocab - 1} and the model knows {vocab}; "
                "use the tokenizer that the model was trained with"
            )
        if batch_size < 1 or max_length < 1:
            raise UsageError(f"batch_size={batch_size}, max_length={max_length}; both are 1 or more")
        self.module = module.eval()
        self.max_length = max_length
        self.batch_size = batch_size
        self.truncated = 0
        self._tokens = tokenizer
        self._device = device or torch.device("cpu")
        self._seed = seed
        self._facts = dict(facts or {})

    @classmethod
    def create_from_arg_string(cls, arg_string: str, additional_config: dict[str, Any] | None = None) -> HarnessLM:
        """From `name=...,d_model=64`; see `create_from_arg_obj`."""
        return cls.create_from_arg_obj(simple_parse_args_string(arg_string), additional_config)

    @classmethod
    def create_from_arg_obj(
        cls, arg_dict: dict[str, Any], additional_config: dict[str, Any] | None = None
    ) -> HarnessLM:
        """From `--model_args` (`harness.bridges.lm_eval.arguments`). Raises UsageError or UnsupportedError."""
        arguments, options = parse_arguments(arg_dict, additional_config or {})
        asked = asked_of(arguments, options)
        plan = plan_model(asked)
        folder = Path(arguments.checkpoint) if arguments.checkpoint else None
        tokenizer = load_tokenizer(choose_tokenizer(arguments.tokenizer, folder, plan.vocab), arguments.prefix_token_id)
        vocab, max_length = plan.vocab or tokenizer.vocab, plan.max_length or MAX_LENGTH
        device = find_device(arguments.device)
        built = build_module(plan, TokenData(vocab=vocab, length=max_length), asked, device)
        return cls(
            built.module,
            tokenizer,
            vocab=vocab,
            max_length=max_length,
            batch_size=arguments.batch_size,
            device=device,
            seed=arguments.seed,
            facts=built.facts,
        )

    @property
    def eot_token_id(self) -> int:
        return self._tokens.prefix if self._tokens.end is None else self._tokens.end

    @property
    def prefix_token_id(self) -> int:
        return self._tokens.prefix

    @property
    def tokenizer_name(self) -> str:
        return self._tokens.name

    def tok_encode(self, string: str, add_special_tokens: bool | None = None) -> list[int]:
        return self._tokens.encode(string, special=add_special_tokens is not False)

    def get_model_info(self) -> dict[str, Any]:
        """What lm-eval writes into the results of an evaluation."""
        return {
            "model_num_parameters": sum(parameter.numel() for parameter in self.module.parameters()),
            "harness_model": self._facts,
            "tokenizer": self._tokens.name,
            "max_length": self.max_length,
            "truncated_contexts": self.truncated,
        }

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Log-probability in nats of each continuation, and whether greedy decoding gives it."""
        if any(request.args[1] == "" for request in requests):
            raise UsageError("a request has an empty continuation, which has no probability; correct the task")
        return super().loglikelihood(requests, disable_tqdm=disable_tqdm)  # type: ignore[no-any-return]

    def _loglikelihood_tokens(
        self, requests: Sequence[TokenRequest], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        spans = [make_span(context, continuation, self.max_length) for _, context, continuation in requests]
        self._count_truncated(sum(span.dropped > 0 for span in spans))
        answers = self._score(spans, disable_tqdm)
        for (texts, _, _), answer in zip(requests, answers, strict=True):
            if texts is not None:
                self.cache_hook.add_partial("loglikelihood", texts, answer)
        return answers

    def _score(self, spans: Sequence[Span], disable_tqdm: bool) -> list[tuple[float, bool]]:
        answers = [(0.0, False)] * len(spans)
        passes = score_spans(self.module, spans, batch_size=self.batch_size, device=self._device)
        with tqdm(total=len(spans), disable=disable_tqdm, desc="Scoring continuations") as progress:
            for scores in passes:
                for index, score in scores:
                    answers[index] = (score.log_probability, score.is_greedy)
                progress.update(len(scores))
        return answers

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """Log-probability in nats of each text, in windows that lm-eval cuts: each token is predicted once."""
        windows = [
            (owner, span)
            for owner, request in enumerate(requests)
            for span in rolling_spans(self.tok_encode(request.args[0]), self.prefix_token_id, self.max_length)
        ]
        totals = [0.0] * len(requests)
        answers = self._score([span for _, span in windows], disable_tqdm)
        for (owner, _), (log_probability, _) in zip(windows, answers, strict=True):
            totals[owner] += log_probability
        for request, total in zip(requests, totals, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return totals

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """What the model writes after each prompt, up to the first text of `until` or the tokenizer's end.

        Raises UsageError for options that are not known and where `max_gen_toks` leaves no room for a prompt.
        """
        rows = self._begin(requests)
        self._count_truncated(sum(row.dropped > 0 for row in rows))
        shortest_first = sorted(rows, key=lambda row: (len(row.prompt), row.options.max_tokens))
        with tqdm(total=len(rows), disable=disable_tqdm, desc="Generating") as progress:
            for start in range(0, len(rows), self.batch_size):
                batch = shortest_first[start : start + self.batch_size]
                generate(self.module, batch, self._device)
                progress.update(len(batch))
        texts = [postprocess_generated_text(row.text, list(row.options.until), None) for row in rows]
        for request, text in zip(requests, texts, strict=True):
            self.cache_hook.add_partial("generate_until", request.args, text)
        return texts

    def _begin(self, requests: Sequence[Instance]) -> list[Writing]:
        streams = SeedStreams(self._seed, "generation")
        seen: Counter[str] = Counter()
        rows = []
        for prompt, given in (request.args for request in requests):
            rows.append(
                begin(
                    self.tok_encode(prompt),
                    parse_generation(normalize_gen_kwargs(given, MAX_NEW_TOKENS)),
                    tokenizer=self._tokens,
                    max_length=self.max_length,
                    generator=streams.torch(f"{seen[prompt]}/{prompt}"),
                )
            )
            seen[prompt] += 1
        return rows

    def _count_truncated(self, contexts: int) -> None:
        if contexts and not self.truncated:
            LOGGER.warning(
                "contexts are longer than max_length=%d admits: they lose their oldest tokens; the results count them",
                self.max_length,
            )
        self.truncated += contexts
