"""Pictures of what an agent made of a game: the values of its actions, which it took, and where rewards came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

import numpy as np

from harness.interfaces import Array
from harness_atari.protocols import FRAMES_PER_SECOND

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b5579a", "#8a6d00", "#3f9fd6", "#6a6a6a", "#7a4fd0", "#c23b22")
DASHES = ("", "6 3", "2 2")
"""Actions of one colour differ in their dashes; the console has 18 actions."""

WIDTH, LEFT, RIGHT = 660, 150, 16
VALUES, LANE, REWARDS = 180, 14, 44
GAP = 30
GAIN, LOSS, SOFT, RULE, RANDOM = "#00855f", "#b3261e", "#55606b", "#d9dee4", "#111"


def trace(values: Array, actions: Array, rewards: Array, names: Sequence[str], frames_each: int) -> bytes:
    """An SVG of one game: `values` [T, actions], `actions` taken [T] and `rewards` [T] of its steps.

    An action that was not of the largest value, which only chance takes, is dark. A step lasts `frames_each` frames of
    the emulator; 1 where there is none.
    """
    lanes_top = GAP + VALUES + GAP
    rewards_top = lanes_top + LANE * len(names) + GAP
    bottom = rewards_top + REWARDS
    parts = [
        *_values(values, GAP),
        *_taken(values, actions, names, lanes_top),
        *_rewards(rewards, rewards_top),
        *_steps(len(actions), frames_each, bottom),
    ]
    height = bottom + 38
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#1b1f24">'
    )
    return "\n".join([head, f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>', *parts, "</svg>\n"]).encode()


def _values(values: Array, top: float) -> Iterator[str]:
    """A line an action, over three levels."""
    lowest, highest = float(values.min()), float(values.max())
    room = 0.05 * (highest - lowest) or 0.5
    low, high = lowest - room, highest + room

    def place(value: float) -> float:
        return top + VALUES * (high - value) / (high - low)

    yield _text(0, top - 12, "value of each action: the return that the agent expects", "start")
    for level in np.linspace(low + room, high - room, 3):
        yield f'<path d="M{LEFT} {place(level):.1f}H{WIDTH - RIGHT}" stroke="{RULE}"/>'
        yield _text(LEFT - 6, place(level) + 4, f"{level:.3g}", "end")
    middles = [_along(step + 0.5, len(values)) for step in range(len(values))]
    for action, of_action in enumerate(values.T):
        points = " ".join(f"{x:.1f},{place(value):.1f}" for x, value in zip(middles, of_action, strict=True))
        yield f'<polyline points="{points}" fill="none" stroke-width="1.3" {_stroke(action)}/>'


def _taken(values: Array, actions: Array, names: Sequence[str], top: float) -> Iterator[str]:
    """A lane an action, with its name and the line that it has above, filled while it was taken."""
    best = values[np.arange(len(actions)), actions] == values.max(axis=1)
    share = f"{(~best).mean():.0%} dark: not of the largest value, taken by chance" if not best.all() else ""
    yield _text(0, top - 12, "action taken" + (f"; {share}" if share else ""), "start")
    for action, name in enumerate(names):
        middle = top + LANE * (action + 0.5)
        yield _text(LEFT - 32, middle + 4, name, "end")
        yield f'<path d="M{LEFT - 28} {middle:.1f}h22" stroke-width="2" {_stroke(action)}/>'
        yield f'<path d="M{LEFT} {middle + LANE / 2:.1f}H{WIDTH - RIGHT}" stroke="{RULE}" stroke-width=".5"/>'
    for (action, is_best), run in groupby(range(len(actions)), lambda step: (int(actions[step]), bool(best[step]))):
        steps = list(run)
        colour = COLOURS[action % len(COLOURS)] if is_best else RANDOM
        yield _bar(steps[0], len(steps), len(actions), top + LANE * action + 2, LANE - 4, colour)


def _rewards(rewards: Array, top: float) -> Iterator[str]:
    """A bar at each step with a reward, up or down from the middle."""
    most, middle = float(np.abs(rewards).max(initial=0.0)), top + REWARDS / 2
    yield _text(0, top - 12, f"reward; score so far {float(rewards.sum()):g}", "start")
    yield f'<path d="M{LEFT} {middle}H{WIDTH - RIGHT}" stroke="{SOFT}" stroke-width=".7"/>'
    yield _text(LEFT - 6, middle + 4, "0", "end")
    if most == 0:
        return
    for value in (most, -most):
        if (np.sign(rewards) == np.sign(value)).any():
            yield _text(LEFT - 6, middle - np.sign(value) * (REWARDS / 2 - 4) + 4, f"{value:+g}", "end")
    for value, run in groupby(range(len(rewards)), lambda step: float(rewards[step])):
        steps, height = list(run), abs(value) / most * REWARDS / 2
        if value:
            start, colour = (middle - height, GAIN) if value > 0 else (middle, LOSS)
            yield _bar(steps[0], len(steps), len(rewards), start, height, colour)


def _steps(count: int, frames_each: int, top: float) -> Iterator[str]:
    """The axis that all share."""
    yield f'<path d="M{LEFT} {top}H{WIDTH - RIGHT}" stroke="{SOFT}"/>'
    for step in sorted({0, count // 2, count}):
        yield f'<path d="M{_along(step, count):.1f} {top}v4" stroke="{SOFT}"/>'
        yield _text(_along(step, count), top + 16, str(step), "end" if step == count else "middle")
    frames = f" of {frames_each} frames, {frames_each / FRAMES_PER_SECOND:.3f} s" if frames_each > 1 else ""
    yield _text(LEFT + (WIDTH - LEFT - RIGHT) / 2, top + 31, f"step{frames}", "middle")


def _along(step: float, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * step / count


def _bar(first: int, length: int, count: int, top: float, height: float, colour: str) -> str:
    left, width = _along(first, count), max(1.0, _along(length, count) - _along(0, count))
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _stroke(action: int) -> str:
    dashes = DASHES[action // len(COLOURS) % len(DASHES)]
    return f'stroke="{COLOURS[action % len(COLOURS)]}"' + (f' stroke-dasharray="{dashes}"' if dashes else "")


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
