"""What the kernels of `infini_attention` launch, in which order: the same for Triton and CUDA.

Of S segments the first S - 1 are written, and state i, for segments 1 to S - 1, is what segment i + 1 reads: a row of M
and behind it z. Programs that share a sum each leave their part of it, and torch adds the parts up.

With W, y the sums of sigma(k)^T v and of sigma(k) over a segment, states of the linear rule are running sums of them.
Of delta's, z is that too. So each token's weight w = sigma(k) z is known before M, and what the segment takes back is a
matrix, made for all segments at once, which leaves only products of small matrices to be done in turn:

    M_i = M_{i-1} - C_i M_{i-1} + W_i        C_i = sum over the segment of sigma(k)^T sigma(k) / w

Its gradient is the same walk from the other end, for C is symmetric: with R_i what the reads of state i give,

    G_i = R_i + G_{i+1} - C_{i+1} G_{i+1}

The gradients of single reads and writes are those of `infini_memory`; those of attention are FlashAttention-2's.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from harness_infini.cuts import Cut, cut


@runtime_checkable
class Launches(Protocol):
    """The kernels, in one of the languages. States are packed: [batch, heads, S - 1, d_key * d_value + d_key]."""

    def sum_writes(self, k: Tensor, v: Tensor, parts: Tensor, cut: Cut) -> None:
        """W and y of each part of each segment but the last: [part, batch, heads, S - 1, size]."""

    def correlate(self, k: Tensor, states: Tensor, parts: Tensor, cut: Cut) -> None:
        """C of each part of each segment but the first and the last: [part, batch, heads, S - 2, d_key, d_key]."""

    def scan(self, x: Tensor, sums: Tensor, reverse: bool) -> None:
        """Running sums over the third axis, from its end with `reverse`. Both may be a part of packed states."""

    def walk(self, x: Tensor, C: Tensor, states: Tensor, d_value: int, reverse: bool) -> None:
        """M of every state from W, or G from R with `reverse`; x and states are packed, their z is left alone."""

    def attend(
        self, local_q: Tensor, local_k: Tensor, q: Tensor, v: Tensor, beta: Tensor, states: Tensor, mixed: Tensor,
        A_dot: Tensor, log_sums: Tensor, cut: Cut,
    ) -> None:  # fmt: skip
        """Attention inside segments, the read of each segment's state, and the gate."""

    def backward_reads(
        self, q: Tensor, gy: Tensor, A_dot: Tensor, beta: Tensor, states: Tensor, gq: Tensor, dots: Tensor,
        parts: Tensor, gbeta: Tensor, cut: Cut,
    ) -> None:  # fmt: skip
        """The gradients of queries, row sums of gy * A_dot, and each part's share in those of states and of beta."""

    def correct(self, k: Tensor, states: Tensor, gstates: Tensor, parts: Tensor, cut: Cut) -> None:
        """What the corrections of delta add to the gradient of z: [part, batch, heads, S - 2, d_key]."""

    def backward_queries(
        self, local_q: Tensor, local_k: Tensor, v: Tensor, beta: Tensor, log_sums: Tensor, dots: Tensor, gy: Tensor,
        glocal_q: Tensor, cut: Cut,
    ) -> None:  # fmt: skip
        """The gradients of local queries."""

    def backward_keys(
        self, local_q: Tensor, local_k: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_sums: Tensor, dots: Tensor,
        states: Tensor, gstates: Tensor, gy: Tensor, glocal_k: Tensor, gk: Tensor, gv: Tensor, is_delta: bool, cut: Cut,
    ) -> None:  # fmt: skip
        """The gradients of keys and values."""


