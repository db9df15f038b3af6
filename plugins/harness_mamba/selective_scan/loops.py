"""The two passes of the kernel `cpu`, in the part of Python that numba compiles.

Arrays are flat: an index is written out as row * width + column, where width is the number of channels, a multiple of
the vector, and a block is the channels of one vector. Letters as in `reference`; `version` only tells numba when
the machine code that it kept is out of date.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness_mamba.selective_scan.vectors import FINGERPRINT, LANES, exp2, load, repeat, store, total, zeros

if TYPE_CHECKING:
    from harness.interfaces import Array

LOG2_E = math.log2(math.e)


def scan_forward(
    u: Array,
    dt: Array,
    A: Array,
    B: Array,
    C: Array,
    D: Array,
    y: Array,
    starts: Array,
    h: Array,
    batch: int,
    length: int,
    width: int,
    states: int,
    chunk: int,
    version: int = FINGERPRINT,
) -> None:
    """Writes y [batch, length, width] and starts [batch, chunks, blocks, states, lanes]."""
    blocks = width // LANES
    chunks = (length + chunk - 1) // chunk
    size = states * LANES
    for b in range(batch):
        for k in range(blocks):
            rates = k * size
            skip = load(D, k * LANES)
            for n in range(0, size, LANES):
                store(h, n, zeros(h))
            for t in range(length):
                if t % chunk == 0:
                    start = ((b * chunks + t // chunk) * blocks + k) * size
                    for n in range(0, size, LANES):
                        store(starts, start + n, load(h, n))
                row = b * length + t
                at = row * width + k * LANES
                u_t = load(u, at)
                dt_t = load(dt, at)
                log2_t = dt_t * LOG2_E
                x_t = dt_t * u_t
                y_t = skip * u_t
                for n in range(states):
                    decay = exp2(log2_t * load(A, rates + n * LANES))
                    h_t = decay * load(h, n * LANES) + x_t * repeat(B, row * states + n)
                    store(h, n * LANES, h_t)
                    y_t = y_t + h_t * repeat(C, row * states + n)
                store(y, at, y_t)


def scan_backward(
    u: Array,
    dt: Array,
    A: Array,
    B: Array,
    C: Array,
    D: Array,
    starts: Array,
    gy: Array,
    gu: Array,
    gdt: Array,
    gA: Array,
    gB: Array,
    gC: Array,
    gD: Array,
    h: Array,
    decays: Array,
    lanes_B: Array,
    lanes_C: Array,
    gh: Array,
    batch: int,
    length: int,
    width: int,
    states: int,
    chunk: int,
    version: int = FINGERPRINT,
) -> None:
    """Writes gu, gdt, gB, gC and adds to gA [blocks, states, lanes] and gD.

    Scratch for one chunk: h [chunk + 1, states, lanes], decays, and the gradients of B and C before their lanes are
    summed; gh [blocks, states, lanes] is what comes back from the step after.
    """
    blocks = width // LANES
    chunks = (length + chunk - 1) // chunk
    size = states * LANES
    for b in range(batch):
        for i in range(0, blocks * size, LANES):
            store(gh, i, zeros(gh))
        for c in range(chunks - 1, -1, -1):
            first = c * chunk
            steps = min(chunk, length - first)
            for i in range(0, steps * size, LANES):
                store(lanes_B, i, zeros(h))
                store(lanes_C, i, zeros(h))
            for k in range(blocks):
                rates = k * size
                skip = load(D, k * LANES)
                skip_gradient = load(gD, k * LANES)
                start = ((b * chunks + c) * blocks + k) * size
                for n in range(0, size, LANES):
                    store(h, n, load(starts, start + n))
                for t in range(steps):
                    row = b * length + first + t
                    at = row * width + k * LANES
                    dt_t = load(dt, at)
                    log2_t = dt_t * LOG2_E
                    x_t = dt_t * load(u, at)
                    for n in range(states):
                        i = t * size + n * LANES
                        decay = exp2(log2_t * load(A, rates + n * LANES))
                        store(decays, i, decay)
                        store(h, i + size, decay * load(h, i) + x_t * repeat(B, row * states + n))
                for t in range(steps - 1, -1, -1):
                    row = b * length + first + t
                    at = row * width + k * LANES
                    u_t = load(u, at)
                    dt_t = load(dt, at)
                    gy_t = load(gy, at)
                    x_t = dt_t * u_t
                    gx_t = zeros(h)
                    gdt_t = zeros(h)
                    for n in range(states):
                        i = t * size + n * LANES
                        j = rates + n * LANES
                        gh_t = load(gh, j) + gy_t * repeat(C, row * states + n)
                        store(lanes_C, i, load(lanes_C, i) + gy_t * load(h, i + size))
                        store(lanes_B, i, load(lanes_B, i) + gh_t * x_t)
                        gx_t = gx_t + gh_t * repeat(B, row * states + n)
                        back = gh_t * load(decays, i)
                        exponent = back * load(h, i)
                        gdt_t = gdt_t + exponent * load(A, j)
                        store(gA, j, load(gA, j) + exponent * dt_t)
                        store(gh, j, back)
                    store(gu, at, gx_t * dt_t + skip * gy_t)
                    store(gdt, at, gx_t * u_t + gdt_t)
                    skip_gradient = skip_gradient + gy_t * u_t
                store(gD, k * LANES, skip_gradient)
            for t in range(steps):
                row = b * length + first + t
                for n in range(states):
                    i = t * size + n * LANES
                    gB[row * states + n] = total(load(lanes_B, i))
                    gC[row * states + n] = total(load(lanes_C, i))
