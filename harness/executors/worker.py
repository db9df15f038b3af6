"""The process of one trial."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from harness.executors.contract import ExecutionSettings
from harness.planning.trials import Trial
from harness.registry import load_registry
from harness.runtime.trial import run_trial

PR_SET_PDEATHSIG = 1


def work(trial: Trial, settings: ExecutionSettings, lifeline: Connection, results: Connection, log: Path) -> None:
    """Run a trial and send `("advanced", step, steps, loss)` messages, then `("finished", outcome)`.

    The process leads a group of its own, writes what it prints to `log`, and ends with its group when the run that
    started it does: `lifeline` is closed by the system then, however the run ended.
    """
    os.setsid()
    _end_with_server()
    _redirect(log)
    faulthandler.enable()
    threading.Thread(target=_end_with_run, args=(lifeline,), daemon=True).start()
    if trial.device == "cpu":
        _limit_memory(settings.memory_bytes)
    registry = load_registry(settings.plugin_files)

    def report(step: int, steps: int, loss: float) -> None:
        results.send(("advanced", step, steps, loss))

    outcome = run_trial(
        trial,
        registry,
        cache=settings.cache,
        threads=settings.threads,
        run_id=settings.run_id,
        report=report,
        checkpoints=settings.checkpoints,
    )
    _lift_memory_limit()
    results.send(("finished", outcome))
    results.close()


def _redirect(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)


def _end_with_run(lifeline: Connection) -> None:
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os.killpg(0, signal.SIGKILL)


def _end_with_server() -> None:
    """On Linux the kernel ends this process with the fork server, even in code that never lets go of the GIL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_memory(extra_bytes: int) -> None:
    """Let the process take `extra_bytes` more than it has; past that an allocation fails inside the trial."""
    if sys.platform != "linux":
        return
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    data = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:"))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = data + extra_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))


def _lift_memory_limit() -> None:
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
