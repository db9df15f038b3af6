"""What Pathfinder's images are made of: anti-aliased paddles, their surroundings, and round markers.

Everything is drawn at twice the size and reduced with a Lanczos filter, in eight bits as the original does. A paddle
looks the same wherever it lies, so each direction is drawn once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from harness.interfaces import Array

WINDOW = 32
PADDLE_LENGTH = 2
MARGIN = 1
MARKER_RADIUS = 1.5
SCALE = 2
LANCZOS_LOBES = 3
STEP = PADDLE_LENGTH + MARGIN
# Half of a stamp's width: the paddle, its rounded-up thickness of one half, and the margin.
REACH = PADDLE_LENGTH + 1 + MARGIN


class Stamps(NamedTuple):
    """Tables that the contour generator looks up. Directions are in radians, rows go down, columns right."""

    light: Array  # [360 + K, 9, 9] brightness of a paddle that starts at the centre; first one for each degree
    shade: Array  # [360 + K, 9, 9] what the paddle and its margin occupy
    footprint: Array  # [360, 7, 7] where a paddle of that degree would touch what is there already
    offsets: Array  # [K, 2] where the next paddle may end, from its pivot
    directions: Array  # [K] the direction of each offset
    markers: Array  # [32, 32, 32, 32] the image of a marker at each pixel


def make_stamps() -> Stamps:
    """Draw them all."""
    offsets = _circle()
    directions = np.arctan2(offsets[:, 0], offsets[:, 1])
    degrees = np.arange(-180, 180) * math.pi / 180
    # A later paddle is drawn from its end back to the pivot.
    flipped = np.where(directions < 0, directions + math.pi, directions - math.pi)
    paddles = [_paddle(direction) for direction in [*degrees, *flipped]]
    light = np.stack([paddle[0] for paddle in paddles])
    shade = np.stack([paddle[1] for paddle in paddles])
    return Stamps(light, shade, _footprints(shade[: len(degrees)]), offsets, directions, _markers())


def translate(row: float, column: float, direction: float, distance: float) -> tuple[int, int]:
    """The pixel at a distance, rounded up in both coordinates."""
    return math.ceil(row + distance * math.sin(direction)), math.ceil(column + distance * math.cos(direction))


def reduce(image: Array, size: int) -> Array:
    """The image in eight bits, reduced to `size` x `size` by a separable Lanczos filter; 0..1."""
    filters = _lanczos(len(image), size)
    # Columns first, then rows, each rounded and clipped: the order shows where the filter overshoots.
    narrowed = np.clip(np.rint(image @ filters.T), 0, 255)  # [S, size]
    reduced: Array = np.clip(np.rint(filters @ narrowed), 0, 255) / 255  # [size, size]
    return reduced


def _circle() -> Array:
    """The pixels that a circle of one step's radius meets, one sample for each pixel of its length."""
    angles = np.arange(0, 360, 360 / (2 * math.pi * STEP)) * math.pi / 180
    samples = np.stack([np.floor(STEP * np.sin(angles)), np.floor(STEP * np.cos(angles))], axis=1)
    return np.unique(samples.astype(np.int64), axis=0)


def _paddle(direction: float) -> tuple[Array, Array]:
    centre = REACH * SCALE
    fine = np.zeros((2 * centre + 1, 2 * centre + 1))
    head = translate(centre, centre, direction, PADDLE_LENGTH * SCALE)
    for row, column in _line((centre, centre), head):
        fine[row, column] = 255
    size = 2 * REACH + 1
    return reduce(fine, size), reduce(_dilate(fine, MARGIN * SCALE), size)


def _line(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """The pixels from start to end, one for each step along the longer axis; halves are rounded towards the end."""
    rows, columns = end[0] - start[0], end[1] - start[1]
    steps = max(abs(rows), abs(columns), 1)
    return [
        (start[0] + _share(rows, step, steps), start[1] + _share(columns, step, steps)) for step in range(steps + 1)
    ]


def _share(distance: int, step: int, steps: int) -> int:
    share = (2 * step * abs(distance) + steps) // (2 * steps)
    return share if distance >= 0 else -share


def _dilate(image: Array, radius: int) -> Array:
    """The largest value within a disc around each pixel."""
    size = len(image)
    padded = np.pad(image, radius)
    dilated: Array = np.maximum.reduce(
        [
            padded[radius + dy : radius + dy + size, radius + dx : radius + dx + size]
            for dy in range(-radius, radius + 1)
            for dx in range(-radius, radius + 1)
            if dy * dy + dx * dx <= radius * radius
        ]
    )
    return dilated


def _footprints(shade: Array) -> Array:
    """The fully occupied pixels of each paddle in a window of 7x7.

    The paddle starts one pixel right of and below the window's centre, as in the original.
    """
    half = STEP
    first = REACH - (half + 1)
    size = 2 * half + 1
    return shade[:, first : first + size, first : first + size] >= 1.0


def _markers() -> Array:
    fine = np.arange(WINDOW * SCALE)
    markers = np.empty((WINDOW, WINDOW, WINDOW, WINDOW), dtype=np.float32)
    for row in range(WINDOW):
        for column in range(WINDOW):
            squared = (fine[:, None] - row * SCALE) ** 2 + (fine[None, :] - column * SCALE) ** 2
            markers[row, column] = reduce(255.0 * (squared <= (MARKER_RADIUS * SCALE) ** 2), WINDOW)
    return markers


def _lanczos(size: int, reduced: int) -> Array:
    """The filter as a matrix [reduced, size]; rows sum to one."""
    ratio = size / reduced
    centres = (np.arange(reduced) + 0.5) * ratio
    distance = (np.arange(size) + 0.5 - centres[:, None]) / ratio
    weights: Array = np.sinc(distance) * np.sinc(distance / LANCZOS_LOBES) * (np.abs(distance) < LANCZOS_LOBES)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights
