"""Declares deep Q-learners and the agents that learn nothing, which they are held against."""

from __future__ import annotations

from typing import Any

from harness.hookspecs import hookimpl
from harness.specs import Capability, ModelSpec, Ref, Source
from harness_dqn.sources import DOUBLE_Q, DQN_2013, DQN_2015, N_STEP, PARALLEL_Q

REPLAY: Ref[Any] = Ref("harness_dqn.sizes:replay_memory")


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [
        _agent("dqn_2013", "two convolutions and no target network", DQN_2013, "Dqn2013", REPLAY),
        _agent("dqn_2015", "three convolutions, a target network and a clipped error", DQN_2015, "Dqn2015", REPLAY),
        _agent("double_dqn", "dqn_2015 whose target judges what the network chose", DOUBLE_Q, "Dqn2015", REPLAY),
        _agent(
            "dqn_sample_efficient",
            "n-step double Q-learning with layer norm and Adam",
            N_STEP,
            "DqnSampleEfficient",
            REPLAY,
        ),
        _agent("pqn", "Q(lambda) on the newest steps of many environments, without replay", PARALLEL_Q, "Pqn"),
        _agent("random_agent", "every action equally often", None, "RandomAgent"),
        _agent("constant_agent", "the one action that scored best while it was tried", None, "ConstantAgent"),
    ]


def _agent(name: str, summary: str, source: Source | None, config: str, memory: Ref[Any] | None = None) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        source=source,
        config=Ref(f"harness_dqn.config:{config}Config"),
        build=Ref(f"harness_dqn.models:build_{name}"),
        learner=Ref(f"harness_dqn.models:learn_{name}"),
        capabilities=frozenset({Capability.ACTS}),
        memory=memory,
        sized_by=None,
    )
