"""Language models of bytes without learning, which answer the same questions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor, nn

from harness_data.ngrams import NUM_BYTES, ByteBigram, ByteUnigram, count_pairs

PRIOR = 8.0


class ByteTable(nn.Module):
    """Logits of the next byte by a table [256, 256] of the last one."""

    table: Tensor

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table)

    def forward(self, tokens: Int[Tensor, "batch length"]) -> Tensor:
        return self.table[tokens]


def baselines(windows: UInt8[np.ndarray, "windows length"]) -> Iterator[tuple[str, nn.Module]]:
    """By name: equal probabilities, frequencies of bytes, and frequencies after each byte.

    Pairs are smoothed by the frequencies, with the weight of 8 observations.
    """
    yield "uniform", ByteTable(torch.zeros(NUM_BYTES, NUM_BYTES, dtype=torch.float64))
    single = ByteUnigram.count(windows.ravel())
    yield "byte_unigram", ByteTable(torch.from_numpy(np.tile(np.log(single.probabilities), (NUM_BYTES, 1))))
    pairs = ByteBigram.smoothed(count_pairs(windows[:, :-1], windows[:, 1:]), single, PRIOR)
    yield "byte_bigram", ByteTable(torch.from_numpy(np.log(pairs.probabilities)))
