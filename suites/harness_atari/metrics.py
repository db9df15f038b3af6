"""Metrics over the evidence of acting tasks."""

from __future__ import annotations

from harness.interfaces import Array, Evidence, Measurement


def episode_score(evidence: Evidence) -> Measurement:
    """The mean score of an episode."""
    return _mean(evidence.arrays["score"])


def best_episode(evidence: Evidence) -> Measurement:
    """The score of the best episode."""
    scores = evidence.arrays["score"]
    return Measurement(value=float(scores.max()), n=len(scores))


def human_normalised(evidence: Evidence) -> Measurement:
    """The mean of (score - random) / (human - random), by the printed scores of the game."""
    return _mean(evidence.arrays["human_normalised"])


def episode_length(evidence: Evidence) -> Measurement:
    """The mean number of an episode's steps."""
    return _mean(evidence.arrays["length"])


def average_max_q(evidence: Evidence) -> Measurement:
    """The mean over the held-out states of the largest value that the agent gives an action."""
    return _mean(evidence.arrays["max_q"])


def _mean(values: Array) -> Measurement:
    return Measurement(value=float(values.mean()), n=len(values))
