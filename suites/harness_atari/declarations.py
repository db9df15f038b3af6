"""The metrics and tasks of agents."""

from __future__ import annotations

from harness.specs import Aggregation, Capability, MetricSpec, RecordedQuantity, Ref, Scaling, Source, TaskSpec
from harness_atari.sources import DQN_2013

HERE = "harness_atari"
# name, summary, unit, whether higher is better, what of the evidence it needs
METRICS = (
    ("episode_score", "mean unclipped score of an episode, in the protocol of the task's options", "score", True, ()),
    ("best_episode", "score of the best tested episode", "score", True, ()),
    ("human_normalised", "mean of (score - random) / (human - random)", "ratio", True, ("human_normalised",)),
    ("episode_length", "mean steps of an episode; a description, not a merit", "steps", True, ()),
    ("average_max_q", "mean largest value over states of random play; no merit in itself", "return", True, ("max_q",)),
)
OVER_GAMES = Aggregation(over="game", metric="human_normalised")
CURVES = (
    RecordedQuantity(name="training_score", title="training score: mean score of the episodes since the last record"),
    RecordedQuantity(name="average_max_q", title="average max Q over held-out states, of rewards as agents learn them"),
)
EVERYWHERE = ("episode_score", "best_episode", "episode_length", "average_max_q")


def tasks() -> list[TaskSpec]:
    """What the plugin registers."""
    play = "learn to play an Atari game from its pictures, under a named protocol"
    return [
        _task(
            "atari", play, "Atari", ("ale_py", "gymnasium"), tuple(name for name, *_ in METRICS), DQN_2013, OVER_GAMES
        ),
        _task("cartpole", "balance a pole on a cart, 500 steps at most", "CartPole", ("gymnasium",)),
        _task("chain", "walk to the end of a chain; the values are known in closed form", "Chain"),
        TaskSpec(
            name="environment_throughput",
            summary="act in a growing number of Atari games at once",
            requires=("ale_py", "gymnasium"),
            config=Ref(f"{HERE}.options:ThroughputOptions"),
            build=Ref(f"{HERE}.tasks:environment_throughput"),
            needs=Capability.ACTS,
            metrics=("frames_per_second", "call_seconds", "call_seconds_p10", "call_seconds_p90"),
            shares=("harness_data",),
            scaling=Scaling(along="environments", points="environments"),
        ),
    ]


def _task(
    name: str,
    summary: str,
    options: str,
    requires: tuple[str, ...] = (),
    metrics: tuple[str, ...] = EVERYWHERE,
    source: Source | None = None,
    aggregation: Aggregation | None = None,
) -> TaskSpec:
    return TaskSpec(
        name=name,
        summary=summary,
        source=source,
        requires=requires,
        config=Ref(f"{HERE}.options:{options}Options"),
        build=Ref(f"{HERE}.tasks:{name}"),
        needs=Capability.ACTS,
        metrics=metrics,
        shares=("harness_data",),
        aggregation=aggregation,
        curves=CURVES,
    )


def metrics() -> list[MetricSpec]:
    """What the plugin registers."""
    return [
        MetricSpec(
            name=name,
            summary=summary,
            compute=Ref(f"{HERE}.metrics:{name}"),
            unit=unit,
            higher_is_better=higher,
            needs=needs,
        )
        for name, summary, unit, higher, needs in METRICS
    ]
