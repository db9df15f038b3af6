"""Trials one after the other in this process. For debugging: there are no limits, and a crash ends the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.executors.contract import Event, ExecutionSettings, Finished, Started
from harness.planning.trials import Trial
from harness.registry import load_registry
from harness.runtime.trial import run_trial


class InlineExecutor:
    """See `harness.executors.contract.Executor`."""

    def __init__(self, settings: ExecutionSettings) -> None:
        self._settings = settings

    def run(self, trials: Sequence[Trial]) -> Iterator[Event]:
        registry = load_registry(self._settings.plugin_files)
        for trial in trials:
            yield Started(trial)
            outcome = run_trial(
                trial,
                registry,
                cache=self._settings.cache,
                threads=self._settings.threads,
                run_id=self._settings.run_id,
                report=lambda step, steps, loss: None,
                checkpoints=self._settings.checkpoints,
                keep_weights=self._settings.keep_weights,
            )
            yield Finished(trial, outcome)

    def close(self) -> None:
        pass