# Annotations are types in this module, not strings: torch.library reads the schema of an operator from them.
def allocate(
    local_q: Tensor, local_k: Tensor, q: Tensor, k: Tensor, v: Tensor, beta: Tensor, segment_length: int, memory: str
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The output; what attention returns and its log-sum-exp, in base 2; every state; C where delta needs it."""
    batch, heads, length, d_key = q.shape
    num_states = -(-length // segment_length) - 1
    num_corrections = max(num_states - 1, 0) if memory == "delta" else 0
    return (
        v.new_empty(v.shape),
        v.new_empty(v.shape),
        v.new_empty((batch, heads, length), dtype=torch.float32),
        v.new_empty((batch, heads, num_states, d_key * v.shape[3] + d_key), dtype=torch.float32),
        v.new_empty((batch, heads, num_corrections, d_key, d_key), dtype=torch.float32),
    )


def forward(
    launches: Launches, local_q: Tensor, local_k: Tensor, q: Tensor, k: Tensor, v: Tensor, beta: Tensor,
    segment_length: int, memory: str, mixed: Tensor, A_dot: Tensor, log_sums: Tensor, states: Tensor, C: Tensor,
) -> None:  # fmt: skip
    used = cut(q, segment_length)
    if states.numel():
        parts = states.new_empty((used.num_parts, *states.shape))
        launches.sum_writes(k, v, parts, used)
        writes = parts.sum(0)
        if memory == "linear":
            launches.scan(writes, states, False)
        else:
            size = q.shape[3] * v.shape[3]
            launches.scan(writes[..., size:], states[..., size:], False)
            if C.numel():
                parts = C.new_empty((used.num_parts, *C.shape))
                launches.correlate(k, states, parts, used)
                C.copy_(parts.sum(0))
            launches.walk(writes, C, states, v.shape[3], False)
    launches.attend(local_q, local_k, q, v, beta.contiguous(), states, mixed, A_dot, log_sums, used)


def backward(
    launches: Launches, local_q: Tensor, local_k: Tensor, q: Tensor, k: Tensor, v: Tensor, beta: Tensor,
    segment_length: int, memory: str, A_dot: Tensor, log_sums: Tensor, states: Tensor, C: Tensor, gy: Tensor,
    glocal_q: Tensor, glocal_k: Tensor, gq: Tensor, gk: Tensor, gv: Tensor, gbeta: Tensor,
) -> None:  # fmt: skip
    used = cut(q, segment_length)
    beta = beta.contiguous()
    is_delta = memory == "delta"
    dots = torch.empty_like(log_sums)
    parts = states.new_empty((used.num_parts, *states.shape))
    shares = log_sums.new_empty((*q.shape[:2], used.num_segments * used.num_parts))
    launches.backward_reads(q, gy, A_dot, beta, states, gq, dots, parts, shares, used)
    gbeta.copy_(shares.sum((0, 2)))
    gstates = torch.empty_like(states)
    if states.numel():
        reads = parts.sum(0)
        if is_delta:
            _walk_back(launches, k, states, C, reads, gstates, v.shape[3], used)
        else:
            launches.scan(reads, gstates, True)
    launches.backward_queries(local_q, local_k, v, beta, log_sums, dots, gy, glocal_q, used)
    launches.backward_keys(
        local_q, local_k, k, v, beta, log_sums, dots, states, gstates, gy, glocal_k, gk, gv, is_delta, used
    )


def _walk_back(
    launches: Launches, k: Tensor, states: Tensor, C: Tensor, reads: Tensor, gstates: Tensor, d_value: int, used: Cut
) -> None:
    """The gradients of delta's states. Those of z need those of M, as the corrections divide by sigma(k) z."""
    launches.walk(reads, C, gstates, d_value, True)
    size = k.shape[3] * d_value
    sums = torch.zeros_like(reads[..., size:])
    if C.numel():
        parts = C.new_empty((used.num_parts, *C.shape[:4]))
        launches.correct(k, states, gstates, parts, used)
        sums[:, :, :-1].copy_(parts.sum(0))
    launches.scan(torch.stack((sums, reads[..., size:])).sum(0), gstates[..., size:], True)
