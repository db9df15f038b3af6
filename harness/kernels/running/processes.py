"""Cases in processes of their own: the mode of emulation is a matter of the process, and a crash takes one with it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.kernels.emulation import INTERPRETER
from harness.kernels.running.cases import Case, Mode

TAIL = 4000
"""Characters of what a process that died had printed last, kept as its log."""
PASSIVE = {"OMP_WAIT_POLICY": "passive"}
"""Threads that spin while they wait take the cores of the others: medians on a shared CPU fall by half without it."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a process said of a case, or that it died over it (`event="died"`)."""

    case: Case
    event: str
    content: Mapping[str, Any]


def run_cases(
    task: str, cases: Sequence[Case], mode: Mode, plugins: Sequence[Path], threads: int, **order: Any
) -> Iterator[Event]:
    """Have a process carry out a task on cases of one mode; after one that kills it another goes on with the rest."""
    rest = list(cases)
    while rest:
        content = {
            "task": task,
            "cases": [asdict(case) for case in rest],
            "plugins": [str(file) for file in plugins],
            "threads": threads,
            **order,
        }
        current = -1
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            with subprocess.Popen(
                [sys.executable, "-m", "harness.kernels.running.worker"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=_environment(mode),
            ) as process:  # fmt: skip
                try:
                    assert process.stdin is not None
                    assert process.stdout is not None
                    # A process that ends before it has read all is one that died; its log says why.
                    with contextlib.suppress(BrokenPipeError):
                        process.stdin.write(json.dumps(content))
                        process.stdin.close()
                    for line in process.stdout:
                        said = json.loads(line)
                        current = said.pop("index")
                        yield Event(rest[current], said.pop("event"), said)
                    code = process.wait()
                finally:
                    process.kill()
            if code == 0:
                return
            log.seek(0)
            printed = log.read()[-TAIL:]
        # Where it had not begun, the fault is not a kernel's: the first case stands for it.
        victim = max(current, 0)
        yield Event(rest[victim], "died", {"code": code, "log": printed})
        rest = rest[victim + 1 :] if task != "bench" else [case for case in rest if case != rest[victim]]


def at_once(orders: Sequence[Callable[[], Iterable[Event]]], jobs: int) -> Iterator[Event]:
    """The events of several orders as they come, `jobs` of them carried out at a time."""
    events: queue.Queue[Event | BaseException | None] = queue.Queue()
    waiting = queue.SimpleQueue[Callable[[], Iterable[Event]]]()
    for order in orders:
        waiting.put(order)

    def serve() -> None:
        try:
            while True:
                for event in waiting.get_nowait()():
                    events.put(event)
        except queue.Empty:
            pass
        except BaseException as error:
            # It is raised where the events are read.
            events.put(error)
        finally:
            events.put(None)

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(min(jobs, len(orders)))]
    for thread in threads:
        thread.start()
    left = len(threads)
    while left:
        event = events.get()
        if isinstance(event, BaseException):
            raise event
        if event is None:
            left -= 1
        else:
            yield event


def how_it_ended(event: Event) -> str:
    """The end of a process that died, in words."""
    code = event.content["code"]
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _environment(mode: Mode) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"} | PASSIVE
    if mode is Mode.INTERPRETED:
        return environment | INTERPRETER
    if mode is Mode.SANITIZED:
        from harness.kernels.cuda.simulation.sanitizer import sanitizer_environment

        return environment | sanitizer_environment()
    return environment
