"""How fast `dqn_2015` learns beside the DQN of stable-baselines3: steps a second, acting and updates together.

    pip install stable-baselines3
    python benchmarks/dqn_learning.py

Both have the network of 2015, batches of 32, an update every 4 steps, centred RMSProp and the same threads (one, or
`--threads`), and play the same environment of random frames, which costs next to nothing. Rounds are interleaved in one
process; the printed figure is the median of the ratios of neighbouring rounds. With `--profile` it prints instead where
the time of an update goes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import gymnasium
import numpy as np
import torch

from harness.interfaces import ActingData, Array, Training, Transitions
from harness_dqn.config import Dqn2015Config
from harness_dqn.models import build_dqn_2015, learn_dqn_2015
from harness_dqn.q_learner import QLearner

DATA = ActingData(num_actions=4, shape=(4, 84, 84), pixels=True)
BATCH, STEPS_PER_UPDATE, KEPT, EPSILON, RATE = 32, 4, 10_000, 0.1, 2.5e-4
EPISODE = 1000


class Noise(gymnasium.Env[Array, np.int64]):
    """Random frames, each of which comes to the last ones; an episode has `EPISODE` steps."""

    observation_space = gymnasium.spaces.Box(0, 255, DATA.shape, np.uint8)
    action_space = gymnasium.spaces.Discrete(DATA.num_actions)

    def __init__(self) -> None:
        self.frames = np.random.default_rng(0).integers(0, 256, (256, *DATA.shape[1:]), dtype=np.uint8)
        self.age = 0

    def observation(self) -> Array:
        return self.frames[np.arange(self.age, self.age + DATA.shape[0]) % len(self.frames)]

    def reset(self, **options: object) -> tuple[Array, dict[str, object]]:
        self.age = 0
        return self.observation(), {}

    def step(self, action: np.int64) -> tuple[Array, float, bool, bool, dict[str, object]]:
        self.age += 1
        return self.observation(), float(action == 0), self.age == EPISODE, False, {}


def our_learner(steps: int) -> QLearner:
    config = Dqn2015Config(
        replay_frames=KEPT,
        learning_starts=BATCH,
        steps_per_update=STEPS_PER_UPDATE,
        initial_epsilon=EPSILON,
        final_epsilon=EPSILON,
    )
    torch.manual_seed(0)
    training = Training(learning_rate=RATE, batch_size=BATCH)
    return learn_dqn_2015(build_dqn_2015(config, DATA, {}), training=training, steps=steps)


def ours(total: int) -> Callable[[int], None]:
    learner, environment = our_learner(total), Noise()
    seen = environment.reset()[0]

    def play(steps: int) -> None:
        nonlocal seen
        for _ in range(steps):
            action = learner.act(seen[None])
            following, reward, ended, _, _ = environment.step(action[0])
            over = np.array([ended])
            learner.observe(
                Transitions(
                    observations=seen[None],
                    actions=action,
                    rewards=np.array([reward]),
                    terminated=over,
                    truncated=np.zeros(1, bool),
                    restarted=over,
                    next_observations=following[None],
                )
            )
            seen = environment.reset()[0] if ended else following

    return play


def theirs() -> Callable[[int], None]:
    from stable_baselines3 import DQN

    learner = DQN(
        "CnnPolicy",
        Noise(),
        learning_rate=RATE,
        buffer_size=KEPT,
        learning_starts=BATCH,
        batch_size=BATCH,
        train_freq=STEPS_PER_UPDATE,
        gradient_steps=1,
        target_update_interval=STEPS_PER_UPDATE * 10_000,
        exploration_initial_eps=EPSILON,
        exploration_final_eps=EPSILON,
        policy_kwargs={
            "optimizer_class": torch.optim.RMSprop,
            "optimizer_kwargs": {"alpha": 0.95, "eps": 0.01, "centered": True},
        },
        device="cpu",
        seed=0,
    )

    def play(steps: int) -> None:
        learner.learn(steps, reset_num_timesteps=False)

    return play


def seconds(play: Callable[[int], None], steps: int) -> float:
    started = time.perf_counter()
    play(steps)
    return (time.perf_counter() - started) / steps


def compare(rounds: int, steps: int) -> None:
    plays = ours(rounds * steps), theirs()
    for play in plays:
        play(steps // 2)
    found = []
    for index in range(rounds):
        order = (0, 1) if index % 2 else (1, 0)
        timed = {which: seconds(plays[which], steps) for which in order}
        found.append((timed[0], timed[1]))
    low, middle, high = statistics.quantiles([other / own for own, other in found], n=4)
    print(f"ours {1 / statistics.median(own for own, _ in found):.1f} steps/s")
    print(f"stable-baselines3 {1 / statistics.median(other for _, other in found):.1f} steps/s")
    print(f"ours / theirs: median {middle:.3f} of {rounds}, quartiles {low:.3f} to {high:.3f}")


def profile(steps: int) -> None:
    play = ours(2 * steps)
    play(steps)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as recorded:
        play(steps)
    print(recorded.key_averages().table(sort_by="self_cpu_time_total", row_limit=12, max_name_column_width=40))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.profile:
        profile(arguments.steps)
    else:
        compare(arguments.rounds, arguments.steps)


if __name__ == "__main__":
    main()
