"""Entries of a board: what the trials of one model, kernel and configuration say together, over seeds."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from harness.canonical import canonical_json
from harness.statistics import PairedDifference, Summary, summarise

Row: TypeAlias = Mapping[str, Any]

CONFIGURATION = ("model", "kernel", "kernels", "model_options", "training", "sources")
BOUNDS = {"fraction": (0.0, 1.0)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Replicate:
    """One seed's headline value, and the trial that left it."""

    seed: int
    value: float
    trial_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A trial without a result, and why."""

    seed: int
    trial_id: str
    status: str
    reason: str
    traceback: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSummary:
    """A further metric over the seeds that have it. `values` are those of `seeds`, in the same order."""

    name: str
    unit: str
    higher_is_better: bool
    summary: Summary
    values: tuple[float, ...]
    seeds: tuple[int, ...]

    @property
    def by_seed(self) -> dict[int, float]:
        return dict(zip(self.seeds, self.values, strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What the trials cost, as medians over seeds; None where nothing was measured."""

    parameters: int | None
    state_bytes: int | None
    flops_per_example: float | None
    train_seconds: float | None
    step_seconds: float | None
    tokens_per_second: float | None
    examples_per_second: float | None
    peak_memory_bytes: int | None
    peak_memory_kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One model, kernel and configuration on a board.

    `label` is the model with whatever sets it apart from the board's other entries of that model. `rank` is None
    without a rank, and `unranked` says why; `tied` says that other entries share the rank, `tested` that a paired
    test could be made. `behind` is the difference to the best entry of the board. `above_chance` is None when there is
    no interval or no chance level.
    """

    label: str
    model: str
    kernel: str
    kernels: tuple[tuple[str, str], ...]
    model_options: str
    training: str
    replicates: tuple[Replicate, ...]
    failures: tuple[Failure, ...]
    summary: Summary | None
    metrics: tuple[MetricSummary, ...]
    costs: Costs
    learning_rates: tuple[float, ...]
    num_candidates: int | None
    stopped: tuple[str, ...]
    above_chance: bool | None
    unranked: str
    rank: int | None = None
    tied: bool = False
    behind: PairedDifference | None = None

    @property
    def num_trials(self) -> int:
        return len(self.replicates) + len(self.failures)

    @property
    def tested(self) -> bool:
        return len(self.replicates) > 1

    @property
    def by_seed(self) -> dict[int, float]:
        return {replicate.seed: replicate.value for replicate in self.replicates}

    @property
    def statuses(self) -> tuple[tuple[str, int], ...]:
        """How often each failing status occurred, by name."""
        return tuple(sorted(Counter(failure.status for failure in self.failures).items()))


def make_entries(rows: Sequence[Row], chance: float | None, higher_is_better: bool | None) -> tuple[Entry, ...]:
    """One entry a configuration, in the order of label; without ranks."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(canonical_json([_content(row, name) for name in CONFIGURATION]), []).append(row)
    labels = _labels(groups)
    entries = [_entry(labels[key], group, chance, higher_is_better) for key, group in groups.items()]
    return tuple(sorted(entries, key=lambda entry: (entry.label, entry.model_options, entry.training)))


def _entry(label: str, rows: Sequence[Row], chance: float | None, higher_is_better: bool | None) -> Entry:
    rows = sorted(rows, key=lambda row: (row["seed"], row["trial_id"]))
    ok = [row for row in rows if row["status"] == "ok" and row["value"] is not None]
    failed = [row for row in rows if row["status"] != "ok" or row["value"] is None]
    unit = headline_unit(ok)
    summary = summarise([row["value"] for row in ok], BOUNDS.get(unit)) if ok else None
    first = rows[0]
    return Entry(
        label=label,
        model=first["model"],
        kernel=first["kernel"] or "",
        kernels=tuple(sorted(pairs(first["kernels"]).items())),
        model_options=first["model_options"] or "{}",
        training=first["training"] or "{}",
        replicates=tuple(
            Replicate(seed=row["seed"], value=row["value"], trial_id=row["trial_id"]) for row in ok
        ),
        failures=tuple(_failure(row) for row in failed),
        summary=summary,
        metrics=_metrics(ok),
        costs=_costs(ok),
        learning_rates=tuple(sorted({row["learning_rate"] for row in ok if row["learning_rate"] is not None})),
        num_candidates=first["num_candidates"],
        stopped=tuple(row["stopped"] for row in ok if row["stopped"]),
        above_chance=clears(summary, chance, higher_is_better),
        unranked=_why_unranked(ok, failed),
    )  # fmt: skip


