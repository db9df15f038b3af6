"""Random trees of list operations as token ids, with their values. Compiled: nine of ten trees are thrown away."""

from __future__ import annotations

import numpy as np
from numba import njit

from harness.interfaces import Array

PAD = 0
FIRST_DIGIT = 1
MIN, MAX, MEDIAN, SUM_MOD = 11, 12, 13, 14
CLOSE = 15
OPERATOR_SHARE = 0.25
ATTEMPTS = 20_000_000


def grow(
    generator: np.random.Generator, count: int, *, min_length: int, max_length: int, max_depth: int, max_args: int
) -> tuple[Array, Array, Array]:
    """Tokens uint8 [N, max_length] padded on the right, lengths [N] and values [N] of N <= `count` trees.

    Lengths lie strictly between the limits. Fewer trees than asked for come back after `ATTEMPTS` failures on end.
    """
    tokens = np.full((count, max_length), PAD, dtype=np.uint8)
    lengths, values = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.uint8)
    grown = _grow(generator, tokens, lengths, values, min_length, max_length, max_depth, max_args)
    return tokens[:grown], lengths[:grown], values[:grown]


@njit(nogil=True, cache=True)
def _grow(generator, tokens, lengths, values, min_length, max_length, max_depth, max_args):  # type: ignore[no-untyped-def]
    arguments = np.empty((max_depth, max_args), dtype=np.int64)
    open_nodes = np.empty((max_depth, 3), dtype=np.int64)  # operator, arguments wanted, arguments there
    row = attempts = 0
    while row < len(tokens) and attempts < ATTEMPTS:
        length, value = _grow_one(generator, tokens[row], max_length, max_depth, max_args, arguments, open_nodes)
        attempts += 1
        if min_length < length < max_length:
            tokens[row, length:] = PAD
            lengths[row], values[row] = length, value
            row, attempts = row + 1, 0
    if row < len(tokens):
        tokens[row, :] = PAD
    return row


@njit(nogil=True, cache=True)
def _grow_one(generator, tokens, max_length, max_depth, max_args, arguments, open_nodes):  # type: ignore[no-untyped-def]
    """Write one tree from its root on; its length and value, or the length `max_length` as soon as it is too long."""
    length = depth = 0
    while length < max_length:
        # A node at the largest depth is a digit; the root has depth one.
        if depth + 1 < max_depth and generator.random() <= OPERATOR_SHARE:
            operator = MIN + generator.integers(0, 4)
            tokens[length] = operator
            length += 1
            open_nodes[depth, 0], open_nodes[depth, 1], open_nodes[depth, 2] = (
                operator,
                generator.integers(2, max_args + 1),
                0,
            )
            depth += 1
            continue
        value = generator.integers(0, 10)
        tokens[length] = FIRST_DIGIT + value
        length += 1
        while depth > 0:
            there = open_nodes[depth - 1, 2]
            arguments[depth - 1, there] = value
            open_nodes[depth - 1, 2] = there + 1
            if there + 1 < open_nodes[depth - 1, 1]:
                break
            if length >= max_length:
                return max_length, 0
            depth -= 1
            value = _apply(open_nodes[depth, 0], arguments[depth, : there + 1])
            tokens[length] = CLOSE
            length += 1
        if depth == 0:
            return length, value
    return max_length, 0


@njit(nogil=True, cache=True)
def _apply(operator, arguments):  # type: ignore[no-untyped-def]
    if operator == MIN:
        return arguments.min()
    if operator == MAX:
        return arguments.max()
    if operator == SUM_MOD:
        return arguments.sum() % 10
    ordered = np.sort(arguments)
    half = len(ordered) // 2
    # The mean of the middle two is truncated.
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2
