"""What is seen of a run: a live table on a terminal, plain lines elsewhere, JSON lines for a script."""

from __future__ import annotations

import json
import math
import sys
import time
from collections import Counter
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.executors.contract import Advanced, Event, Finished, Started
from harness.planning.trials import Trial


class Display(Protocol):
    """Shows the events of a run."""

    def open(self, total: int, done: int) -> None: ...
    def show(self, event: Event) -> None: ...
    def close(self) -> None: ...


def choose_display(as_json: bool, console: Console) -> Display:
    if as_json:
        return JsonDisplay()
    return LiveDisplay(console) if console.is_terminal else LineDisplay(console)


class _Tally:
    """How many trials were planned, are done, how each ended, and how long the rest will take."""

    def __init__(self) -> None:
        self.total = self.before = 0
        self.statuses: Counter[str] = Counter()
        self.started = time.monotonic()
        self.running: dict[str, tuple[Trial, int, int, float]] = {}

    def update(self, event: Event) -> None:
        match event:
            case Started(trial):
                self.running[trial.trial_id] = (trial, 0, trial.budget.steps, math.nan)
            case Advanced(trial, step, steps, loss):
                self.running[trial.trial_id] = (trial, step, steps, loss)
            case Finished(trial, outcome):
                self.running.pop(trial.trial_id, None)
                self.statuses[outcome.row["status"]] += 1

    @property
    def finished(self) -> int:
        return self.before + sum(self.statuses.values())

    def seconds_left(self) -> float | None:
        """Linear in the trials, counting the started ones by their share of steps."""
        shares = sum(step / steps for _, step, steps, _ in self.running.values() if steps)
        done = sum(self.statuses.values()) + shares
        if done < 0.2:
            return None
        return (time.monotonic() - self.started) / done * (self.total - self.before - done)


class LiveDisplay:
    """Running trials with their step and loss, counts, and the time left; finished trials scroll by above."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tally = _Tally()
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def open(self, total: int, done: int) -> None:
        self._tally.total, self._tally.before = total, done
        self._live.start()

    def show(self, event: Event) -> None:
        self._tally.update(event)
        if isinstance(event, Finished):
            self._console.print(finished_line(event), highlight=False, soft_wrap=True)
        self._live.update(self._render())

    def close(self) -> None:
        self._live.stop()

    def _render(self) -> Group:
        table = Table.grid(padding=(0, 2))
        for trial, step, steps, loss in self._tally.running.values():
            shown = "starting" if math.isnan(loss) else f"step {step}/{steps}  loss {loss:.3f}"
            filled = round(20 * step / steps) if steps else 0
            bar = Text("━" * filled, style="green") + Text("━" * (20 - filled), style="bright_black")
            table.add_row("  ", trial.label, bar, shown)
        return Group(table, Text(_summary(self._tally), style="bold"))


class LineDisplay:
    """One line a finished trial."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tally = _Tally()

    def open(self, total: int, done: int) -> None:
        self._tally.total, self._tally.before = total, done

    def show(self, event: Event) -> None:
        self._tally.update(event)
        if isinstance(event, Finished):
            text = finished_line(event)
            self._console.print(f"[{self._tally.finished}/{self._tally.total}] {text.plain}", markup=False,
                                highlight=False, soft_wrap=True)  # fmt: skip

    def close(self) -> None:
        pass


class JsonDisplay:
    """One JSON object a line on standard output."""

    def open(self, total: int, done: int) -> None:
        self._write({"event": "opened", "trials": total, "done": done})

    def show(self, event: Event) -> None:
        match event:
            case Started(trial):
                self._write({"event": "started", "trial_id": trial.trial_id, "label": trial.label})
            case Advanced(trial, step, steps, loss):
                number = loss if math.isfinite(loss) else None
                content = {"event": "advanced", "trial_id": trial.trial_id, "step": step, "steps": steps}
                self._write({**content, "loss": number})
            case Finished(trial, outcome):
                names = ("status", "reason", "metric", "value", "wall_seconds")
                content = {"event": "finished", "trial_id": trial.trial_id, "label": trial.label}
                self._write(content | {name: outcome.row.get(name) for name in names})

    def close(self) -> None:
        pass

    def _write(self, content: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(content) + "\n")
        sys.stdout.flush()


def finished_line(event: Finished) -> Text:
    row = event.outcome.row
    seconds = f"{row['wall_seconds']:.1f} s"
    if row["status"] == "ok":
        return Text(f"ok   {event.trial.label}  {row['metric']} {row['value']:.4f}  {seconds}")
    return Text(f"{row['status']}", style="red") + Text(f"   {event.trial.label}  {row['reason']}  {seconds}")


def _summary(tally: _Tally) -> str:
    failed = sum(count for status, count in tally.statuses.items() if status not in ("ok", "unsupported"))
    parts = [f"{tally.finished} of {tally.total} trials done", f"{len(tally.running)} running", f"{failed} failed"]
    left = tally.seconds_left()
    if left is not None:
        parts.append(f"about {duration(left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
