"""Pathfinder's contours: two grown in turn until both are complete, and shorter ones that distract.

Compiled, because a dead end of either contour starts both anew, about thirty times an image.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from harness.interfaces import Array
from harness_long_context.pathfinder_stamps import MARGIN, PADDLE_LENGTH, REACH, STEP, WINDOW, Stamps

PADDING = 1
SEED_DISTANCE = 7
RETRIALS = 2
DISTRACTOR_RETRIALS = 4
TARGET_CONTRAST = 2.0 * 0.75
DISTRACTOR_CONTRAST = 2.0
# Below this occupied share a pixel counts as free; paddles whose shares add up to more than CROWDED touch.
FREE = 0.3
CROWDED = 1.8
SMALLEST_FREE_SHARE = 0.01
SMALLEST_WEIGHT = 1e-4


class Drawings(NamedTuple):
    """Images [N, 32, 32], labels [N], the ends of the contours' paddles [N, 2, C, 2], and which contours bear the
    first and the last marker [N, 2]."""

    images: Array
    labels: Array
    tips: Array
    marked: Array


def draw(generator: np.random.Generator, stamps: Stamps, count: int, contour_length: int) -> Drawings:
    """Draw `count` images; in those with label 1 the same contour bears both markers."""
    drawings = Drawings(
        np.empty((count, WINDOW, WINDOW), dtype=np.uint8),
        np.empty(count, dtype=np.uint8),
        np.empty((count, 2, contour_length, 2), dtype=np.int8),
        np.empty((count, 2), dtype=np.int8),
    )
    _draw(generator, stamps, drawings, contour_length)
    return drawings


@njit(nogil=True, cache=True)
def _draw(generator, stamps, drawings, contour_length):  # type: ignore[no-untyped-def]
    distractor_length = contour_length // 3
    num_distractors = 20 // distractor_length
    image, mask = np.empty((WINDOW, WINDOW)), np.empty((WINDOW, WINDOW))
    spare_image, spare_mask = np.empty_like(image), np.empty_like(mask)
    for index in range(len(drawings.images)):
        tips = drawings.tips[index]
        while not _draw_two(generator, stamps, image, mask, tips, contour_length):
            pass
        for _ in range(num_distractors):
            for _ in range(DISTRACTOR_RETRIALS + 1):
                spare_image[:], spare_mask[:] = image, mask
                if _draw_distractor(generator, stamps, spare_image, spare_mask, distractor_length):
                    image[:], mask[:] = spare_image, spare_mask
                    break
        label = generator.integers(0, 2)
        first = generator.integers(0, 2)
        last = first if label == 1 else 1 - first
        start, end = tips[first, 0], tips[last, contour_length - 1]
        marked = np.maximum(stamps.markers[start[0], start[1]], stamps.markers[end[0], end[1]])
        drawings.images[index] = _scale(np.maximum(image, marked))
        drawings.labels[index] = label
        drawings.marked[index, 0], drawings.marked[index, 1] = first, last


@njit(nogil=True, cache=True)
def _draw_two(generator, stamps, image, mask, tips, length):  # type: ignore[no-untyped-def]
    """Draw both contours; False when either comes to a dead end."""
    image[:] = 0.0
    mask[:] = 1.0
    mask[PADDING:-PADDING, PADDING:-PADDING] = 0.0
    found, stamp, row, column = _seed(generator, stamps, mask, 2 * SEED_DISTANCE)
    if not found:
        return False
    contours = np.empty((2, 2), dtype=np.int64)  # the pivot of each
    directions = np.empty(2)
    last = np.empty((2, 3), dtype=np.int64)  # the stamp of each one's last paddle and where it lies
    contours[0], directions[0] = _pivot(row, column, stamp), _radians(stamp)
    last[0] = stamp, row, column
    found = False
    for _ in range(RETRIALS + 1):
        stamp = generator.integers(0, 360)
        angle = generator.integers(0, 360) * math.pi / 180
        other_row = int(np.rint(row + SEED_DISTANCE * math.sin(angle)))
        other_column = int(np.rint(column + SEED_DISTANCE * math.cos(angle)))
        if _is_inside(other_row, other_column, stamp):
            found = True
            break
    if not found:
        return False
    contours[1], directions[1] = _pivot(other_row, other_column, stamp), _radians(stamp)
    last[1] = stamp, other_row, other_column
    for which in range(2):
        _paint(image, stamps.light[last[which, 0]], last[which, 1], last[which, 2], TARGET_CONTRAST)
        tips[which, 0, 0], tips[which, 0, 1] = last[which, 1], last[which, 2]
    for paddle in range(1, length):
        for which in range(2):
            if not _extend(generator, stamps, image, mask, contours[which], directions, which, last, TARGET_CONTRAST):
                return False
            tips[which, paddle, 0], tips[which, paddle, 1] = last[which, 1], last[which, 2]
    # As in the original, only the second contour's last paddle is kept free of distractors.
    _paint(mask, stamps.shade[last[1, 0]], last[1, 1], last[1, 2], 1.0)
    return True


@njit(nogil=True, cache=True)
def _draw_distractor(generator, stamps, image, mask, length):  # type: ignore[no-untyped-def]
    """Draw one distractor; False when there is no room for it."""
    free = 0
    for value in mask.flat:
        free += value <= FREE
    if free < SMALLEST_FREE_SHARE * mask.size:
        return False
    found, stamp, row, column = _seed(generator, stamps, mask, PADDING)
    if not found:
        return False
    pivot = np.empty(2, dtype=np.int64)
    pivot[:] = _pivot(row, column, stamp)
    directions = np.full(1, _radians(stamp))
    last = np.empty((1, 3), dtype=np.int64)
    last[0] = stamp, row, column
    _paint(image, stamps.light[stamp], row, column, DISTRACTOR_CONTRAST)
    for _ in range(1, length):
        if not _extend(generator, stamps, image, mask, pivot, directions, 0, last, DISTRACTOR_CONTRAST):
            return False
    _paint(mask, stamps.shade[last[0, 0]], last[0, 1], last[0, 2], 1.0)
    return True


@njit(nogil=True, cache=True)
def _seed(generator, stamps, mask, border):  # type: ignore[no-untyped-def]
    """A direction and a free pixel inside the border where a paddle of that direction fits."""
    places = np.empty((WINDOW * WINDOW, 2), dtype=np.int64)
    for _ in range(RETRIALS + 1):
        stamp = generator.integers(0, 360)
        count = 0
        for row in range(border, WINDOW - border):
            for column in range(border, WINDOW - border):
                if _is_free(mask, stamps.footprint[stamp], row, column, border):
                    places[count, 0], places[count, 1] = row, column
                    count += 1
        if count == 0:
            return False, 0, 0, 0
        chosen = generator.integers(0, count)
        row, column = places[chosen, 0], places[chosen, 1]
        if _is_inside(row, column, stamp):
            return True, stamp, row, column
    return False, 0, 0, 0


@njit(nogil=True, cache=True)
def _is_free(mask, footprint, row, column, border):  # type: ignore[no-untyped-def]
    for dy in range(-STEP, STEP + 1):
        for dx in range(-STEP, STEP + 1):
            if footprint[dy + STEP, dx + STEP]:
                y, x = row + dy, column + dx
                if 0 <= y < WINDOW and 0 <= x < WINDOW:
                    outside = y < border or y >= WINDOW - border or x < border or x >= WINDOW - border
                    if outside or mask[y, x] > FREE:
                        return False
    return True


@njit(nogil=True, cache=True)
def _extend(generator, stamps, image, mask, pivot, directions, which, last, contrast):  # type: ignore[no-untyped-def]
    """Add a paddle to a contour, rather straight on than not; False at a dead end."""
    ahead = _translate(pivot[0], pivot[1], directions[which], PADDLE_LENGTH + 2 * MARGIN)
    weights = np.zeros(len(stamps.offsets))
    for choice in range(len(weights)):
        row, column = ahead[0] + stamps.offsets[choice, 0], ahead[1] + stamps.offsets[choice, 1]
        if 0 <= row < WINDOW and 0 <= column < WINDOW:
            turn = abs(stamps.directions[choice] - directions[which])
            turn = min(turn, 2 * math.pi - turn, math.pi / 2)
            weights[choice] = (1 - _occupied(mask, row, column)) * math.cos(turn) ** 2
    total = weights.sum()
    if total < SMALLEST_WEIGHT:
        return False
    for _ in range(RETRIALS + 1):
        choice = _pick(weights, generator.random() * total)
        stamp = 360 + choice
        row, column = ahead[0] + stamps.offsets[choice, 0], ahead[1] + stamps.offsets[choice, 1]
        if not _touches(mask, stamps.shade[stamp], row, column):
            _paint(image, stamps.light[stamp], row, column, contrast)
            _paint(mask, stamps.shade[last[which, 0]], last[which, 1], last[which, 2], 1.0)
            last[which, 0], last[which, 1], last[which, 2] = stamp, row, column
            pivot[0], pivot[1] = ahead
            directions[which] = stamps.directions[choice]
            return True
    return False


@njit(nogil=True, cache=True)
def _pick(weights, point):  # type: ignore[no-untyped-def]
    """The first choice whose cumulative weight passes the point."""
    chosen = 0
    for choice in range(len(weights)):
        if weights[choice] > 0:
            chosen = choice
            point -= weights[choice]
            if point < 0:
                break
    return chosen


@njit(nogil=True, cache=True)
def _occupied(mask, row, column):  # type: ignore[no-untyped-def]
    """How much is occupied within the margin of a pixel."""
    most = mask[row, column]
    for distance in range(1, MARGIN + 1):
        most = max(most, mask[max(row - distance, 0), column], mask[min(row + distance, WINDOW - 1), column])
        most = max(most, mask[row, max(column - distance, 0)], mask[row, min(column + distance, WINDOW - 1)])
    return most


@njit(nogil=True, cache=True)
def _touches(mask, stamp, row, column):  # type: ignore[no-untyped-def]
    for y in range(max(row - REACH, 0), min(row + REACH + 1, WINDOW)):
        for x in range(max(column - REACH, 0), min(column + REACH + 1, WINDOW)):
            if mask[y, x] + stamp[y - row + REACH, x - column + REACH] >= CROWDED:
                return True
    return False


@njit(nogil=True, cache=True)
def _paint(canvas, stamp, row, column, contrast):  # type: ignore[no-untyped-def]
    for y in range(max(row - REACH, 0), min(row + REACH + 1, WINDOW)):
        for x in range(max(column - REACH, 0), min(column + REACH + 1, WINDOW)):
            canvas[y, x] = max(canvas[y, x], stamp[y - row + REACH, x - column + REACH] * contrast)


@njit(nogil=True, cache=True)
def _is_inside(row, column, stamp):  # type: ignore[no-untyped-def]
    """Whether the first paddle's head and the pivot behind it are inside the window."""
    head = _translate(row, column, _radians(stamp), PADDLE_LENGTH)
    pivot = _pivot(row, column, stamp)
    return 0 <= head[0] < WINDOW and 0 <= head[1] < WINDOW and 0 <= pivot[0] < WINDOW and 0 <= pivot[1] < WINDOW


@njit(nogil=True, cache=True)
def _pivot(row, column, stamp):  # type: ignore[no-untyped-def]
    direction = _radians(stamp)
    head = _translate(row, column, direction, PADDLE_LENGTH)
    reversed_direction = direction + math.pi if direction < 0 else direction - math.pi
    return _translate(head[0], head[1], reversed_direction, STEP)


@njit(nogil=True, cache=True)
def _radians(stamp):  # type: ignore[no-untyped-def]
    return (stamp - 180) * math.pi / 180


@njit(nogil=True, cache=True)
def _translate(row, column, direction, distance):  # type: ignore[no-untyped-def]
    return (
        math.ceil(row + distance * math.sin(direction)),
        math.ceil(column + distance * math.cos(direction)),
    )


@njit(nogil=True, cache=True)
def _scale(image):  # type: ignore[no-untyped-def]
    """The image in eight bits from its darkest to its brightest pixel."""
    low, high = image.min(), image.max()
    return np.floor((image - low) * (255.0 / (high - low)) + 0.5).astype(np.uint8)
