"""`selective_scan` as Triton kernels: tiles of a few steps scanned in registers, the state carried from tile to tile.

A program has some channels of a sequence with all their states. Blocks of numbers are [steps, states, channels]:
channels lie across threads and steps within one, so that scans over steps and sums over states need few exchanges
between threads. The backward pass computes states again, from one that is kept every SEGMENT steps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.operators import Operator
from harness.kernels.triton.launching import launch
from harness_mamba.selective_scan.op import check_arguments
from harness_mamba.selective_scan.triton_functions import softplus

SEGMENT = 32
"""Steps between two states that are kept."""
MOST_STATES = 256


class Cut(NamedTuple):
    """What a program takes at once: steps of a tile, and channels, by so many warps."""

    steps: int
    channels: int
    num_warps: int


def forward_cut(block_states: int, dtype: torch.dtype) -> Cut:
    """Eight states to a thread, and as many steps as its registers hold."""
    return Cut(steps=4 if dtype == torch.float32 else 8, channels=min(32, 256 // block_states), num_warps=1)


def backward_cut(block_states: int) -> Cut:
    """Four states to a thread, since the backward pass keeps more of each."""
    return Cut(steps=8 if block_states <= 16 else 4, channels=min(32, 512 // block_states), num_warps=4)


@triton.jit
def _then(a, x, b, y):
    """The step h -> a h + x, followed by h -> b h + y."""
    return a * b, b * x + y


@triton.jit
def _then_with_previous(a, x, before_a, before_x, b, y, before_b, before_y):
    """As `_then`, with the steps up to the last but one beside it; those of a single step are 1 and 0."""
    return a * b, b * x + y, a * before_b, before_b * x + before_y


@triton.jit
def _rows(X, t, stride, columns, valid_t, valid):
    """The rows `t` of a tensor, zeros behind its end."""
    mask = valid_t[:, None] & valid[None, :]
    return tl.load(X + t.to(tl.int64)[:, None] * stride + columns[None, :], mask=mask, other=0.0).to(tl.float32)


@triton.jit
def _column(X, d, valid_d, GIVEN: tl.constexpr):
    """A parameter of the channels, zeros where it is not given."""
    if GIVEN:
        return tl.load(X + d, mask=valid_d, other=0.0).to(tl.float32)
    return tl.zeros(d.shape, tl.float32)


@triton.jit
def _step_sizes(DT, t, stride, d, valid_t, valid_d, bias, SOFTPLUS: tl.constexpr):
    """Zero behind the end, where states then stay as they are."""
    dt = _rows(DT, t, stride, d, valid_t, valid_d) + bias[None, :]
    if SOFTPLUS:
        dt = softplus(dt)
    return tl.where(valid_t[:, None], dt, 0.0)


@triton.jit
def _forward(
    U, DT, A, B, C, D, Z, DT_BIAS, INITIAL, Y, FINAL, KEPT, u_batch, u_time, dt_batch, dt_time, b_batch, b_time,
    c_batch, c_time, z_batch, z_time, length, channels, states, HAS_D: tl.constexpr, HAS_Z: tl.constexpr,
    HAS_DT_BIAS: tl.constexpr, HAS_INITIAL: tl.constexpr, SOFTPLUS: tl.constexpr, SEGMENT: tl.constexpr,
    BT: tl.constexpr, BN: tl.constexpr, BD: tl.constexpr,
):  # fmt: skip
    LOG2E: tl.constexpr = 1.4426950408889634
    d = tl.program_id(0) * BD + tl.arange(0, BD)
    b = tl.program_id(1).to(tl.int64)
    n = tl.arange(0, BN)
    steps = tl.arange(0, BT)
    valid_d, valid_n = d < channels, n < states
    valid = valid_n[:, None] & valid_d[None, :]
    of_state = d.to(tl.int64)[None, :] * states + n[:, None]  # [BN, BD]
    rates = tl.load(A + of_state, mask=valid, other=0.0).to(tl.float32) * LOG2E
    skip = _column(D, d, valid_d, HAS_D)
    bias = _column(DT_BIAS, d, valid_d, HAS_DT_BIAS)
    h = tl.zeros((BN, BD), tl.float32)
    if HAS_INITIAL:
        h = tl.load(INITIAL + b * channels * states + of_state, mask=valid, other=0.0).to(tl.float32)
    segments = tl.cdiv(length, SEGMENT)
    for start in range(0, length, BT):
        if start % SEGMENT == 0:
            kept = ((b * segments + start // SEGMENT) * states + n[:, None]) * channels + d[None, :]
            tl.store(KEPT + kept, h, mask=valid)
        t = start + steps
        valid_t = t < length
        u = _rows(U + b * u_batch, t, u_time, d, valid_t, valid_d)  # [BT, BD]
        dt = _step_sizes(DT + b * dt_batch, t, dt_time, d, valid_t, valid_d, bias, SOFTPLUS)
        b_rows = _rows(B + b * b_batch, t, b_time, n, valid_t, valid_n)  # [BT, BN]
        c_rows = _rows(C + b * c_batch, t, c_time, n, valid_t, valid_n)
        decay = tl.exp2(dt[:, None, :] * rates[None, :, :])  # [BT, BN, BD]
        x = (dt * u)[:, None, :] * b_rows[:, :, None]
        x = tl.where((steps == 0)[:, None, None], decay * h[None, :, :] + x, x)
        _, hs = tl.associative_scan((decay, x), 0, _then)
        h = tl.sum(tl.where((steps == BT - 1)[:, None, None], hs, 0.0), axis=0)
        y = tl.sum(hs * c_rows[:, :, None], axis=1) + skip[None, :] * u
        if HAS_Z:
            z = _rows(Z + b * z_batch, t, z_time, d, valid_t, valid_d)
            y *= z * tl.sigmoid(z)
        at = (b * length + t)[:, None] * channels + d[None, :]
        tl.store(Y + at, y.to(Y.dtype.element_ty), mask=valid_t[:, None] & valid_d[None, :])
    tl.store(FINAL + b * channels * states + of_state, h, mask=valid)


@triton.jit
def _backward(
    U, DT, A, B, C, D, Z, DT_BIAS, KEPT, GY, GFINAL, GU, GDT, GZ, GINITIAL, NOTES, ROWS, RATES, PARAMETERS, u_batch,
    u_time, dt_batch, dt_time, b_batch, b_time, c_batch, c_time, z_batch, z_time, length, channels, states,
    HAS_D: tl.constexpr, HAS_Z: tl.constexpr, HAS_DT_BIAS: tl.constexpr, HAS_INITIAL: tl.constexpr,
    SOFTPLUS: tl.constexpr, SEGMENT: tl.constexpr, BT: tl.constexpr, BN: tl.constexpr, BD: tl.constexpr,
):  # fmt: skip
    LOG2E: tl.constexpr = 1.4426950408889634
    LN2: tl.constexpr = 0.6931471805599453
    TILES: tl.constexpr = SEGMENT // BT
    block = tl.program_id(0)
    d = block * BD + tl.arange(0, BD)
    b = tl.program_id(1).to(tl.int64)
    n = tl.arange(0, BN)
    steps = tl.arange(0, BT)
    is_first = (steps == 0)[:, None, None]
    is_last = (steps == BT - 1)[:, None, None]
    valid_d, valid_n = d < channels, n < states
    valid = valid_n[:, None] & valid_d[None, :]
    of_state = d.to(tl.int64)[None, :] * states + n[:, None]  # [BN, BD]
    own = b * channels * states + of_state
    rates = tl.load(A + of_state, mask=valid, other=0.0).to(tl.float32) * LOG2E
    skip = _column(D, d, valid_d, HAS_D)
    bias = _column(DT_BIAS, d, valid_d, HAS_DT_BIAS)
    carry = tl.load(GFINAL + own, mask=valid, other=0.0)
    grates = tl.zeros((BN, BD), tl.float32)
    gskip = tl.zeros((BD,), tl.float32)
    gbias = tl.zeros((BD,), tl.float32)
    segments = tl.cdiv(length, SEGMENT)
    # Where this program notes the states before the tiles of a segment.
    note = NOTES + (b * tl.num_programs(0) + block) * TILES * BN * BD + n[:, None] * BD + tl.arange(0, BD)[None, :]
    for back in range(segments):
        begin = (segments - 1 - back) * SEGMENT
        kept = ((b * segments + begin // SEGMENT) * states + n[:, None]) * channels + d[None, :]
        h = tl.load(KEPT + kept, mask=valid, other=0.0)
        tiles = tl.cdiv(tl.minimum(SEGMENT, length - begin), BT)
        for tile in range(tiles):
            tl.store(note + tile * BN * BD, h)
            t = begin + tile * BT + steps
            valid_t = t < length
            u = _rows(U + b * u_batch, t, u_time, d, valid_t, valid_d)
            dt = _step_sizes(DT + b * dt_batch, t, dt_time, d, valid_t, valid_d, bias, SOFTPLUS)
            b_rows = _rows(B + b * b_batch, t, b_time, n, valid_t, valid_n)
            decay = tl.exp2(dt[:, None, :] * rates[None, :, :])
            x = (dt * u)[:, None, :] * b_rows[:, :, None]
            x = tl.where(is_first, decay * h[None, :, :] + x, x)
            _, hs = tl.associative_scan((decay, x), 0, _then)
            h = tl.sum(tl.where(is_last, hs, 0.0), axis=0)
        # What other threads noted may be read by this one.
        tl.debug_barrier()
        for tile_back in range(tiles):
            tile = tiles - 1 - tile_back
            h = tl.load(note + tile * BN * BD)
            t = begin + tile * BT + steps
            valid_t = t < length
            inside = valid_t[:, None] & valid_d[None, :]
            at = (b * length + t)[:, None] * channels + d[None, :]
            u = _rows(U + b * u_batch, t, u_time, d, valid_t, valid_d)  # [BT, BD]
            dt = _step_sizes(DT + b * dt_batch, t, dt_time, d, valid_t, valid_d, bias, SOFTPLUS)
            gr = tl.load(GY + at, mask=inside, other=0.0).to(tl.float32)
            b_rows = _rows(B + b * b_batch, t, b_time, n, valid_t, valid_n)  # [BT, BN]
            c_rows = _rows(C + b * c_batch, t, c_time, n, valid_t, valid_n)
            decay = tl.exp2(dt[:, None, :] * rates[None, :, :])  # [BT, BN, BD]
            x = (dt * u)[:, None, :] * b_rows[:, :, None]
            x = tl.where(is_first, decay * h[None, :, :] + x, x)
            one, zero = tl.full(x.shape, 1.0, tl.float32), tl.zeros(x.shape, tl.float32)
            _, hs, _, before = tl.associative_scan((decay, x, one, zero), 0, _then_with_previous)
            before = tl.where(is_first, h[None, :, :], before)
            if HAS_Z:
                z = _rows(Z + b * z_batch, t, z_time, d, valid_t, valid_d)
                gate = tl.sigmoid(z)
                y = tl.sum(hs * c_rows[:, :, None], axis=1) + skip[None, :] * u
                gz = gr * y * gate * (1.0 + z * (1.0 - gate))
                tl.store(GZ + at, gz.to(GZ.dtype.element_ty), mask=inside)
                gr *= z * gate
            line = ((block.to(tl.int64) * tl.num_programs(1) + b) * length + t)[:, None] * 2 * states + n[None, :]
            rows_mask = valid_t[:, None] & valid_n[None, :]
            tl.store(ROWS + line + states, tl.sum(hs * gr[:, None, :], axis=2), mask=rows_mask)
            # With gh_t the gradient of h_t, exp(dt_t A) gh_t goes on to t - 1: a scan backwards. The tile is turned
            # round for it, since a scan in reverse would turn round the threads as well.
            g = gr[:, None, :] * c_rows[:, :, None]
            on = decay * g
            on = tl.where(is_last, decay * carry[None, :, :] + on, on)
            _, onward, _, come = tl.associative_scan(
                (tl.flip(decay, 0), tl.flip(on, 0), one, zero), 0, _then_with_previous
            )
            gh = g + tl.where(is_last, carry[None, :, :], tl.flip(come, 0))
            carry = tl.sum(tl.where(is_last, onward, 0.0), axis=0)
            through = gh * decay * before
            gx = tl.sum(gh * b_rows[:, :, None], axis=1)  # [BT, BD]
            gdt = gx * u + tl.sum(through * rates[None, :, :], axis=1) * LN2
            grates += tl.sum(through * dt[:, None, :], axis=0)
            if SOFTPLUS:
                gdt *= tl.sigmoid(_rows(DT + b * dt_batch, t, dt_time, d, valid_t, valid_d) + bias[None, :])
            gdt = tl.where(inside, gdt, 0.0)
            gskip += tl.sum(gr * u, axis=0)
            gbias += tl.sum(gdt, axis=0)
            tl.store(GU + at, (gx * dt + skip[None, :] * gr).to(GU.dtype.element_ty), mask=inside)
            tl.store(GDT + at, gdt.to(GDT.dtype.element_ty), mask=inside)
            tl.store(ROWS + line, tl.sum(gh * (dt * u)[:, None, :], axis=2), mask=rows_mask)
        # The notes of the next segment go where these are.
        tl.debug_barrier()
    tl.store(RATES + own, grates, mask=valid)
    tl.store(PARAMETERS + b * 2 * channels + d, gskip, mask=valid_d)
    tl.store(PARAMETERS + b * 2 * channels + channels + d, gbias, mask=valid_d)
    if HAS_INITIAL:
        tl.store(GINITIAL + own, carry, mask=valid)


def check(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
    initial_state: Tensor | None = None,
) -> None:
    check_arguments(u, dt, A, B, C, D, z, dt_bias, dt_softplus, initial_state)
    if A.shape[1] > MOST_STATES or u.dtype == torch.float64:
        raise UnsupportedError(
            f"selective_scan.triton takes at most {MOST_STATES} states of float32, float16 or bfloat16; A has "
            f"{A.shape[1]} and u is {u.dtype}; use kernel=selective_scan.torch"
        )


def allocate(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
    initial_state: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The output, the last state, and the state before each segment."""
    batch, length, channels = u.shape
    states = A.shape[1]
    return (
        u.new_empty(u.shape),
        u.new_empty((batch, channels, states), dtype=torch.float32),
        u.new_empty((batch, -(-length // SEGMENT), states, channels), dtype=torch.float32),
    )


def forward(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
    initial_state: Tensor | None,
    y: Tensor,
    final_state: Tensor,
    kept: Tensor,
) -> None:
    batch, length, channels = u.shape
    states = A.shape[1]
    u, dt, B, C, z = (_with_rows(tensor) for tensor in (u, dt, B, C, z))
    A, D, dt_bias, initial_state = (_dense(tensor) for tensor in (A, D, dt_bias, initial_state))
    block_states = triton.next_power_of_2(states)
    cut = forward_cut(block_states, u.dtype)
    launch(
        _forward, (-(-channels // cut.channels), batch), u, dt, A, B, C, D, z, dt_bias, initial_state, y, final_state,
        kept, *_strides(u, dt, B, C, z), length, channels, states,
        num_warps=cut.num_warps, HAS_D=D is not None, HAS_Z=z is not None, HAS_DT_BIAS=dt_bias is not None,
        HAS_INITIAL=initial_state is not None, SOFTPLUS=dt_softplus, SEGMENT=SEGMENT, BT=cut.steps, BN=block_states,
        BD=cut.channels,
    )  # fmt: skip


def backward(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
    initial_state: Tensor | None,
    kept: Tensor,
    gy: Tensor,
    gfinal: Tensor,
    gu: Tensor,
    gdt: Tensor,
    gA: Tensor,
    gB: Tensor,
    gC: Tensor,
    gD: Tensor | None,
    gz: Tensor | None,
    gdt_bias: Tensor | None,
    ginitial: Tensor | None,
) -> None:
    batch, length, channels = u.shape
    states = A.shape[1]
    u, dt, B, C, z = (_with_rows(tensor) for tensor in (u, dt, B, C, z))
    A, D, dt_bias = (_dense(tensor) for tensor in (A, D, dt_bias))
    block_states = triton.next_power_of_2(states)
    cut = backward_cut(block_states)
    blocks = -(-channels // cut.channels)

    def numbers(*shape: int) -> Tensor:
        return u.new_empty(shape, dtype=torch.float32)

    notes = numbers(batch, blocks, SEGMENT // cut.steps, block_states, cut.channels)
    of_rows = numbers(blocks, batch, length, 2, states)
    of_rates = numbers(batch, channels, states)
    of_parameters = numbers(batch, 2, channels)
    launch(
        _backward, (blocks, batch), u, dt, A, B, C, D, z, dt_bias, kept, gy, gfinal, gu, gdt, gz, ginitial, notes,
        of_rows, of_rates, of_parameters, *_strides(u, dt, B, C, z), length, channels, states,
        num_warps=cut.num_warps, HAS_D=D is not None, HAS_Z=z is not None, HAS_DT_BIAS=dt_bias is not None,
        HAS_INITIAL=ginitial is not None, SOFTPLUS=dt_softplus, SEGMENT=SEGMENT, BT=cut.steps, BN=block_states,
        BD=cut.channels,
    )  # fmt: skip
    rows, parameters = of_rows.sum(0), of_parameters.sum(0)
    gA.copy_(of_rates.sum(0))
    gB.copy_(rows[:, :, 0])
    gC.copy_(rows[:, :, 1])
    if gD is not None:
        gD.copy_(parameters[0])
    if gdt_bias is not None:
        gdt_bias.copy_(parameters[1])


def _with_rows(tensor: Tensor | None) -> Tensor | None:
    """With neighbouring numbers in a row, however far apart the rows lie."""
    return tensor if tensor is None or tensor.stride(2) == 1 else tensor.contiguous()


def _dense(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def _strides(*tensors: Tensor | None) -> list[int]:
    return [stride for tensor in tensors for stride in ((0, 0) if tensor is None else tensor.stride()[:2])]


selective_scan = Operator(
    "selective_scan_triton", allocate=allocate, forward=forward, backward=backward, check=check, num_outputs=2
)
