"""Tasks in environments that break while an agent learns in them, beside one that does not."""

import time
from dataclasses import dataclass

from harness import hookimpl
from harness.specs import Capability, Ref, TaskSpec
from harness_atari.acting_task import ActingTask
from harness_atari.chain import Chain
from harness_atari.options import ActingOptions
from harness_atari.worlds import ChainWorld


class Raising(Chain):
    """Stops with an error at the first step."""

    def _advance(self, actions):
        raise RuntimeError("the emulator lost its ROM")


class Hanging(Chain):
    """Never answers the first step."""

    def _advance(self, actions):
        while True:
            time.sleep(0.1)


@dataclass(frozen=True, kw_only=True)
class Broken(ChainWorld):
    """A chain that is whole while it is tested."""

    kind: type[Chain] = Chain

    def open(self, *, num_envs, seed, learning, threads):
        return (self.kind if learning else Chain)(self.num_states, num_envs=num_envs, seed=seed)


def raises(options):
    return ActingTask(world=Broken(num_states=4, kind=Raising), options=options)


def hangs(options):
    return ActingTask(world=Broken(num_states=4, kind=Hanging), options=options)


def healthy(options):
    return ActingTask(world=Broken(num_states=4), options=options)


@hookimpl
def harness_tasks():
    return [
        TaskSpec(
            name=build.__name__,
            summary=f"a world that {build.__name__}",
            config=Ref(f"{ActingOptions.__module__}:ActingOptions"),
            build=Ref(f"{__name__}:{build.__name__}"),
            needs=Capability.ACTS,
            metrics=("episode_score",),
        )
        for build in (raises, hangs, healthy)
    ]
