"""Each trial in a process of its own, forked from a server that has torch imported already."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

from harness.executors.contract import Advanced, Event, ExecutionSettings, Finished, Started
from harness.executors.worker import work
from harness.machine import machine_columns
from harness.planning.trials import Trial
from harness.rows import ended_from_outside, planned_columns

POLL_SECONDS = 0.2
LOG_BYTES = 4000
RESIDENT_MARGIN = 1.25


@dataclass(slots=True)
class _Running:
    """A trial's process and what its end is read from."""

    trial: Trial
    process: BaseProcess
    lifeline: Connection
    results: Connection
    log: Path
    started: float
    known: Mapping[str, Any]
    resident_limit: int
    kills_before: int

    @property
    def deadline(self) -> float:
        return self.started + self.trial.timeout_seconds


class ProcessExecutor:
    """See `harness.executors.contract.Executor`."""

    def __init__(self, settings: ExecutionSettings) -> None:
        self._settings = settings
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["harness.executors.preload"])
        self._logs = Path(tempfile.mkdtemp(prefix="harness-logs-"))
        self._running: list[_Running] = []

    def run(self, trials: Sequence[Trial]) -> Iterator[Event]:
        waiting = deque(trials)
        try:
            while waiting or self._running:
                while waiting and len(self._running) < self._settings.jobs:
                    trial = waiting.popleft()
                    self._start(trial)
                    yield Started(trial)
                yield from self._events()
        finally:
            self.close()

    def close(self) -> None:
        for running in self._running:
            _end_group(running)
        for running in self._running:
            running.process.join(timeout=1.0)
        self._running = []
        shutil.rmtree(self._logs, ignore_errors=True)

    def _start(self, trial: Trial) -> None:
        theirs, lifeline = self._context.Pipe(duplex=False)
        results, sender = self._context.Pipe(duplex=False)
        log = self._logs / f"{trial.trial_id}.log"
        process = self._context.Process(
            target=work, args=(trial, self._settings, theirs, sender, log), name=trial.trial_id
        )
        with _thread_environment(self._settings.threads):
            process.start()
        theirs.close()
        sender.close()
        known = planned_columns(trial, self._settings.run_id) | machine_columns()
        known |= {"threads": self._settings.threads, "started_at": datetime.now(UTC)}
        limit = int(self._settings.memory_bytes * RESIDENT_MARGIN) + _resident(process.pid)
        kills = _kills_for_memory()
        self._running.append(_Running(trial, process, lifeline, results, log, time.monotonic(), known, limit, kills))

    def _events(self) -> Iterator[Event]:
        """Wait a moment for messages and ends, and yield what they mean."""
        sources: list[Any] = [running.results for running in self._running]
        sources += [running.process.sentinel for running in self._running]
        ready = set(wait(sources, timeout=POLL_SECONDS))
        for running in list(self._running):
            if running.results in ready:
                yield from self._received(running)
            elif running.process.sentinel in ready:
                yield self._ended(running, *self._cause(running))
        for running in list(self._running):
            if time.monotonic() > running.deadline:
                seconds = f"{running.trial.timeout_seconds:g} s"
                yield self._ended(running, "timed_out", f"still running after its limit of {seconds}")
            elif _resident_of_group(running) > running.resident_limit:
                yield self._ended(running, "out_of_memory", f"used more than its limit of {self._memory()}")

    def _received(self, running: _Running) -> Iterator[Event]:
        try:
            message = running.results.recv()
        except (EOFError, OSError):
            running.process.join(timeout=5.0)
            yield self._ended(running, *self._cause(running))
            return
        except Exception as error:
            yield self._ended(running, "crashed", f"its answer could not be read: {type(error).__name__}: {error}")
            return
        match message:
            case ("advanced", step, steps, loss):
                yield Advanced(running.trial, step, steps, loss)
            case ("finished", outcome):
                running.process.join(timeout=2.0)
                self._dismiss(running)
                yield Finished(running.trial, outcome)

    def _cause(self, running: _Running) -> tuple[str, str]:
        exitcode = running.process.exitcode
        if exitcode is None:
            return "crashed", "the process closed its channel and did not end"
        if exitcode >= 0:
            return "crashed", f"the process ended by itself with exit code {exitcode}"
        if -exitcode == signal.SIGKILL and _kills_for_memory() > running.kills_before:
            return "out_of_memory", "the system ran out of memory and killed the process"
        return "crashed", f"killed by {signal.Signals(-exitcode).name}"

    def _ended(self, running: _Running, status: str, reason: str) -> Finished:
        self._dismiss(running)
        elapsed = time.monotonic() - running.started
        known = dict(running.known) | {
            "wall_seconds": elapsed,
            "ended_at": datetime.now(UTC),
            "load_average": psutil.getloadavg()[0],
        }
        return Finished(running.trial, ended_from_outside(running.trial, known, status, reason, _tail(running.log)))

    def _dismiss(self, running: _Running) -> None:
        self._running.remove(running)
        _end_group(running)
        running.process.join(timeout=5.0)
        running.lifeline.close()
        running.results.close()

    def _memory(self) -> str:
        return f"{self._settings.memory_bytes / 2**30:.1f} GiB"


def _end_group(running: _Running) -> None:
    """Kill the trial's process and whatever it started."""
    pid = running.process.pid
    if pid is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    if running.process.exitcode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _resident(pid: int | None) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _resident_of_group(running: _Running) -> int:
    try:
        leader = psutil.Process(running.process.pid)
        return sum(_resident(process.pid) for process in [leader, *leader.children(recursive=True)])
    except psutil.Error:
        return 0


def _kills_for_memory() -> int:
    """How many processes Linux has killed for want of memory since it started; 0 where it does not say."""
    counters = Path("/proc/vmstat")
    if not counters.exists():
        return 0
    found = [
        line.split()[1] for line in counters.read_text(encoding="ascii").splitlines() if line.startswith("oom_kill ")
    ]
    return int(found[0]) if found else 0


def _tail(log: Path) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_BYTES))
        return file.read().decode(errors="replace")


@contextmanager
def _thread_environment(threads: int) -> Iterator[None]:
    """The fork server's environment: as many threads as a trial may use, waiting without spinning."""
    wanted = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        # glibc otherwise hands memory back after every step and faults it in again: 10-15% of a small model's step
        "MALLOC_TRIM_THRESHOLD_": str(2**30),
        "MALLOC_MMAP_THRESHOLD_": str(2**30),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
