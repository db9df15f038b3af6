"""The process of one trial."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import threading
from contextlib import nullcontext
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from harness.executors.contract import ExecutionSettings
from harness.planning.trials import Trial
from harness.registry import load_registry
from harness.runtime.memory_limits import allocations_limited
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
    registry = load_registry(settings.plugin_files)

    def report(step: int, steps: int, loss: float) -> None:
        results.send(("advanced", step, steps, loss))

    on_cpu = trial.device == "cpu"
    with allocations_limited(settings.memory_bytes, torch.device("cpu")) if on_cpu else nullcontext():
        outcome = run_trial(
            trial,
            registry,
            cache=settings.cache,
            threads=settings.threads,
            run_id=settings.run_id,
            report=report,
            checkpoints=settings.checkpoints,
            keep_weights=settings.keep_weights,
        )
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
