"""Training, reading and generating token sequences of growing length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import PluginError
from harness.interfaces import StepsTokens, TokenBatch, TokenData, TokenLearner, Training
from harness.runtime.cost_curves import CostCurveTask, Workload
from harness.runtime.learning import DefaultTokenLearner
from harness.runtime.measuring import nested_bytes
from harness_scaling.options import DecodeBatchOptions, DecodeOptions, TokenOptions


class EmptyTokenModel(nn.Module):
    """The same logits everywhere: what surrounds a model costs as much, the model nothing."""

    def __init__(self, vocab: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(vocab))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.logits.expand(*tokens.shape, -1)


def random_batch(vocab: int, batch: int, length: int, device: torch.device) -> TokenBatch:
    """Tokens [batch, length] and the tokens after them, of which a model can learn nothing."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(vocab, (batch, length + 1), generator=generator).to(device)
    return TokenBatch(inputs=tokens[:, :-1].contiguous(), targets=tokens[:, 1:].contiguous())


@dataclass(kw_only=True)
class LengthTask(CostCurveTask):
    """Along the length of sequences."""

    options: TokenOptions

    @property
    def along(self) -> str:
        return "length"

    @property
    def points(self) -> Sequence[int]:
        return self.options.lengths

    def describe(self) -> TokenData:
        return TokenData(vocab=self.options.vocab, length=self.options.lengths[-1])

    def sized(self, length: int) -> Any:
        """A learner of the model for this length: some compute as much for shorter sequences as for the longest."""
        return self.measured_with.build(TokenData(vocab=self.options.vocab, length=length), {})

    def batch(self, length: int, device: torch.device) -> TokenBatch:
        return random_batch(self.options.vocab, self.options.batch_at(length), length, device)


@dataclass(kw_only=True)
class TrainingStepTask(LengthTask):
    """A step of training: forward, backward, optimiser."""

    def workloads(self, learner: TokenLearner, training: Training, device: torch.device) -> Iterator[Workload]:
        sized = ((self.batch(length, device), self.sized(length)) for length in self.points)
        return training_steps(sized, self.options.vocab, training, device)


def training_steps(
    sized: Iterable[tuple[TokenBatch, Any]], vocab: int, training: Training, device: torch.device
) -> Iterator[Workload]:
    """A step of each learner on its batch, beside it the same with a model that computes nothing."""
    empty = DefaultTokenLearner(EmptyTokenModel(vocab).to(device), training=replace(training, compile=False), steps=1)
    for batch, learner in sized:
        yield Workload(
            call=partial(learner.train_step, batch),
            module=learner.module,
            examples=len(batch.inputs),
            units=batch.inputs.numel(),
            empty=partial(empty.train_step, batch),
        )


@dataclass(kw_only=True)
class PrefillTask(LengthTask):
    """Logits of every position of a sequence that is given at once."""

    def workloads(self, learner: TokenLearner, training: Training, device: torch.device) -> Iterator[Workload]:
        for length in self.points:
            batch, sized = self.batch(length, device), self.sized(length)
            sized.module.eval()
            yield Workload(
                call=partial(_without_gradients, sized, batch),
                module=sized.module,
                examples=len(batch.inputs),
                units=batch.inputs.numel(),
            )


@torch.no_grad()
def _without_gradients(learner: TokenLearner, batch: TokenBatch) -> Tensor:
    return learner.logits(batch)


@dataclass(kw_only=True)
class DecodeTask(CostCurveTask):
    """One more token after a context that was read token by token, from the state that the model kept of it."""

    options: DecodeOptions

    @property
    def along(self) -> str:
        return "context"

    @property
    def points(self) -> Sequence[int]:
        return self.options.contexts

    def describe(self) -> TokenData:
        return TokenData(vocab=self.options.vocab, length=self.options.contexts[-1] + 1)

    def workloads(self, learner: TokenLearner, training: Training, device: torch.device) -> Iterator[Workload]:
        """The next token is read from the same state at every call; the state after it is let go."""
        module = _stepping(learner)
        tokens = random_batch(self.options.vocab, self.options.batch, self.points[-1] + 1, device).inputs
        state, read = module.initial_state(self.options.batch), 0
        for context in self.points:
            state, read = _read(module, tokens[:, read:context], state), context
            yield Workload(
                call=partial(_step, module, tokens[:, context], state),
                module=learner.module,
                examples=self.options.batch,
                units=self.options.batch,
                state_bytes=nested_bytes(state) // self.options.batch,
            )


@dataclass(kw_only=True)
class DecodeBatchTask(CostCurveTask):
    """One more token of several sequences at once, each after a context of its own that was read token by token."""

    options: DecodeBatchOptions

    @property
    def along(self) -> str:
        return "batch"

    @property
    def points(self) -> Sequence[int]:
        return self.options.batches

    def describe(self) -> TokenData:
        return TokenData(vocab=self.options.vocab, length=self.options.context + 1)

    def workloads(self, learner: TokenLearner, training: Training, device: torch.device) -> Iterator[Workload]:
        module, context = _stepping(learner), self.options.context
        for batch in self.points:
            tokens = random_batch(self.options.vocab, batch, context + 1, device).inputs
            state = _read(module, tokens[:, :context], module.initial_state(batch))
            yield Workload(
                call=partial(_step, module, tokens[:, context], state),
                module=learner.module,
                examples=batch,
                units=batch,
                state_bytes=nested_bytes(state) // batch,
            )


def _stepping(learner: TokenLearner) -> StepsTokens:
    """The network, about to be evaluated."""
    module = learner.module.eval()
    if not isinstance(module, StepsTokens):
        raise PluginError(f"{type(module).__name__} declares steps_tokens but lacks initial_state or step")
    return module


@torch.no_grad()
def _read(module: StepsTokens, tokens: Tensor, state: Any) -> Any:
    for token in tokens.unbind(dim=1):
        _, state = module.step(token, state)
    return state


@torch.no_grad()
def _step(module: StepsTokens, tokens: Tensor, state: Any) -> Tensor:
    return module.step(tokens, state)[0]
