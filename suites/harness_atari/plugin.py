"""What this plugin declares: tasks for agents, their metrics and the suite."""

from harness.hookspecs import hookimpl
from harness.specs import MetricSpec, SuiteSpec, TaskSpec
from harness_atari import declarations


@hookimpl
def harness_tasks() -> list[TaskSpec]:
    return declarations.tasks()


@hookimpl
def harness_metrics() -> list[MetricSpec]:
    return declarations.metrics()


@hookimpl
def harness_suites() -> list[SuiteSpec]:
    summary = "agents that learn to act: Atari games, CartPole and a chain"
    return [SuiteSpec(name="atari", summary=summary, package="harness_atari", file="atari.toml")]
