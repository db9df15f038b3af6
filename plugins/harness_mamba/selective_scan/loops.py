"""The two passes of the kernel `cpu`, in the part of Python that numba compiles.

Arrays are flat: an index is written out as row * width + column. A block is the channels of one vector. Where the
channels are no multiple of the vector, the last block begins earlier and shares channels with the one before: both
write the same numbers forward; backward, `kept` makes the gradients of the shared ones zero in the last block, which
therefore comes first. There are never fewer channels than a vector has. Letters as in `reference`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness_mamba.vectorised.functions import exp2, sigmoid, softplus
from harness_mamba.vectorised.vectors import LANES, load, repeat, store, total, zeros

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
    z: Array,
    bias: Array,
    initial: Array,
    y: Array,
    final: Array,
    starts: Array,
    batch: int,
    length: int,
    width: int,
    states: int,
    gate_stride: int,
    positive: int,
    chunk: int,
) -> None:
    """Writes y, the final state and starts [batch, chunks - 1, blocks, states, lanes], the states before later chunks.

    The gate is left out where `gate_stride`, by which its rows lie apart, is zero; softplus where `positive` is; and
    the initial state is zero where `initial` is empty.
    """
    blocks = (width + LANES - 1) // LANES
    chunks = (length + chunk - 1) // chunk
    size = states * LANES
    rates = np.empty(blocks * size, u.dtype)
    h = np.empty(blocks * size, u.dtype)
    step_sizes = np.empty(chunk * LANES, u.dtype)
    for k in range(blocks):
        first = min(k * LANES, width - LANES)
        for n in range(states):
            for lane in range(LANES):
                rates[k * size + n * LANES + lane] = A[(first + lane) * states + n] * LOG2_E
    for b in range(batch):
        for k in range(blocks):
            corner = (b * width + min(k * LANES, width - LANES)) * states
            for n in range(states):
                for lane in range(LANES):
                    given = initial[corner + lane * states + n] if initial.size > 0 else 0.0
                    h[k * size + n * LANES + lane] = given
        for c in range(chunks):
            begin = c * chunk
            steps = min(chunk, length - begin)
            if c > 0:
                start = (b * (chunks - 1) + c - 1) * blocks * size
                for i in range(0, blocks * size, LANES):
                    store(starts, start + i, load(h, i))
            for k in range(blocks):
                first = min(k * LANES, width - LANES)
                skip = load(D, first)
                shift = load(bias, first)
                for t in range(steps):
                    dt_t = load(dt, (b * length + begin + t) * width + first) + shift
                    store(step_sizes, t * LANES, softplus(dt_t) if positive else dt_t)
                for t in range(steps):
                    row = b * length + begin + t
                    at = row * width + first
                    u_t = load(u, at)
                    dt_t = load(step_sizes, t * LANES)
                    x_t = dt_t * u_t
                    y_t = skip * u_t
                    for n in range(states):
                        i = k * size + n * LANES
                        decay = exp2(dt_t * load(rates, i))
                        h_t = decay * load(h, i) + x_t * repeat(B, row * states + n)
                        store(h, i, h_t)
                        y_t = y_t + h_t * repeat(C, row * states + n)
                    store(y, at, y_t)
                if gate_stride > 0:
                    for t in range(steps):
                        row = b * length + begin + t
                        z_t = load(z, row * gate_stride + first)
                        at = row * width + first
                        store(y, at, load(y, at) * (z_t * sigmoid(z_t)))
        for k in range(blocks):
            corner = (b * width + min(k * LANES, width - LANES)) * states
            for n in range(states):
                for lane in range(LANES):
                    final[corner + lane * states + n] = h[k * size + n * LANES + lane]


def scan_backward(
    u: Array,
    dt: Array,
    A: Array,
    B: Array,
    C: Array,
    D: Array,
    z: Array,
    bias: Array,
    initial: Array,
    starts: Array,
    gy: Array,
    gfinal: Array,
    gu: Array,
    gdt: Array,
    gA: Array,
    gB: Array,
    gC: Array,
    gD: Array,
    gz: Array,
    gbias: Array,
    ginitial: Array,
    batch: int,
    length: int,
    width: int,
    states: int,
    gate_stride: int,
    positive: int,
    chunk: int,
) -> None:
    """Writes the gradient of every argument. The states of one chunk are recomputed from the one before it.

    What a state needs lies together, so that few streams of memory get into each other's way:
    trail [chunk + 1, states, (decay, state after it), lanes] is the way forward through one chunk of one block,
    sums [chunk, states, (gradient of B, of C), lanes] collects over the blocks before lanes are added up,
    rates [blocks, states, (A, gradient that comes back from the step after, gradient of A), lanes] lasts.
    """
    blocks = (width + LANES - 1) // LANES
    chunks = (length + chunk - 1) // chunk
    shared = blocks * LANES - width
    trail = np.empty((chunk + 1) * states * 2 * LANES, u.dtype)
    sums = np.empty(chunk * states * 2 * LANES, u.dtype)
    rates = np.zeros(blocks * states * 3 * LANES, u.dtype)
    step_sizes = np.empty(chunk * LANES, u.dtype)
    skip_sums = np.zeros(blocks * LANES, u.dtype)
    bias_sums = np.zeros(blocks * LANES, u.dtype)
    kept = np.ones(blocks * LANES, u.dtype)
    kept[(blocks - 1) * LANES : (blocks - 1) * LANES + shared] = 0.0
    for k in range(blocks):
        first = min(k * LANES, width - LANES)
        for n in range(states):
            for lane in range(LANES):
                rates[(k * states + n) * 3 * LANES + lane] = A[(first + lane) * states + n]
    for b in range(batch):
        for k in range(blocks):
            corner = (b * width + min(k * LANES, width - LANES)) * states
            for n in range(states):
                returned = ((k * states + n) * 3 + 1) * LANES
                for lane in range(LANES):
                    of_last = gfinal[corner + lane * states + n]
                    rates[returned + lane] = of_last if kept[k * LANES + lane] > 0 else 0.0
        for c in range(chunks - 1, -1, -1):
            begin = c * chunk
            steps = min(chunk, length - begin)
            for i in range(0, steps * states * 2 * LANES, LANES):
                store(sums, i, zeros(u))
            for k in range(blocks - 1, -1, -1):
                first = min(k * LANES, width - LANES)
                skip = load(D, first)
                shift = load(bias, first)
                whole = load(kept, k * LANES)
                skip_sum = load(skip_sums, k * LANES)
                bias_sum = load(bias_sums, k * LANES)
                for n in range(states):
                    before = (2 * n + 1) * LANES
                    if c > 0:
                        start = ((b * (chunks - 1) + c - 1) * blocks + k) * states + n
                        store(trail, before, load(starts, start * LANES))
                    elif initial.size > 0:
                        for lane in range(LANES):
                            trail[before + lane] = initial[(b * width + first + lane) * states + n]
                    else:
                        store(trail, before, zeros(u))
                for t in range(steps):
                    dt_t = load(dt, (b * length + begin + t) * width + first) + shift
                    store(step_sizes, t * LANES, softplus(dt_t) if positive else dt_t)
                for t in range(steps):
                    row = b * length + begin + t
                    dt_t = load(step_sizes, t * LANES)
                    log2_t = dt_t * LOG2_E
                    x_t = dt_t * load(u, row * width + first)
                    for n in range(states):
                        before = (t * states + n) * 2 * LANES
                        now = before + states * 2 * LANES
                        decay = exp2(log2_t * load(rates, (k * states + n) * 3 * LANES))
                        h_t = decay * load(trail, before + LANES) + x_t * repeat(B, row * states + n)
                        store(trail, now, decay)
                        store(trail, now + LANES, h_t)
                for t in range(steps - 1, -1, -1):
                    row = b * length + begin + t
                    at = row * width + first
                    u_t = load(u, at)
                    dt_t = load(step_sizes, t * LANES)
                    x_t = dt_t * u_t
                    gy_t = load(gy, at) * whole
                    slope = gy_t
                    if gate_stride > 0:
                        z_t = load(z, row * gate_stride + first)
                        s_t = sigmoid(z_t)
                        gate = z_t * s_t
                        slope = gy_t * (s_t + gate - gate * s_t)
                        gy_t = gy_t * gate
                    y_t = skip * u_t
                    gx_t = zeros(u)
                    gdt_t = zeros(u)
                    for n in range(states):
                        before = (t * states + n) * 2 * LANES
                        now = before + states * 2 * LANES
                        rate = (k * states + n) * 3 * LANES
                        C_t = repeat(C, row * states + n)
                        h_t = load(trail, now + LANES)
                        y_t = y_t + C_t * h_t
                        gh_t = load(rates, rate + LANES) + gy_t * C_t
                        store(sums, before, load(sums, before) + gh_t * x_t)
                        store(sums, before + LANES, load(sums, before + LANES) + gy_t * h_t)
                        gx_t = gx_t + gh_t * repeat(B, row * states + n)
                        back = gh_t * load(trail, now)
                        exponent = back * load(trail, before + LANES)
                        gdt_t = gdt_t + exponent * load(rates, rate)
                        store(rates, rate + LANES, back)
                        store(rates, rate + 2 * LANES, load(rates, rate + 2 * LANES) + exponent * dt_t)
                    gdt_t = gdt_t + gx_t * u_t
                    if positive:
                        gdt_t = gdt_t * sigmoid(load(dt, at) + shift)
                    store(gu, at, gx_t * dt_t + skip * gy_t)
                    store(gdt, at, gdt_t)
                    if gate_stride > 0:
                        store(gz, at, slope * y_t)
                    skip_sum = skip_sum + gy_t * u_t
                    bias_sum = bias_sum + gdt_t
                store(skip_sums, k * LANES, skip_sum)
                store(bias_sums, k * LANES, bias_sum)
            for t in range(steps):
                row = b * length + begin + t
                for n in range(states):
                    of_both = (t * states + n) * 2 * LANES
                    gB[row * states + n] = total(load(sums, of_both))
                    gC[row * states + n] = total(load(sums, of_both + LANES))
        if ginitial.size > 0:
            for k in range(blocks - 1, -1, -1):
                corner = (b * width + min(k * LANES, width - LANES)) * states
                for n in range(states):
                    for lane in range(LANES):
                        returned = ((k * states + n) * 3 + 1) * LANES
                        ginitial[corner + lane * states + n] = rates[returned + lane]
    for k in range(blocks - 1, -1, -1):
        first = min(k * LANES, width - LANES)
        for lane in range(LANES):
            gD[first + lane] = skip_sums[k * LANES + lane]
            gbias[first + lane] = bias_sums[k * LANES + lane]
            for n in range(states):
                gA[(first + lane) * states + n] = rates[((k * states + n) * 3 + 2) * LANES + lane]