def _why_unranked(ok: Sequence[Row], failed: Sequence[Row]) -> str:
    """A mean over the trials that survived would flatter a model that sometimes fails, so such an entry has no rank."""
    reasons = []
    if failed:
        counts = Counter(row["status"] for row in failed)
        reasons.append(", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    reasons += sorted({row["unranked_reason"] or "not ranked" for row in ok if row["ranked"] is False})
    return "; ".join(reasons)


def clears(summary: Summary | None, level: float | None, higher_is_better: bool | None) -> bool | None:
    """Whether the interval's worse end is better than a level; None where that cannot be said."""
    if summary is None or summary.low is None or summary.high is None or level is None or higher_is_better is None:
        return None
    return summary.low > level if higher_is_better else summary.high < level


def headline_unit(rows: Sequence[Row]) -> str:
    """The unit of the headline metric, as the rows' list of metrics has it."""
    for row in rows:
        for metric in row["metrics"] or ():
            if metric["name"] == row["metric"]:
                return metric["unit"] or ""
    return ""


def pairs(value: Any) -> dict[str, Any]:
    """A map column's content, which Arrow gives as a list of pairs."""
    return dict(value or ())


def _failure(row: Row) -> Failure:
    missing = "the trial ended well but left no value" if row["status"] == "ok" else "no reason was recorded"
    return Failure(
        seed=row["seed"],
        trial_id=row["trial_id"],
        status=row["status"],
        reason=row["reason"] or missing,
        traceback=row["traceback"] or "",
    )


def _metrics(rows: Sequence[Row]) -> tuple[MetricSummary, ...]:
    """All metrics in the order in which the rows have them; values that are not finite do not count."""
    values: dict[str, list[float]] = {}
    seeds: dict[str, list[int]] = {}
    described: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        for metric in row["metrics"] or ():
            if metric["value"] is not None and math.isfinite(metric["value"]):
                described.setdefault(metric["name"], metric)
                values.setdefault(metric["name"], []).append(metric["value"])
                seeds.setdefault(metric["name"], []).append(row["seed"])
    return tuple(
        MetricSummary(
            name=name,
            unit=metric["unit"] or "",
            higher_is_better=bool(metric["higher_is_better"]),
            summary=summarise(values[name], BOUNDS.get(metric["unit"])),
            values=tuple(values[name]),
            seeds=tuple(seeds[name]),
        )
        for name, metric in described.items()
    )


def _costs(rows: Sequence[Row]) -> Costs:
    def median(name: str) -> float | None:
        present = [row[name] for row in rows if row[name] is not None]
        return statistics.median(present) if present else None

    def whole(name: str) -> int | None:
        value = median(name)
        return None if value is None else round(value)

    return Costs(
        parameters=whole("parameters"),
        state_bytes=whole("state_bytes"),
        flops_per_example=median("flops_per_example"),
        train_seconds=median("train_seconds"),
        step_seconds=median("step_seconds"),
        tokens_per_second=median("tokens_per_second"),
        examples_per_second=median("examples_per_second"),
        peak_memory_bytes=whole("peak_memory_bytes"),
        peak_memory_kind=", ".join(sorted({row["peak_memory_kind"] for row in rows if row["peak_memory_kind"]})),
    )


def _content(row: Row, name: str) -> Any:
    return pairs(row[name]) if name in ("kernels", "sources") else row[name]


def _labels(groups: Mapping[str, Sequence[Row]]) -> dict[str, str]:
    """The model's name for each group, with what sets it apart from the other groups of that model."""
    settings = {key: _settings(rows[0]) for key, rows in groups.items()}
    labels: dict[str, str] = {}
    for key, rows in groups.items():
        model = rows[0]["model"]
        peers = [settings[other] for other, found in groups.items() if found[0]["model"] == model]
        varied = [
            name
            for name, value in settings[key].items()
            if (value != "auto" if name == "kernel" else any(peer.get(name, value) != value for peer in peers))
        ]
        label = " ".join([model, *(f"{name}={settings[key][name]}" for name in varied)])
        alike = sum(taken == label or taken.startswith(f"{label} #") for taken in labels.values())
        labels[key] = f"{label} #{alike + 1}" if alike else label
    return labels


def _settings(row: Row) -> dict[str, str]:
    """Everything that can set two entries of a model apart, flat and in words."""
    flat = {"kernel": row["kernel"] or "auto"}
    flat |= {f"kernel.{op}": name for op, name in pairs(row["kernels"]).items() if flat["kernel"] == "auto"}
    flat |= {name: _word(value) for name, value in parsed(row["model_options"]).items()}
    flat |= {f"training.{name}": _word(value) for name, value in parsed(row["training"]).items()}
    return flat | {f"source.{name}": str(value)[-8:] for name, value in pairs(row["sources"]).items()}


def parsed(options: str | None) -> dict[str, Any]:
    """Options as a row keeps them."""
    content: dict[str, Any] = json.loads(options or "{}")
    return content


def _word(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)
