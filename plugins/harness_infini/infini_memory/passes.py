"""What the kernels of `infini_memory` launch, in which order: the same for Triton and CUDA.

Programs that share a sum each leave their part of it, and torch adds the parts up.

With u the gradient of a written value, r what the memory returns for its key, w = sigma(k) z, and G, c those of the new
memory and its z, the gradients of a write are

    u = sigma(k) G
    d sigma(k) = (v - r) G^T + c - (u M^T - (u r) z) / w        d M = G - sum sigma(k)^T u / w
    d v = u                                                     d z = c + sum sigma(k) (u r) / w

where the linear rule has r = 0 and no sums. Those of a read A = sigma(q) M / w with w = sigma(q) z are

    d sigma(q) = (dA M^T - (dA A) z) / w        d M += sum sigma(q)^T dA / w        d z -= sum sigma(q) (dA A) / w
"""

from typing import Protocol, runtime_checkable

from torch import Tensor

from harness_infini.cuts import Cut, cut, pack, unpack


@runtime_checkable
class Launches(Protocol):
    """The kernels, in one of the languages. States are packed; parts are [part, batch, heads, ...]."""

    def read(self, q: Tensor, states: Tensor, A_mem: Tensor) -> None:
        """What the states return."""

    def sum_writes(self, k: Tensor, v: Tensor, states: Tensor | None, parts: Tensor, cut: Cut) -> None:
        """What each part adds to its state; with `states`, what delta adds to them."""

    def backward_reads(self, q: Tensor, gA: Tensor, states: Tensor, gq: Tensor, parts: Tensor, cut: Cut) -> None:
        """The gradients of queries, and what each part adds to those of states."""

    def backward_writes(
        self, k: Tensor, v: Tensor, states: Tensor, gstates: Tensor, gk: Tensor, gv: Tensor, parts: Tensor | None,
        cut: Cut,
    ) -> None:  # fmt: skip
        """The gradients of keys and values; with `parts`, what delta adds to those of states."""


# Annotations are types in this module, not strings: torch.library reads the schema of an operator from them.
def allocate(q: Tensor, k: Tensor, v: Tensor, M: Tensor, z: Tensor, memory: str) -> tuple[Tensor, Tensor, Tensor]:
    return v.new_empty(v.shape), M.new_empty(M.shape), z.new_empty(z.shape)


def forward(
    launches: Launches, q: Tensor, k: Tensor, v: Tensor, M: Tensor, z: Tensor, memory: str, A_mem: Tensor,
    new_M: Tensor, new_z: Tensor,
) -> None:  # fmt: skip
    used = cut(q, q.shape[2])
    states = pack(M, z)
    parts = states.new_empty((1 + used.num_parts, *states.shape))
    parts[0].copy_(states)
    launches.read(q, states, A_mem)
    launches.sum_writes(k, v, states if memory == "delta" else None, parts[1:], used)
    unpack(parts.sum(0), new_M, new_z)


def backward(
    launches: Launches, q: Tensor, k: Tensor, v: Tensor, M: Tensor, z: Tensor, memory: str, gA: Tensor, gnew_M: Tensor,
    gnew_z: Tensor, gq: Tensor, gk: Tensor, gv: Tensor, gM: Tensor, gz: Tensor,
) -> None:  # fmt: skip
    used = cut(q, q.shape[2])
    states, gstates = pack(M, z), pack(gnew_M, gnew_z)
    num_sums = 2 if memory == "delta" else 1
    parts = states.new_empty((1 + num_sums * used.num_parts, *states.shape))
    parts[0].copy_(gstates)
    of_reads, of_writes = parts[1 : 1 + used.num_parts], parts[1 + used.num_parts :]
    launches.backward_reads(q, gA, states, gq, of_reads, used)
    launches.backward_writes(k, v, states, gstates, gk, gv, of_writes if memory == "delta" else None, used)
    unpack(parts.sum(0), gM, gz)
