"""A task in which an agent acts, learns from what follows, and is then tested over whole episodes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from harness.interfaces import (
    ActingData,
    ActingLearner,
    Array,
    Budget,
    Checkpoints,
    Dataset,
    DatasetRequest,
    Evidence,
    FitOutcome,
    ObservationBatch,
    Record,
    SavesState,
    State,
    Streams,
    Training,
)
from harness_atari.episodes import Environments
from harness_atari.learning import learn, max_values, saved_step
from harness_atari.options import ActingOptions
from harness_atari.pictures import gif
from harness_atari.playing import Policy, constant, gather_states, greedy, play, uniform, watch
from harness_atari.traces import trace
from harness_atari.worlds import World

SEEDS = {"test": 1_000_000, "validation": 2_000_000, "held_out": 3_000_000, "references": 4_000_000}
"""Where the seeds of the environments begin, which are the same for every agent and every trial."""

LEARNING_SEEDS = 1_000_000
"""Agents learn in environments of seeds below this."""

HELD_OUT_ENVIRONMENTS = 2
TESTED_AT_ONCE = 10
"""Environments for tests, at most; a game's takes a third of a second to open."""

LONGEST_FILM = 400


@dataclass(frozen=True, kw_only=True)
class ActingTask:
    """Learn to act in one world; `budget.steps` counts the actions over all environments together."""

    world: World
    options: ActingOptions
    checkpoints: Checkpoints | None = None

    def with_checkpoints(self, checkpoints: Checkpoints) -> ActingTask:
        task = replace(self, checkpoints=checkpoints)
        # What both have gathered already is not gathered twice.
        vars(task)["_states"] = self._states
        return task

    @property
    def dataset(self) -> DatasetRequest | None:
        return None

    @property
    def extra_splits(self) -> Mapping[str, str]:
        return {}

    def describe(self) -> ActingData:
        return self.world.describe()

    def fit(
        self,
        learner: ActingLearner,
        data: Dataset | None,
        *,
        training: Training,
        budget: Budget,
        streams: Streams,
        device: torch.device,
        record: Record,
    ) -> FitOutcome:
        saved = None
        if self.checkpoints is not None and isinstance(learner, SavesState):
            saved = self.checkpoints.load()
        stream = streams.numpy(seed_stream(saved))
        seed = int(stream.integers(LEARNING_SEEDS - self.options.num_envs))
        environments = self.world.open(
            num_envs=self.options.num_envs, seed=seed, learning=True, threads=torch.get_num_threads()
        )
        return learn(
            learner,
            environments,
            held_out=self._states,
            frames_per_step=self.world.frames_per_step,
            budget=budget,
            record=record,
            overlap=self.options.overlap,
            checkpoints=self.checkpoints,
            saved=saved,
        )

    def evaluate(
        self, learner: ActingLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """`score` and `length` of each episode, `max_q` of each held-out state; `human_normalised` where printed."""
        seed = SEEDS[split]
        count = self.options.episodes() if split == "test" else self.options.validation_episodes
        rounds = math.ceil(count / TESTED_AT_ONCE)
        played = play(self._tested(learner, seed), self._open(math.ceil(count / rounds), seed), rounds)
        scores, lengths = (values.reshape(-1)[:count] for values in (played.scores, played.lengths))
        arrays: dict[str, Array] = {
            "score": scores,
            "length": lengths,
            "max_q": max_values(learner, self._states),
        }
        if published := self.world.published():
            arrays["human_normalised"] = (scores - published.random) / (published.human - published.random)
        return Evidence(arrays=arrays)

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """Mean scores of random play (`chance`) and of the best action held for ever, as tested; printed scores."""
        found: dict[str, float] = {}
        if episodes := self.options.reference_episodes:
            seed, num_actions = SEEDS["references"], self.describe().num_actions
            generator = np.random.default_rng(seed)
            found["chance"] = play(uniform(num_actions, generator), self._open(episodes, seed)).scores.mean()
            policy = constant(np.arange(num_actions), num_actions, self.options.epsilon(), generator)
            scores = play(policy, self._open(num_actions, seed), episodes).scores
            found["best_constant_action"] = scores.mean(axis=0).max()
        if published := self.world.published():
            found |= {"published_random": published.random, "published_human": published.human}
        return {name: float(value) for name, value in found.items()}

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> ObservationBatch:
        chosen = np.arange(training.batch_size) % len(self._states)
        return ObservationBatch(inputs=torch.from_numpy(self._states[chosen]).to(device))

    def illustrate(
        self, learner: ActingLearner, data: Dataset | None, *, training: Training, device: torch.device
    ) -> Mapping[str, bytes]:
        """The beginning of one game, which starts as the first tested one does: a trace of the agent's values and
        actions, and where it sees pictures, these."""
        seed = SEEDS["test"]
        generator = np.random.default_rng(seed)
        epsilon = self.options.epsilon()
        game = list(watch(learner, self._open(1, seed), epsilon=epsilon, generator=generator, limit=LONGEST_FILM))
        values, actions = np.stack([moment.values for moment in game]), np.array([moment.action for moment in game])
        rewards = np.array([moment.reward for moment in game])
        frames = self.world.frames_per_step
        found = {"episode_values.svg": trace(values, actions, rewards, self.world.actions(), frames)}
        if self.describe().pixels:
            found["episode.gif"] = gif(np.stack([moment.observation[-1] for moment in game]), frames)
        return found

    def _tested(self, learner: ActingLearner, seed: int) -> Policy:
        return greedy(learner, self.options.epsilon(), np.random.default_rng(seed))

    def _open(self, num_envs: int, seed: int) -> Environments:
        return self.world.open(num_envs=num_envs, seed=seed, learning=False, threads=torch.get_num_threads())

    @cached_property
    def _states(self) -> Array:
        """The held-out states."""
        seed = SEEDS["held_out"]
        return gather_states(self._open(HELD_OUT_ENVIRONMENTS, seed), self.options.held_out_states, seed)


def seed_stream(saved: State | None) -> str:
    """The stream that the seeds of the learning environments come from: one of its own for each step continued from,
    since an agent that goes on must not meet the same games again."""
    return "environments" if saved is None else f"environments from step {saved_step(saved)}"
