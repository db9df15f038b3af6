"""The longest sequence, or the largest batch, whose step of training fits a given memory."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from harness.errors import PluginError
from harness.interfaces import (
    Budget,
    Dataset,
    Evidence,
    FitOutcome,
    Instruments,
    Record,
    Streams,
    TokenData,
    TokenLearner,
    Training,
)
from harness.runtime.failures import MEMORY_ERRORS, first_line, is_out_of_memory
from harness.runtime.memory_limits import Attempt, allocations_limited, largest_that_fits
from harness_scaling.options import BatchLimitOptions, MemoryLimitOptions
from harness_scaling.tokens import random_batch

MEBIBYTE = 2**20
ROOM_BYTES = 512 * MEBIBYTE
"""Beyond twice the limit, for what a step allocates elsewhere than through torch: more than that fails in earnest."""


@dataclass(kw_only=True)
class MemoryLimitTask:
    """A search by doubling and halving, in which each step of training is looked at for the most that it allocates.

    A length, or a batch, fits where that stays within `mebibytes`. Allocations that go far beyond fail, which is one
    that does not fit either. What is searched is `along`, up to `largest`.
    """

    options: MemoryLimitOptions | BatchLimitOptions
    instruments: Instruments | None = None
    dataset: None = None
    extra_splits: Mapping[str, str] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()

    def with_instruments(self, instruments: Instruments) -> MemoryLimitTask:
        return replace(self, instruments=instruments)

    def describe(self) -> TokenData:
        return TokenData(vocab=self.options.vocab, length=self._shape(self.largest)[1])

    @property
    def along(self) -> str:
        return "length" if isinstance(self.options, MemoryLimitOptions) else "batch"

    @property
    def largest(self) -> int:
        return self.options.longest if isinstance(self.options, MemoryLimitOptions) else self.options.largest

    def fit(
        self,
        learner: TokenLearner,
        data: Dataset | None,
        *,
        training: Training,
        budget: Budget,
        streams: Streams,
        device: torch.device,
        record: Record,
    ) -> FitOutcome:
        started = time.perf_counter()
        found = largest_that_fits(partial(self._attempt, device), multiple=self.options.multiple, largest=self.largest)
        self.attempts = found.attempts
        for number, attempt in enumerate(found.attempts):
            record(number + 1, {self.along: attempt.at, "fits": float(not attempt.reason)})
        beyond = [attempt for attempt in found.attempts if attempt.reason and attempt.at > found.at]
        least = min(beyond, key=lambda attempt: attempt.at, default=None)
        seconds = time.perf_counter() - started
        return FitOutcome(
            steps=2 * len(found.attempts),
            examples=0,
            tokens=0,
            seconds=seconds,
            step_seconds_median=seconds / (2 * len(found.attempts)),
            final_loss=math.nan,
            stopped=f"{self.along} {found.at} fits, the largest tried"
            if least is None
            else f"{self.along} {least.at} {least.reason}",
        )

    def evaluate(
        self, learner: TokenLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """Each length or batch that was tried (`at`) and whether it fits (`fits`)."""
        fits = [float(not attempt.reason) for attempt in self.attempts]
        return Evidence(arrays={"at": np.array([item.at for item in self.attempts]), "fits": np.array(fits)})

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        return {}

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> None:
        """None: nothing is measured but the memory."""

    def _shape(self, at: int) -> tuple[int, int]:
        """Sequences and tokens in each of them."""
        return (self.options.batch, at) if isinstance(self.options, MemoryLimitOptions) else (at, self.options.length)

    def _attempt(self, device: torch.device, at: int) -> str:
        if self.instruments is None:
            raise PluginError("memory_limit measures and got nothing to measure with; call with_instruments")
        limit = self.options.mebibytes * MEBIBYTE
        batch, length = self._shape(at)
        try:
            with allocations_limited(2 * limit + ROOM_BYTES, device):
                sized: Any = self.instruments.build(TokenData(vocab=self.options.vocab, length=length), {})
                step = partial(sized.train_step, random_batch(self.options.vocab, batch, length, device))
                started = time.perf_counter()
                step()
                seconds = time.perf_counter() - started
                peak = self.instruments.memory(step, sized.module).peak
        except MEMORY_ERRORS as error:
            if not is_out_of_memory(error):
                raise
            return f"runs out of memory ({first_line(error)})"
        if peak > limit:
            return f"takes {peak / MEBIBYTE:.1f} MiB, more than {self.options.mebibytes}"
        if seconds > self.options.call_seconds:
            return f"takes {seconds:.3g} s, more than {self.options.call_seconds:g} s"
        return ""
