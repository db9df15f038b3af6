"""What the core itself registers, in the same way as anyone's plugin."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import ExecutorSpec, Ref, ReporterSpec


@hookimpl
def harness_executors() -> list[ExecutorSpec]:
    return [
        ExecutorSpec(
            name="inline",
            summary="one after the other in this process, for debugging: a crash takes the run with it",
            build=Ref("harness.executors.inline:InlineExecutor"),
        ),
        ExecutorSpec(
            name="processes",
            summary="each trial in a process of its own, with time and memory limits",
            build=Ref("harness.executors.processes:ProcessExecutor"),
        ),
    ]


@hookimpl
def harness_reporters() -> list[ReporterSpec]:
    return [
        ReporterSpec(
            name="html",
            summary="one self-contained page that needs no network",
            render=Ref("harness.reports.html:render"),
            suffix=".html",
        ),
        ReporterSpec(
            name="markdown",
            summary="tables for a pull request",
            render=Ref("harness.reports.markdown:render"),
            suffix=".md",
        ),
    ]
